"""Files by the hash of their content, one folder a tenant: `media/<tenant>/<ab>/<sha256>`.

Nothing here knows who may read; callers have read the row under the viewer's policies first.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from hunfly_box.kit.errors import HunflyError
from hunfly_box.kit.ids import new_id
from hunfly_box.kit.paths import OWNER_ONLY_DIR

HASH = re.compile(r"[0-9a-f]{64}")
# Below this share of the disk nothing but messages is stored: a full disk stops Postgres.
LEAST_FREE_SHARE = 0.10
CHUNK_BYTES = 256 * 1024


class DiskFull(HunflyError):
    status = 507
    code = "media.disk_full"
    title = "The disk is almost full; files are not stored until there is room"


def path_of(root: Path, tenant_id: UUID, sha256: str) -> Path:
    """Raises ValueError for what is not a hash: the name comes from a row, and still never leaves the folder."""
    if not HASH.fullmatch(sha256):
        raise ValueError("not a sha256")
    return root / str(tenant_id) / sha256[:2] / sha256


def read(root: Path, tenant_id: UUID, sha256: str) -> bytes:
    return path_of(root, tenant_id, sha256).read_bytes()


def open_bytes(root: Path, tenant_id: UUID, sha256: str) -> BinaryIO:
    return path_of(root, tenant_id, sha256).open("rb")


def write(root: Path, tenant_id: UUID, chunks: Iterable[bytes]) -> tuple[str, int]:
    """Hash and size. Durable when it returns: the row that names the file is written afterwards."""
    refuse_when_full(root)
    folder = root / str(tenant_id)
    folder.mkdir(mode=OWNER_ONLY_DIR, parents=True, exist_ok=True)
    half_written = folder / f".incoming-{new_id()}"
    digest, size = hashlib.sha256(), 0
    try:
        descriptor = os.open(half_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        target = path_of(root, tenant_id, digest.hexdigest())
        target.parent.mkdir(mode=OWNER_ONLY_DIR, exist_ok=True)
        half_written.replace(target)
    finally:
        half_written.unlink(missing_ok=True)
    return digest.hexdigest(), size


def refuse_when_full(root: Path) -> None:
    root.mkdir(mode=OWNER_ONLY_DIR, parents=True, exist_ok=True)
    disk = shutil.disk_usage(root)
    if disk.free < disk.total * LEAST_FREE_SHARE:
        raise DiskFull


def head(root: Path, tenant_id: UUID, sha256: str, size: int) -> bytes:
    with open_bytes(root, tenant_id, sha256) as file:
        return file.read(size)
