"""The servers of a run, each a process of its own that ends with the run: web, Redis, PostgreSQL, mail."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from bench.machine import PROJECT
from portal.installation import redis_server
from portal.installation.environment import find_program


class Absent(Exception):
    """A program that a part needs is not on this machine."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(happened: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    """Asks again and again; TimeoutError when the time is over."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.01)


def end_with_us() -> None:
    """In a child: Linux ends it when the run is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A running program, told to stop at the end and killed when it does not."""
    options = {"cwd": PROJECT, "preexec_fn": end_with_us, **options}
    running = subprocess.Popen(command, **options)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def listens(port: int) -> bool:
    """Does anybody answer there?"""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Web(NamedTuple):
    """A running web server."""

    port: int
    pid: int


@contextlib.contextmanager
def gunicorn(target: str, env: Mapping[str, str]) -> Iterator[Web]:
    """One sync worker on a free port."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "sync", "--log-level", "error",
        "--bind", f"127.0.0.1:{port}", "--no-control-socket", target,
    ]  # fmt: skip
    with process(command, env={**env, "PYTHONPATH": str(PROJECT)}) as running:

        def ready() -> bool:
            if running.poll() is not None:
                raise RuntimeError(f"gunicorn did not start {target}")
            return listens(port)

        wait_for(ready, f"the start of {target}")
        yield Web(port, running.pid)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis with the options of the portal's own; answers its URL."""
    program = redis_server.find_program()
    if program is None:
        raise Absent("no Redis")
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as folder:
        server = redis_server.RedisServer(program, Path(folder, "data"), Path(folder, "redis.sock"))
        server.data_dir.mkdir()
        with process(server.command()):
            wait_for(server.answers, "the start of Redis")
            yield server.url


class MailSink:
    """The mail server of a run: takes every mail, and writes a byte into a pipe for each."""

    def __init__(self, port: int, pipe: int) -> None:
        self.port, self._pipe = port, pipe

    @property
    def url(self) -> str:
        """For SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def await_mails(self, count: int) -> None:
        """Returns when so many mails more have come."""
        while count > 0:
            taken = os.read(self._pipe, count)
            if not taken:
                raise RuntimeError("the mail server has ended")
            count -= len(taken)


@contextlib.contextmanager
def mail_sink() -> Iterator[MailSink]:
    """A running mail server."""
    port = free_port()
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "bench.references.mail_sink", str(port), str(writer)]
    try:
        with process(command, pass_fds=[writer]):
            os.close(writer)
            wait_for(lambda: listens(port), "the start of the mail server")
            yield MailSink(port, reader)
    finally:
        os.close(reader)


class Postgres:
    """A PostgreSQL cluster that keeps its databases between runs; pages only read, so nothing is forced to disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.pid = 0

    def database(self, name: str) -> tuple[str, bool]:
        """The URL of a database, and whether it is yet to be made."""
        with self._connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return f"postgresql+psycopg://loket@127.0.0.1:{self.port}/{name}", known is None

    def empty(self, name: str) -> str:
        """The database made anew."""
        with self._connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.database(name)[0]

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="loket",
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def answers(self) -> bool:
        """Is it up?"""
        with contextlib.suppress(psycopg.OperationalError), self._connect():
            return True
        return False


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running cluster in a folder; as root it runs as the user postgres, which is a must."""
    initdb, program = find_program("initdb"), find_program("postgres")
    if initdb is None or program is None:
        raise Absent("no PostgreSQL")
    folder.mkdir(parents=True, exist_ok=True)
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data = folder / "data"
    if not (data / "made").exists():
        shutil.rmtree(data, ignore_errors=True)
        making = [
            initdb,
            "-D",
            str(data),
            "-U",
            "loket",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
        (data / "made").touch()
    cluster = Postgres(folder)
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as sockets:
        if user:
            os.chown(sockets, user["user"], user["group"])
        settings = {
            "port": cluster.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": sockets,
            "fsync": "off",
            "max_wal_size": "4GB",
            "shared_buffers": "256MB",
            "log_min_messages": "panic",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with process(
            [program, "-D", str(data), *options], cwd="/", stderr=subprocess.DEVNULL, **user
        ) as running:
            cluster.pid = running.pid
            wait_for(cluster.answers, "the start of PostgreSQL")
            try:
                yield cluster
            finally:
                running.send_signal(signal.SIGINT)
                running.wait(30)
