"""Worker processes for the tests, forked from one preloaded parent and started again when they die, as `app.py` does.

    python -m tests.durable.workers '{"database_url": …, "lanes": [["mail", "billing"], ["documents"]], …}'

Each child's pid is in FOLDER/<lanes>.pid. A mail whose text names one of the points below kills its worker there, once.
With "portal" it is the whole portal that works, and says while it makes a PDF or sends a mail.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from portal.core import clock, jobs, pdf, schedule, smtp
from portal.installation.hooks import warm
from tests.durable import background
from tests.durable.harness import portal_app


def main() -> None:
    options = json.loads(sys.argv[1])
    folder = Path(options["folder"])
    lanes = options.pop("lanes")
    if options.get("portal"):
        app = portal_app(options)
        warm(app)
        leave_marks(folder)
    else:
        app = background.make_app(
            options["database_url"],
            folder=folder,
            redis_url=options["redis_url"],
            smtp_url=options.get("smtp_url"),
            lease=options.get("lease", 30),
        )
        plant_faults(folder)
    children: dict[int, list[str]] = {}
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    for group in lanes:
        children[fork(app, group, folder)] = group
    while children:
        if stopping:
            for pid in children:
                os.kill(pid, signal.SIGTERM)
            stopping.clear()
            lanes = []
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            time.sleep(0.01)
            continue
        group = children.pop(pid)
        (folder / f"{'-'.join(group)}.ended").write_text(str(os.waitstatus_to_exitcode(status)))
        if lanes and os.waitstatus_to_exitcode(status) != 0:
            children[fork(app, group, folder)] = group


def fork(app: Flask, group: list[str], folder: Path) -> int:
    pid = os.fork()
    if pid:
        (folder / f"{'-'.join(group)}.pid").write_text(str(pid))
        return pid
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with app.app_context():
            if group == ["scheduler"]:
                schedule.run_scheduler()
            else:
                jobs.run_worker(group)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)
    return 0


def leave_marks(folder: Path) -> None:
    """While a worker makes a PDF or hands over a mail, FOLDER/render-PID or FOLDER/send-PID is there."""

    def marked(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def at_work(*given: Any, **options: Any) -> Any:
            mark = folder / f"{name}-{os.getpid()}"
            mark.touch()
            done = work(*given, **options)
            mark.unlink()
            return done

        return at_work

    pdf.pisaDocument = marked("render", pdf.pisaDocument)
    smtp.send = marked("send", smtp.send)


def plant_faults(folder: Path) -> None:
    """Deaths at chosen points: before, in the middle of and after the handing over of a mail."""
    real_send = smtp.send

    def die_once(point: str, raw: bytes) -> None:
        marker = folder / point
        if point.encode() in raw and not marker.exists():
            marker.write_text(str(clock.now().timestamp()))
            os.kill(os.getpid(), signal.SIGKILL)

    def send(raw: bytes, **options: Any) -> Any:
        die_once("die-before", raw)
        if b"die-half" in raw and not (folder / "die-half").exists():
            cut_short(raw, die_once)
        answers = real_send(raw, **options)
        die_once("die-after", raw)
        return answers

    smtp.send = send  # type: ignore[assignment]


def cut_short(raw: bytes, die_once: Callable[[str, bytes], None]) -> None:
    """Dies with half of the content at the server."""
    import smtplib

    def data(self: smtplib.SMTP, content: bytes) -> None:
        self.docmd("data")
        self.send(raw[: len(raw) // 2])
        time.sleep(0.05)
        die_once("die-half", raw)

    smtplib.SMTP.data = data  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    main()
