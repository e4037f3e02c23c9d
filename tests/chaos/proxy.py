"""A TCP door in front of a box: it cuts connections at random bytes, or sends each new one to whoever is alive."""

import contextlib
import random
import socket
import threading
from collections.abc import Callable

from tests.chaos.boxes import free_port

CONNECT_SECONDS = 1.0
IDLE_SECONDS = 60.0
PIECE = 4096


class Proxy:
    """`targets` are ports, asked in turn. `cut_after` says after how many answered bytes a connection is cut."""

    def __init__(self, targets: list[int], cut_after: Callable[[], int] | None = None) -> None:
        self._targets = targets
        self._cut_after = cut_after
        self._turn = 0
        self._open: set[socket.socket] = set()
        self.cuts = 0
        self.is_closed = False
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.is_closed = True
        # Closing alone wakes nobody who waits at the door.
        _end(self._listener)
        for one in tuple(self._open):
            _end(one)

    def _accept(self) -> None:
        while not self.is_closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = self._connect()
        if server is None:
            _end(client)
            return
        pair = (client, server)
        self._open.update(pair)
        for one in pair:
            one.settimeout(IDLE_SECONDS)
        asking = threading.Thread(target=_pass_on, args=(client, server), daemon=True)
        asking.start()
        try:
            self._answer(server, client)
        finally:
            for one in pair:
                _end(one)
                self._open.discard(one)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        left = self._cut_after() if self._cut_after is not None else None
        with contextlib.suppress(OSError):
            while piece := server.recv(PIECE):
                if left is not None and len(piece) >= left:
                    client.sendall(piece[:left])
                    self.cuts += 1
                    return
                client.sendall(piece)
                left = left - len(piece) if left is not None else None

    def _connect(self) -> socket.socket | None:
        """The next one that answers."""
        for _ in self._targets:
            self._turn += 1
            port = self._targets[self._turn % len(self._targets)]
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS)
        return None


def random_bytes(seed: int) -> Callable[[], int]:
    """Most cuts come early: in the head, in the greeting, in the replay. Some let a whole replay pass."""
    dice = random.Random(seed)

    def cut() -> int:
        return int(20_000 ** dice.random()) + 1 if dice.random() < 0.7 else dice.randint(60_000, 300_000)

    return cut


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := client.recv(PIECE):
            server.sendall(piece)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
