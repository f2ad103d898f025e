"""Real Redis, PostgreSQL and SMTP servers for the tests that need them, each of its own and gone afterwards.

A machine without one skips those tests; with LOKET_REQUIRE_SERVICES=1, which `make test` sets, a skip is a
failure.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest

SERVICE_MARKS = ("redis", "postgres", "smtp", "browser")

#: The databases of the longest tests: PostgreSQL is their second one in the soak, which runs the suite whole on it.
IN_TURN = ["postgres" if os.environ.get("LOKET_TEST_DATABASE") == "postgres" else "sqlite"]


def required() -> bool:
    """Must every service be there?"""
    return os.environ.get("LOKET_REQUIRE_SERVICES") == "1"


def unavailable(what: str) -> None:
    """Skip the test that asks, or fail it where services are required."""
    if required():
        pytest.fail(f"{what} is not here, and LOKET_REQUIRE_SERVICES=1 asks for it", pytrace=False)
    pytest.skip(f"{what} is not here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A skipped test of a service counts as failed where services are required."""
    report: Any = yield
    if report.skipped and not hasattr(report, "wasxfail") and required():
        marks = [name for name in SERVICE_MARKS if item.get_closest_marker(name)]
        if marks:
            report.outcome = "failed"
            report.longrepr = (
                f"skipped, but LOKET_REQUIRE_SERVICES=1 wants every {' and '.join(marks)} test run"
            )
    return report


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(
    happened: Callable[[], bool], *, seconds: float = 20, every: float = 0.05, what: str = "it"
) -> None:
    """Wait for something another process does; fails the test when it does not happen in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(every)


def _die_with_tests() -> None:
    """In the child: Linux ends it when the test run is killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class RedisService:
    """A redis-server that a test may stop and start again; its data stays."""

    def __init__(self, folder: Path, program: str) -> None:
        from portal.installation.redis_server import (
            RedisServer,
        )  # the portal is imported by tests, not by a plugin

        self.server = RedisServer(program, folder / "data", folder / "redis.sock")
        self.server.data_dir.mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.server.url

    def start(self) -> None:
        self.process = subprocess.Popen(self.server.command(), preexec_fn=_die_with_tests)
        wait_until(self.server.answers, what="the start of Redis")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(10)
            self.process = None


def find_redis() -> str:
    """The Redis of this machine; skips or fails the test that asks where there is none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        unavailable("redis-server")
    return str(program)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisService]:
    """A running redis-server with `url`, `stop()` and `start()`; whoever stops it starts it again."""
    program = find_redis()
    with tempfile.TemporaryDirectory(prefix="loket-test-") as folder:
        service = RedisService(Path(folder), program)
        service.start()
        yield service
        service.stop()


class PostgresService:
    """A PostgreSQL cluster in a temporary folder; as root it runs as the user postgres, which is a must."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.user: dict[str, Any] = {}
        self.folder = folder

    def start(self) -> None:
        from portal.installation.environment import find_program

        initdb, postgres = find_program("initdb"), find_program("postgres")
        if initdb is None or postgres is None:
            unavailable("PostgreSQL")
            return
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            self.user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        making = [initdb, "-D", str(self.data), "-U", "loket", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*making, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "min_wal_size": "32MB",
            "max_wal_size": "128MB",
            "max_connections": 100,
            "log_min_messages": "panic",
            "logging_collector": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [postgres, "-D", str(self.data), *options],
            cwd="/",
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_tests,
            **self.user,
        )
        wait_until(self.answers, what="the start of PostgreSQL")

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self.connect():
            return True
        return False

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="loket",
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"loket_{uuid.uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://loket@127.0.0.1:{self.port}/{name}"

    def copy_database(self, template: str, name: str) -> None:
        """Make a database anew as a copy of another one: by file in memory, where that is twice as fast."""
        with self.connect() as connection:
            known = connection.info.server_version >= 150000
            by_file = "STRATEGY FILE_COPY" if known and MEMORY in self.folder.parents else ""
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {by_file}')

    def drop(self, url: str) -> None:
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's word for: do not wait for clients
            self.process.wait(20)


#: Where a cluster is kept in memory: making a database from a template takes a tenth of the time it takes on disk.
MEMORY = Path("/dev/shm")
CLUSTER_BYTES = 1 << 30


def _cluster_home() -> Path | None:
    """The memory where there is room for a cluster, without what killed runs left there; None: the disk."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return None
    for left in MEMORY.glob("loket-test-*-*"):
        owner = left.name.split("-")[2]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY if shutil.disk_usage(MEMORY).free >= CLUSTER_BYTES else None


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresService]:
    """A running PostgreSQL with `new_database()`."""
    home, prefix = _cluster_home(), f"loket-test-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=home, ignore_cleanup_errors=True) as folder:
        service = PostgresService(Path(folder))
        service.start()
        yield service
        service.stop()


@pytest.fixture(scope="module")
def postgres_url(postgres_cluster: PostgresService) -> Iterator[str]:
    """The URL of a PostgreSQL database that is empty at the start of the module and gone after it."""
    url = postgres_cluster.new_database()
    yield url
    postgres_cluster.drop(url)


class SmtpService:
    """The recording mail server in a process of its own; tests/smtp_recorder.py says what it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self, *, delay: float = 0.0) -> None:
        """Start it, again on the same port; a delay in seconds passes between receiving and answering."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        script = Path(__file__).with_name("smtp_recorder.py")
        command = [sys.executable, str(script), str(self.port), str(self.folder), "--delay", str(delay)]
        self.process = subprocess.Popen(command, preexec_fn=_die_with_tests)
        wait_until(ready.exists, what="the start of the mail server")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def log(self) -> list[dict[str, Any]]:
        """Every line ever written, in order."""
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def answered(self, message_id: str) -> list[dict[str, Any]]:
        """The answers this server gave for a mail; a sender must not repeat one that stands here."""
        return [
            line for line in self.log() if line["event"] == "answered" and line["message_id"] == message_id
        ]

    def mails(self, to: str | None = None) -> list[EmailMessage]:
        """The mails received, in order; those to one address when it is given."""
        received = (line for line in self.log() if line["event"] == "received")
        return [self._read(line["file"]) for line in received if to is None or to in line["to"]]

    def attached(self, name: str) -> list[tuple[str, bytes]]:
        """The files of a mail, by the name that stands in the log."""
        parts = self._read(name).iter_attachments()
        return [(part.get_filename() or "", bytes(part.get_payload(decode=True) or b"")) for part in parts]

    def _read(self, name: str) -> EmailMessage:
        with (self.folder / name).open("rb") as file:
            return email.message_from_binary_file(file, policy=email.policy.default)


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[SmtpService]:
    """A running mail server: `url`, `mails(to)`, `log()`, `answered(id)`, `stop()`, `start(delay=)`."""
    with tempfile.TemporaryDirectory(prefix="loket-test-") as folder:
        service = SmtpService(Path(folder))
        service.start()
        yield service
        service.stop()
