"""The real process tree around a portal of a few lines: start, restart, order of the stop, nothing left."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.redis,
    pytest.mark.skipif(sys.platform != "linux", reason="counts processes through /proc"),
]


class Installation:
    """One run of the fake portal, with a mark in its environment by which all its processes are found."""

    def __init__(self, folder: Path, mode: str = "demo", **settings: str) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.port = free_port()
        self.output = folder / f"output-{self.mark}"
        self.process = subprocess.Popen(
            [sys.executable, str(PROJECT / "tests/installation/fake_portal.py"), str(folder)],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PROJECT),
                "LOKET_MODE": mode,
                "INSTANCE_DIR": str(folder / "instance"),
                "PORT": str(self.port),
                "TEST_MARK": self.mark,
                **settings,
            },
            stdout=self.output.open("wb"),
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def wait_for(self, happened: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, f"did not happen in time\n{self.processes()}\n" + self.kill()
            time.sleep(0.05)

    def up(self) -> Installation:
        self.wait_for(lambda: "Stop it with" in self.printed or self.process.poll() is not None)
        assert "Stop it with" in self.printed, self.printed
        return self

    def processes(self) -> dict[int, str]:
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"TEST_MARK={self.mark}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "comm").read_text().strip()
            except OSError:
                continue
        return found

    def named(self, name: str) -> list[int]:
        return [pid for pid, known in self.processes().items() if known == name]

    def get(self, **headers: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/pay/s3cret?code=hush", headers=headers)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def end(self, number: int) -> str:
        """Send the signal as a terminal does (to the group), and return all that was printed."""
        os.killpg(self.process.pid, number)
        return self.finish()

    def finish(self, seconds: float = 30) -> str:
        self.process.wait(seconds)
        return self.printed

    def kill(self) -> str:
        for pid in self.processes():
            # Each may end by itself once its parent is gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return self.finish()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    runs: list[Installation] = []

    def start(mode: str = "demo", **settings: str) -> Installation:
        runs.append(Installation(tmp_path, mode, **settings))
        return runs[-1]

    yield start
    for run in runs:
        if run.processes():
            run.kill()


def test_starts_everything_and_ctrl_c_stops_it_in_order(begin, tmp_path: Path) -> None:
    run = begin().up()
    assert f"Loket is at http://127.0.0.1:{run.port}/\nLog in as somebody\n" in run.printed
    run.wait_for(lambda: len(run.named("loket web")) == 3)  # the web server and its two workers
    names = sorted(run.processes().values())
    for name in ("loket worker ma", "loket worker do", "loket scheduler", "loket mail catc"):
        assert names.count(name) == 1, names

    pid, redis_url, smtp_url, scheme = run.get(**{"X-Forwarded-Proto": "https"}).split()
    assert int(pid) in run.named("loket web")
    assert scheme == "http"  # nobody believes a forwarded header before the app has counted the proxies
    socket_path = Path(redis_url.removeprefix("unix://"))
    assert socket_path.is_socket() and len(str(socket_path)) < 107

    with smtplib.SMTP("127.0.0.1", int(smtp_url.rpartition(":")[2])) as client:
        client.sendmail("shop@example.com", ["emma@example.com"], "Subject: Hello\r\n\r\nHi\r\n")
    (caught,) = (tmp_path / "instance/demo/mail").glob("*.eml")
    assert caught.read_text().startswith(
        "X-Envelope-From: shop@example.com\nX-Envelope-To: emma@example.com\nSubject"
    )

    printed = run.end(signal.SIGINT)
    assert run.process.returncode == 0, printed
    assert printed.rstrip().endswith("Loket has stopped.")
    stopped = re.findall(r"loket: stopped (.*)", printed)
    assert stopped[0] == "web" and stopped[-2:] == ["mail catcher", "redis"]
    assert set(stopped[1:-2]) == {"worker mail billing", "worker documents", "scheduler"}
    assert "finished with Redis there" in (tmp_path / "work-mail").read_text()
    assert run.processes() == {}
    assert not socket_path.parent.exists()

    assert "GET /pay/… 200" in printed
    assert "s3cret" not in printed and "hush" not in printed and "threads were running" not in printed


def test_garbage_is_looked_for_in_the_parts_and_not_during_the_start(begin, tmp_path: Path) -> None:
    """What was loaded before the forks is frozen; what a part makes afterwards is collected."""
    begin().up()
    lines = (tmp_path / "garbage").read_text().splitlines()
    assert [line.split()[2:] for line in lines] == [["True", "True"]] * 2


def test_sigterm_stops_everything_too(begin) -> None:
    run = begin().up()
    os.kill(run.process.pid, signal.SIGTERM)
    run.finish()
    assert run.process.returncode == 0
    assert run.processes() == {}


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(begin) -> None:
    run = begin().up()
    run.process.kill()
    run.wait_for(lambda: not run.processes(), 15)
    again = begin().up()
    assert again.get()
    temporary = re.findall(r"unix://(\S+)", again.get())[0]
    assert [*Path(temporary).parent.parent.glob("loket-*/redis.sock")].count(Path(temporary)) == 1
    assert again.end(signal.SIGINT).endswith("Loket has stopped.\n")


@pytest.mark.parametrize("name", ["loket web", "loket worker do", "loket scheduler"])
def test_a_part_that_dies_is_restarted(begin, name: str) -> None:
    run = begin().up()
    # A part gets its name a moment after it was started.
    run.wait_for(lambda: run.named(name))
    before = run.named(name)
    os.kill(min(before), signal.SIGKILL)
    # Not all of them need have had their names yet.
    run.wait_for(lambda: len(run.named(name)) >= len(before) and not set(before) & set(run.named(name)))
    assert run.get()
    assert "was ended by SIGKILL, starting it again in 1 s" in run.end(signal.SIGINT)


def test_redis_that_dies_comes_back_with_what_it_held(begin) -> None:
    import redis

    run = begin().up()
    url = re.findall(r"unix://\S+", run.get())[0]
    with redis.Redis.from_url(url) as client:
        client.rpush("rq:queue:mail", "bell")
        time.sleep(1.2)  # it writes to the disk once a second
        os.kill(client.info()["process_id"], signal.SIGKILL)
        run.wait_for(lambda: answers(client))
        assert client.lrange("rq:queue:mail", 0, -1) == [b"bell"]
    run.end(signal.SIGINT)
    assert run.processes() == {}


def answers(client) -> bool:
    import redis

    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_data_redis_cannot_read_is_set_aside(begin, tmp_path: Path) -> None:
    append_only = tmp_path / "instance/demo/redis/appendonlydir"
    append_only.mkdir(parents=True)
    (append_only / "appendonly.aof.manifest").write_text("this is no manifest\n")
    run = begin().up()
    assert "Redis could not start on its data" in run.printed
    assert [*(tmp_path / "instance/demo").glob("redis-unreadable-*")]
    run.end(signal.SIGINT)


def test_a_stubborn_worker_is_killed_and_a_second_ctrl_c_ends_the_patience(begin, tmp_path: Path) -> None:
    (tmp_path / "stubborn").touch()
    run = begin().up()
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(1)
    begun = time.monotonic()
    printed = run.end(signal.SIGINT)
    assert time.monotonic() - begun < 6
    assert "worker documents did not stop in time and is killed" in printed
    assert run.processes() == {}


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("refuse", "Loket: The database holds something else."),
        ("die", "Loket: preparation was ended by SIGKILL."),
    ],
)
def test_a_failed_preparation_is_one_sentence(begin, tmp_path: Path, file: str, sentence: str) -> None:
    (tmp_path / file).touch()
    run = begin()
    assert sentence in run.finish().splitlines()
    assert run.process.returncode == 1
    assert "Traceback" not in run.printed
    assert run.processes() == {}


def test_ctrl_c_during_the_preparation(begin, tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    run = begin()
    run.wait_for(lambda: (tmp_path / "prepared").exists())
    assert "Traceback" not in run.end(signal.SIGINT)
    assert run.process.returncode == 0
    assert run.processes() == {}


def test_a_part_that_keeps_dying_is_tried_less_and_less_often(begin, tmp_path: Path) -> None:
    (tmp_path / "scheduler-dies").touch()
    run = begin().up()
    time.sleep(3.5)
    printed = run.end(signal.SIGINT)
    delays = re.findall(r"scheduler ended with status 3, starting it again in (\d+) s", printed)
    assert delays[:2] == ["1", "2"] and len(delays) <= 3


def test_a_taken_port_is_named(begin) -> None:
    run = begin()
    run.kill()
    with socket.create_server(("127.0.0.1", run.port)):
        second = begin(PORT=str(run.port))
        printed = second.finish()
    assert f"Loket: Port {run.port} is in use by another program: stop that one, or set PORT" in printed
    assert second.process.returncode == 1
    assert second.processes() == {}


def test_a_second_start_in_the_same_folder_is_refused(begin) -> None:
    run = begin().up()
    second = begin()
    printed = second.finish()
    assert f"is running from {second.folder}/instance/demo already (process {run.process.pid})" in printed
    assert second.process.returncode == 1
    assert run.get()


def test_serving_starts_no_mail_catcher_and_keeps_its_own_folder(begin, tmp_path: Path) -> None:
    run = begin("serve").up()
    assert run.get().split()[2] == "None"
    assert "mail catcher" not in run.printed
    assert not (tmp_path / "instance/demo").exists()
    run.end(signal.SIGINT)


def test_a_redis_and_a_mail_server_of_ones_own_are_used(begin, redis_server) -> None:
    run = begin(REDIS_URL=redis_server.url, SMTP_URL="smtp://127.0.0.1:2525").up()
    assert run.get().split()[1:3] == [redis_server.url, "smtp://127.0.0.1:2525"]
    assert "started redis" not in run.printed and "started mail catcher" not in run.printed
    (run.folder / "redis-socket").write_text(redis_server.url.removeprefix("unix://"))
    run.end(signal.SIGINT)
    assert run.processes() == {}
