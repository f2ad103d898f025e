"""A restore that is killed: the installation says so, does not start, and the same archive can be restored again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.core.backup import loading, marker
from portal.core.backup.loading import Loader
from portal.core.backup.marker import Mark
from portal.extensions import db
from portal.installation import database, keys, start
from portal.installation.hooks import portal_hooks
from portal.installation.restore import _Restore
from tests.backups import Rows, Site
from tests.durable.harness import KILLS
from tests.services import IN_TURN

on_each_database = pytest.mark.parametrize("kind", IN_TURN)


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(call: Callable[..., Any], times: int = 1) -> Callable[..., Any]:
    """Dies after so many calls."""
    made = [0]

    def then_die(*values: Any, **named: Any) -> Any:
        answer = call(*values, **named)
        made[0] += 1
        return _die() if made[0] == times else answer

    return then_die


def _when_written(data_dir: Path, mark: Mark) -> None:
    if mark.is_written:
        _die()
    PUT(data_dir, mark)


PUT = marker.put

#: Where it dies, and whether the rows are in the database by then.
POINTS: dict[str, tuple[Any, str, Any, bool]] = {
    "after the mark": (marker, "put", _after(marker.put), False),
    "after the tables": (database, "remake", _after(database.remake), False),
    "before the first row": (Loader, "rows", _die, False),
    "among the rows": (Loader, "rows", _after(Loader.rows, 15), False),
    "among the files": (Loader, "file", _after(Loader.file, 3), False),
    "before the comparison": (Loader, "finish", _die, False),
    "after the comparison": (Loader, "finish", _after(Loader.finish), False),
    "between the keys": (keys, "put_in_front", _after(keys.put_in_front), False),
    "before the commit": (_Restore, "_put_keys", _after(_Restore._put_keys), False),
    "after the commit": (marker, "put", _when_written, True),
    "before the newer tables": (database, "migrate", _die, True),
    "before the end": (marker, "remove", _die, True),
}


#: Those that `make test` tries; the soak tries all.
TELLING = (
    "among the rows",
    "before the commit",
    "after the commit",
    "before the end",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("shop"))
    site.fill()
    return site


@pytest.fixture(scope="module")
def before(shop: Site) -> tuple[Rows, dict[str, bytes]]:
    return shop.rows(), shop.files()


@pytest.fixture(scope="module")
def archive(shop: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "shop.backup"
    shop.done("create", path)
    return path


@pytest.fixture
def site(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    url = None
    if kind == "postgres":
        cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.new_database()
        request.addfinalizer(lambda: cluster.drop(url))
    made = Site(tmp_path / "target", url)
    yield made
    made.close()


def _in_child(work: Callable[[], object]) -> int:
    """Runs it in a process of its own; answers that process's id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


@on_each_database
@pytest.mark.parametrize("point", POINTS if KILLS > 20 else TELLING)
def test_killed_at(
    point: str,
    site: Site,
    archive: Path,
    before: tuple[Rows, dict[str, bytes]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner, name, deadly, is_committed = POINTS[point]
    site.close()

    def work() -> None:
        setattr(owner, name, deadly)
        site.done("restore", archive)

    _, status = os.waitpid(_in_child(work), 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL

    assert marker.is_there(site.config.data_dir)
    site.load()
    _says_so(site)
    with site.app.app_context():
        path = site.config.sqlite_path
        if path is None or path.exists():
            with db.engine.connect() as connection:
                assert (loading.first_with_rows(connection) is not None) == is_committed
    site.close()
    assert "restore into this installation has not ended" in site.refused(
        "create", archive.with_name("half.backup")
    )

    assert "Restored and compared" in site.done("restore", archive)
    site.load()
    assert (site.rows(), site.files()) == before
    assert not marker.is_there(site.config.data_dir)
    assert site.app.test_client().get("/health").status_code == 200


def _says_so(site: Site) -> None:
    """The start, the commands and the health page."""
    said = site.config.data_dir / "said"

    def work() -> None:
        with said.open("w") as file, contextlib.redirect_stderr(file):
            code = start.run(site.config, portal_hooks())
        os._exit(10 + code)

    # In a process of its own, for a start keeps its lock until it ends.
    _, status = os.waitpid(_in_child(work), 0)
    assert os.waitstatus_to_exitcode(status) == 11
    assert "has not ended: run `.venv/bin/flask backup restore`" in said.read_text()
    listed = site.app.test_cli_runner().invoke(args=["shop", "list"])
    assert listed.exit_code == 2 and "has not ended" in listed.stderr
    health = site.app.test_client().get("/health")
    assert health.status_code == 503 and health.get_json()["restore"] == "not ended"
    site.close()


@pytest.mark.slow
@on_each_database
def test_killed_again_and_again_at_any_moment(
    kind: str, site: Site, archive: Path, before: tuple[Rows, dict[str, bytes]]
) -> None:
    """One restore after the other, each killed somewhere between its begin and its end."""
    seed = random.randrange(10**6)
    chance, killed, ended = random.Random(seed), 0, 0
    began = time.monotonic()
    _, status = os.waitpid(_in_child(lambda: site.done("check", archive)), 0)
    longest = 3 * (time.monotonic() - began)
    for _turn in range(KILLS // 4):
        site.load()
        site.close()
        pid = _in_child(lambda: site.done("restore", archive))
        time.sleep(chance.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            ended += 1
            break
        killed += 1
    if not ended:
        site.load()
        result = site.run("restore", archive)
        # Killed after its very last step, the one before has ended, too.
        assert result.exit_code == 0 or "not empty" in result.stderr, result.output
    site.load()
    assert (site.rows(), site.files()) == before, f"seed {seed}"
    assert not marker.is_there(site.config.data_dir)
    print(f"seed {seed}: {killed} restores killed on {kind}, then one that ended")


@on_each_database
def test_another_archive_does_not_end_a_restore(
    site: Site, shop: Site, archive: Path, tmp_path: Path
) -> None:
    site.close()

    def work() -> None:
        marker.remove = _die
        site.done("restore", archive)

    os.waitpid(_in_child(work), 0)
    other = tmp_path / "other.backup"
    shop.done("create", other)
    site.load()
    assert "Another archive was restored" in site.refused("restore", other)
    site.done("restore", archive)
    assert site.files() == shop.files()
