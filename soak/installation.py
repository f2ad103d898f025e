"""A whole installation under attack: its process tree, its processes by name, and the application beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask

from config import Config
from portal import create_app
from portal.core import database
from portal.core.tenancy import every_shop, shop_scope
from portal.extensions import db
from portal.installation import keys, start
from tests import cast
from tests.browser.installation import Installation
from tests.services import wait_until

#: What the parts are called in the list of processes (15 characters).
WEB, MAIL, DOCUMENTS, SCHEDULER, REDIS = (
    "loket web", "loket worker ma", "loket worker do", "loket scheduler", "redis-server",
)  # fmt: skip
PROGRAM = ("-m", "soak.program")


class Portal(Installation):
    """One installation with the cast's two shops on stage; nothing of it is left when its `with` block ends."""

    def __init__(
        self,
        folder: Path,
        *,
        smtp_url: str | None = None,
        program: tuple[str, ...] = PROGRAM,
        **settings: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, mode="serve", smtp_url=smtp_url, program=program)
        self.mark = uuid.uuid4().hex
        # As behind one proxy: visitors may come from many addresses, and by https.
        self.env |= {"SOAK_MARK": self.mark, "TRUSTED_PROXIES": "1", **settings}
        self.logs: list[Path] = []
        self.ids: cast.Ids | None = None

    def __enter__(self) -> Portal:
        self.start()
        if self.ids is None:
            with self.app.app_context():
                database.set_reading(False)
                self.ids = cast.put_on_stage()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AssertionError):
            self.stop()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with self.app.app_context():
            db.engine.dispose()

    def start(self) -> None:
        """Start it, again with a log of its own."""
        self.output = self.folder / f"output-{len(self.logs)}.txt"
        self.logs.append(self.output)
        super().start()

    def stop(self) -> None:
        """Ctrl-C and the end of it, whatever stands in the log: faults were asked for."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """SIGKILL of every process at once: the machine lost its power."""
        everything = self.processes()
        for pid in everything:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(20)
            self.process = None
        wait_until(lambda: not any(map(_lives, everything)), what="the end of every process")

    def processes(self) -> dict[int, str]:
        """Each process of the installation with its name: those with its mark, and whatever descends from them."""
        names, parents = {}, {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text()
                name, rest = (
                    fields[fields.index("(") + 1 : fields.rindex(")")],
                    fields.rpartition(")")[2].split(),
                )
                if rest[0] == "Z":
                    continue
                names[int(entry.name)], parents[int(entry.name)] = name, int(rest[1])
        ours = set()
        for pid in names:
            with contextlib.suppress(OSError):
                if f"SOAK_MARK={self.mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                    ours.add(pid)
        # Redis writes its title over its environment.
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        return {pid: names[pid] for pid in ours}

    def named(self, name: str) -> list[int]:
        """The processes of a part."""
        return sorted(pid for pid, known in self.processes().items() if known == name)

    @property
    def config(self) -> Config:
        """The settings, with the Redis of the running installation."""
        return start.attached(keys.ensure(Config.from_env({**self.env, "LOKET_MODE": "serve"})))

    @cached_property
    def app(self) -> Flask:
        """The application in this process, on the same database, for setting up and for looking."""
        return create_app(self.config)

    @contextlib.contextmanager
    def scope(self, shop_id: int | None = None) -> Iterator[cast.Ids]:
        """Inside the application and a shop, the cast's first unless another is named; a write needs its own commit."""
        assert self.ids is not None
        database.set_reading(False)
        with self.app.app_context(), shop_scope(shop_id or self.ids.shop):
            yield self.ids

    @contextlib.contextmanager
    def everything(self) -> Iterator[None]:
        """Inside the application, over all shops."""
        database.set_reading(False)
        with self.app.app_context(), every_shop():
            yield

    def tracebacks(self) -> list[str]:
        """The errors in all its logs, with their tracebacks."""
        found: list[str] = []
        for log in self.logs:
            self.output = log
            found += self.errors()
        return found

    def log_text(self) -> str:
        """All that it has printed."""
        return "".join(log.read_text(errors="replace") for log in self.logs)

    def try_flask(self, *command: str, timeout: float = 120, **more: Any) -> tuple[int, str]:
        """Run a command of `flask`; its status and everything it printed."""
        import subprocess
        import sys

        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *command],
            cwd=Path(__file__).resolve().parents[1],
            env={**self.env, "LOKET_MODE": self.mode},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **more,
        )
        return done.returncode, done.stdout + done.stderr


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
