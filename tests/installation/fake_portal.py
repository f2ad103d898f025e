"""A portal of a few lines behind the real process tree; run by the tests as a program of its own.

python tests/installation/fake_portal.py FOLDER    settings come from the environment, notes go to FOLDER
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from config import Config

# The package without its wiring: the process tree needs none of it, and loading all of it takes seconds.
bare = ModuleType("portal")
bare.__path__ = [str(Path(__file__).resolve().parents[2] / "portal")]
sys.modules["portal"] = bare

from portal.installation import start  # noqa: E402
from portal.installation.hooks import Hooks  # noqa: E402
from portal.installation.supervisor import StartFailed  # noqa: E402


def note(folder: Path, name: str, text: str = "") -> None:
    with (folder / name).open("a") as file:
        file.write(f"{time.monotonic():.6f} {os.getpid()} {text}\n")


def rest() -> NoReturn:
    """Until a signal ends it; one that comes just before it sleeps is not slept through."""
    while True:
        time.sleep(0.1)


def make_hooks(folder: Path) -> Hooks:
    def create_app(config: Config) -> Callable[..., Iterable[bytes]]:
        def app(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
            respond("200 OK", [("Content-Type", "text/plain")])
            seen = f"{os.getpid()} {config.redis_url} {config.smtp_url} {environ['wsgi.url_scheme']}"
            return [seen.encode()]

        return app

    def prepare(app: object, config: Config) -> list[str]:
        note(folder, "prepared")
        if (folder / "refuse").exists():
            raise StartFailed("The database holds something else.")
        if (folder / "die").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if (folder / "slow").exists():
            time.sleep(60)
        return ["Log in as somebody"]

    def work(app: object, lanes: tuple[str, ...]) -> None:
        lane = lanes[0]
        note(folder, f"work-{lane}", "started")
        note(folder, "garbage", f"{gc.isenabled()} {gc.get_freeze_count() > 10_000}")

        def finish(*_: object) -> None:
            if (folder / "stubborn").exists():
                return
            time.sleep(0.3)  # the row that is being worked on
            redis = folder / "redis-socket"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(redis.read_text())
                note(folder, f"work-{lane}", "finished with Redis there")
            sys.exit(0)

        # Before it can be told to finish: what ``finish`` raises would be taken for a failure of what is done here.
        if lane == "mail":
            from portal.installation.redis_server import running_url

            url = running_url(Config.from_env(os.environ).data_dir / "redis") or ""
            (folder / "redis-socket").write_text(url.removeprefix("unix://"))
        signal.signal(signal.SIGTERM, finish)
        rest()

    def schedule(app: object) -> None:
        note(folder, "schedule", "started")
        if (folder / "scheduler-dies").exists():
            sys.exit(3)
        rest()

    return Hooks(create_app=create_app, warm=lambda app: None, prepare=prepare, work=work, schedule=schedule)


if __name__ == "__main__":
    gc.disable()  # as app.py
    sys.exit(start.run(Config.from_env(os.environ), make_hooks(Path(sys.argv[1]))))
