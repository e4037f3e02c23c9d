"""The second copy of what waits in Redis, on this machine's disk: Redis may forget, and the sender was told 202.

One file for each outage and process, locked by who writes or reads it. What a dead process left behind is found by
whoever uses the same data folder next. Storing something that came back from Redis as well changes nothing.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from hunfly_box.kit.ids import new_id
from hunfly_box.kit.paths import OWNER_ONLY_DIR, OWNER_ONLY_FILE

SUFFIX = ".spill"
LENGTH_BYTES = 4
AT_ONCE = 100

Fields = dict[bytes, bytes]
Store = Callable[[list[Fields]], Awaitable[bool]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Fields).decode


class SpillFile:
    """In the event loop; the disk is waited for in threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None
        self._lock = asyncio.Lock()

    async def append(self, records: Sequence[Fields]) -> None:
        """On the disk when this returns. Raises OSError."""
        packed = [_encode(record) for record in records]
        whole = b"".join(len(one).to_bytes(LENGTH_BYTES, "big") + one for one in packed)
        async with self._lock:
            await asyncio.to_thread(self._append, whole)

    def _append(self, whole: bytes) -> None:
        if self._file is None:
            self._file = self._open()
        try:
            if self._file.write(whole) < len(whole):
                raise OSError(errno.ENOSPC, "no room for the whole record")
            os.fsync(self._file.fileno())
        except OSError:
            # Behind half a record nothing would be found again.
            self._file.close()
            self._file = None
            raise

    def _open(self) -> FileIO:
        """Nobody sees it under its name before it is locked."""
        self._folder.mkdir(mode=OWNER_ONLY_DIR, exist_ok=True)
        name = self._folder / f"{new_id()}{SUFFIX}"
        hidden = name.with_suffix(".new")
        file = os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE), "wb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    async def close(self) -> None:
        """What is written next goes to another file; this one may be read."""
        async with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def left(self) -> list[Path]:
        """Oldest first; among them those of processes that live."""
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    async def drain(self, store: Store) -> int:
        """Gives `store` everything that nobody writes any more, and forgets it. Stops when that says False."""
        await self.close()
        drained = 0
        for path in self.left():
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                if not _is_ours(file):
                    continue
                for records in _batches(file):
                    if not await store(records):
                        return drained
                    drained += len(records)
                path.unlink(missing_ok=True)
        return drained


def _is_ours(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _batches(file: BinaryIO) -> Iterator[list[Fields]]:
    """Until the end, or a record that was never finished: its sender got no answer."""
    batch: list[Fields] = []
    while len(head := file.read(LENGTH_BYTES)) == LENGTH_BYTES:
        length = int.from_bytes(head, "big")
        try:
            batch.append(_decode(file.read(length)))
        except msgspec.MsgspecError:
            break
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
