"""What somebody with a fresh clone does: `make run`, look, Ctrl-C, and again. Run by .ci/run.

python3 tests/smoke.py        needs git, make and Python; makes its own copy, environment and port
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FIRST_START = 420  # seconds, most of them for downloading
SECOND_START = 15


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="loket-smoke-") as folder:
        clone = Path(folder) / "a clone"  # with a space, as somebody will have one
        copy_project(clone)
        port = free_port()
        first = Run(clone, port)
        print(f"first start: {first.up(FIRST_START):.1f} s", flush=True)
        first.look_around()
        first.stop()
        second = Run(clone, port)
        took = second.up(FIRST_START)
        print(f"second start: {took:.1f} s", flush=True)
        second.look_around()
        check("the demo shop is kept, not made again", "Making the demo shop" not in second.printed())
        second.stop()
        check(f"a second start takes less than {SECOND_START} s", took < SECOND_START)
        check("the queue's folder is there", (clone / "instance/demo/redis/appendonlydir").is_dir())
    print("smoke test passed", flush=True)
    return 0


class Run:
    """One `make run` in the clone, in a process group of its own as a terminal makes one."""

    def __init__(self, clone: Path, port: int) -> None:
        self.port = port
        self.mark = uuid.uuid4().hex
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        kept |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.output = clone.parent / f"output-{self.mark}"
        self.begun = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "run"],
                cwd=clone,
                env={**kept, "PORT": str(port), "SMOKE_MARK": self.mark},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def up(self, patience: float) -> float:
        """Wait for /health to answer 200; returns the seconds since `make run` was typed."""
        while True:
            if self.get("/health")[0] == 200:
                took = time.monotonic() - self.begun
                break
            if self.process.poll() is not None:
                self.fail("make run ended by itself")
            if time.monotonic() - self.begun > patience:
                self.fail(f"/health did not answer 200 within {patience} s")
            time.sleep(0.2)
        deadline = time.monotonic() + 10
        while "Stop it with Ctrl-C" not in self.printed():
            if time.monotonic() > deadline:
                self.fail("the address was not printed")
            time.sleep(0.1)
        return took

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def look_around(self) -> None:
        for path in ("/", "/login"):
            status, page = self.get(path)
            check(f"{path} answers 200 with a page", status == 200 and "</html>" in page, page[:2000])
        for word in (f"http://127.0.0.1:{self.port}/", "emma@example.com", "loket-demo"):
            check(f"{word} is printed", word in self.printed(), self.printed())

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.fail("Ctrl-C did not stop it")
        left = self.processes()
        check("nothing is left running", not left, str(left) + "\n" + self.printed())
        bad = [
            line for line in self.printed().splitlines() if re.search(r"Traceback| ERROR | CRITICAL ", line)
        ]
        check("nothing went wrong", not bad, self.printed())
        check("it said goodbye", "Loket has stopped." in self.printed(), self.printed())

    def processes(self) -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"SMOKE_MARK={self.mark}".encode() in (entry / "environ").read_bytes():
                    found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
            except OSError:
                continue
        return found

    def fail(self, why: str) -> None:
        for process in self.processes():
            os.kill(int(process.split()[0]), signal.SIGKILL)
        check(why, False, self.printed())


def check(what: str, holds: bool, shown: str = "") -> None:
    if holds:
        print(f"ok: {what}", flush=True)
        return
    print(shown, file=sys.stderr)
    sys.exit(f"smoke test failed: {what}")


def copy_project(clone: Path) -> None:
    """The files a clone would have, as they are in the work tree."""
    clone.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (PROJECT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone / name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
