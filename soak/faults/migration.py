"""A migration that is interrupted: nothing half done, and the next start finishes it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from soak.installation import Portal
from soak.report import Part
from tests.browser.installation import Installation
from tests.services import PostgresService

PROJECT = Path(__file__).resolve().parents[2]
#: How often it dies on the way, for each database and each state it is in.
POINTS = 5
#: How often a whole first start dies.
STARTS = 2


def run(part: Part, folder: Path, cluster: PostgresService, seed: int) -> None:
    on_database(part, "SQLite", folder / "sqlite", seed)
    on_database(part, "PostgreSQL", folder / "pg", seed, DATABASE_URL=cluster.new_database())
    first_start(part, folder / "start", seed)


def on_database(part: Part, where: str, folder: Path, seed: int, **settings: str) -> None:
    """Statement by statement, in processes that end themselves."""
    portal = Portal(folder, **settings)
    done = subprocess.run(
        [sys.executable, "-m", "soak.migrating", str(seed), str(POINTS)],
        cwd=PROJECT,
        env={**portal.env, "LOKET_MODE": "serve"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    what = f"migration interrupted ({where}): either nothing or all of it, and the next start finishes"
    if done.returncode:
        part.row(what, "did not run", [done.stderr[-800:]])
        return
    for state, told in json.loads(done.stdout.splitlines()[-1]).items():
        part.row(
            f"{what}; {state}",
            f"SIGKILL at {told['deaths']} of {told['steps']} points;"
            f" {told['before']} times nothing was done, {told['after']} times all",
            told["wrong"],
        )


def first_start(part: Part, folder: Path, seed: int) -> None:
    """The whole installation killed while it starts for the first time."""
    chance, wrong = random.Random(seed), []
    for number in range(STARTS):
        portal = Portal(folder / str(number), program=("app.py",))
        with (portal.folder / "killed.txt").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=PROJECT, env=portal.env, stdout=output, stderr=output
            )
        portal.process = process
        deadline = time.monotonic() + 60
        # From when there is a database until it is announced.
        while not list(folder.glob(f"{number}/instance/live/loket.sqlite*")) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 1.0))
        portal.kill_all()
        try:
            Installation.start(portal)
            if "/setup/" not in portal.printed():
                wrong.append("it started, and does not offer to make the shop")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            wrong.append(f"it does not start again: {str(error)[-300:]}")
        finally:
            portal.stop()
    part.row(
        "first start killed while it makes its database: the next start works", f"{STARTS} starts", wrong
    )
