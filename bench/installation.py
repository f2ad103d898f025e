"""The whole installation as `make run` starts it: how long its start takes, and what it holds in memory when idle."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench import servers
from bench.machine import PROJECT
from bench.rounds import family
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured

MB = 2**20
SETTLED_SECONDS = 20


class Running:
    """An installation at work."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.web = servers.Web(port, process.pid)
        self.url = f"http://127.0.0.1:{port}"
        self.seconds = seconds

    def worked(self) -> float:
        """Seconds of processor time that all of its processes have used, those that ended included."""
        ticks = 0
        for pid in family([self.web.pid]):
            fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(each) for each in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """Bytes by process name, pages that several share counted in parts (PSS)."""
        found: dict[str, int] = {}
        for pid in family([self.web.pid]):
            folder = Path("/proc", str(pid))
            name = folder.joinpath("comm").read_text().strip()
            for line in folder.joinpath("smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found[name] = found.get(name, 0) + int(line.split()[1]) * 1024
        return found


class Installation:
    """A demo in a folder of its own; every start takes the port anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        """Started, with the seconds until its web server answered; stopped as by Ctrl-C."""
        port = servers.free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env = {**kept, "INSTANCE_DIR": str(self.folder / "instance"), "PORT": str(port)}
        with (self.folder / "output.txt").open("ab") as output:
            begun = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "app.py", "--demo"], cwd=PROJECT, env=env, stdout=output, stderr=output,
                preexec_fn=servers.end_with_us,
            )  # fmt: skip
            try:
                servers.wait_for(
                    lambda: process.poll() is not None or _healthy(port), "the start", seconds=240
                )
                if process.poll() is not None:
                    raise RuntimeError((self.folder / "output.txt").read_text()[-1000:])
                yield Running(port, process, time.monotonic() - begun)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def _healthy(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    return False


def idle(run: Run) -> list[Row]:
    """Memory and warm start."""
    part = "Whole installation"
    if not Path("/proc/self/smaps_rollup").exists():
        return [not_measured(part, "memory and start", "350 MB PSS; 5 s", "this system does not tell PSS")]
    starts, worked, memory, last = [], [], [], {}
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as folder:
        demo = Installation(Path(folder))
        with demo.running():
            pass  # the first start makes the demo shop
        for _ in range(run.either(5, 3)):
            with demo.running() as portal:
                starts.append(portal.seconds)
                worked.append(portal.worked())
                time.sleep(SETTLED_SECONDS if len(starts) == 1 else 5)
                last = portal.memory()
                memory.append(sum(last.values()) / MB)
    by_name = ", ".join(
        f"{name} {size / MB:.0f}" for name, size in sorted(last.items(), key=lambda each: -each[1])
    )
    return [
        measured(
            part,
            "memory when idle (PSS), the demo's mail catcher included",
            Bar("at most 350 MB", 350),
            memory,
            unit="MB",
            note=by_name,
        ),
        measured(
            part,
            "warm start, until /health answers",
            Bar("at most 5 s", 5),
            starts,
            unit="s",
            note=f"by the clock, load {os.getloadavg()[0]:.1f}; {median(worked):.1f} s of processor time",
        ),
    ]
