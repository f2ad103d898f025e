"""The example package as its owner meets it: installed beside the portal, tested, migrated, backed up and broken."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from portal.installation.translations import compile_changed
from tests import prepared

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PASSPHRASE = "four quiet green boats"
TABLE = "warranty_registrations"

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and what pip writes of it, without asking pip, which would want a network."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(HERE / "loket_warranty", folder / "loket_warranty")
    shutil.copytree(HERE / "tests", folder / "checks")
    compile_changed(folder / "loket_warranty" / "translations")
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    info = folder / "loket_warranty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    lines = [f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
             for group, points in project["entry-points"].items()]  # fmt: skip
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """``run("flask", …)`` in an installation of its own; ``installed=False`` without the package."""

    def run(*arguments: str, installed: bool = True, instance: str = "here", **settings: str):  # type: ignore[no-untyped-def]
        environ = {
            "PATH": os.environ["PATH"],
            "INSTANCE_DIR": str(tmp_path / instance),
            "BACKUP_PASSPHRASE": PASSPHRASE,
            "FLASK_APP": str(PROJECT / "app.py"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"PYTHONPATH": str(site)} if installed else {}),
            **settings,
        }
        if arguments[0] in ("app", "pytest"):
            return subprocess.run(
                [sys.executable, "-m", *arguments], cwd=PROJECT, env=environ, capture_output=True, text=True
            )
        return prepared.run(*arguments, env=environ)

    return run


def done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def database(tmp_path: Path, instance: str = "here") -> Path:
    return tmp_path / instance / "live" / "loket.sqlite"


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query).fetchall()


def test_it_imports_the_public_api_and_nothing_else_of_the_portal() -> None:
    for path in (HERE / "loket_warranty").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("portal"):
                assert (node.module, [each.name for each in node.names]) == ("portal", ["api"]), path


def test_its_own_tests_pass_in_the_way_that_is_documented(run: Run, site: Path) -> None:
    told = done(run("pytest", "-p", "tests.packages", "-p", "no:cacheprovider", "-q", str(site / "checks")))
    assert re.search(r"\b6 passed", told), told


def test_its_tables_come_and_go_with_it(run: Run, tmp_path: Path) -> None:
    assert "up to date" in done(run("flask", "section", "upgrade", installed=False))
    path = database(tmp_path)
    assert ask(path, f"SELECT name FROM sqlite_master WHERE name = '{TABLE}'") == []

    done(run("flask", "section", "upgrade"))
    assert ask(path, "SELECT version_num FROM alembic_version_warranty") == [("w0001",)]
    assert list((path.parent / "copies").iterdir()), "a copy was made before it changed"
    assert "warranty  /customer/warranty  loket-warranty" in re.sub(
        " +", "  ", done(run("flask", "section", "list"))
    )
    # Nothing is left to do: the models of the package are its migrations, and those of the portal are not touched.
    assert "No new upgrade operations detected" in done(run("flask", "db", "check"))
    made = run("flask", "section", "revision", "warranty", "-m", "nothing")
    written = Path(done(made).partition("Written: ")[2].strip())
    try:
        assert "pass" in written.read_text() and "op." not in written.read_text()
    finally:
        written.unlink()
    # The package is away for a while: the portal starts, and does not mind its tables.
    assert "were up to date" in done(run("flask", "section", "upgrade", installed=False))
    assert "No new upgrade operations detected" in done(run("flask", "db", "check", installed=False))

    left_out = {"LEAVE_OUT": "warranty, warranty_office"}
    assert "No new upgrade operations detected" in done(run("flask", "db", "check", **left_out))

    done(run("flask", "section", "downgrade", "warranty"))
    assert ask(path, f"SELECT name FROM sqlite_master WHERE name = '{TABLE}'") == []


def test_a_backup_holds_its_rows(run: Run, tmp_path: Path) -> None:
    done(run("flask", "section", "upgrade"))
    done(run("flask", "shop", "create", "Shop", "--email", "s@example.com", "--host", "shop.example.test"))
    done(run("flask", "customer", "create", "emma@example.com", "--name", "Emma"))
    ask(
        database(tmp_path),
        f"INSERT INTO {TABLE} VALUES ('Mill', 'A-1', '2026-01-31', '2028-01-31', 'active', NULL, 7, 1, 1, 'x',"
        " '2026-01-31 00:00:00.000000', 1)",
    )
    archive = str(tmp_path / "all.backup")
    done(run("flask", "backup", "create", archive))
    before = ask(database(tmp_path), f"SELECT * FROM {TABLE}")
    assert len(before) == 1

    refused = run("flask", "backup", "restore", archive, instance="without", installed=False)
    assert refused.returncode == 2 and "section warranty" in refused.stderr, refused.stderr
    assert "Restored" in done(run("flask", "backup", "restore", archive, instance="there"))
    assert ask(database(tmp_path, "there"), f"SELECT * FROM {TABLE}") == before
    assert ask(database(tmp_path, "there"), "SELECT version_num FROM alembic_version_warranty") == [
        ("w0001",)
    ]
    # A start before the restore has made its empty tables already.
    done(run("flask", "section", "upgrade", instance="started"))
    assert "Restored" in done(run("flask", "backup", "restore", archive, instance="started"))
    assert ask(database(tmp_path, "started"), f"SELECT * FROM {TABLE}") == before


@pytest.mark.postgres
def test_a_backup_goes_to_the_other_database(run: Run, tmp_path: Path, postgres_url: str) -> None:
    done(run("flask", "section", "upgrade"))
    archive = str(tmp_path / "all.backup")
    done(run("flask", "backup", "create", archive))
    done(run("flask", "section", "upgrade", instance="there", DATABASE_URL=postgres_url))
    assert "Restored" in done(
        run("flask", "backup", "restore", archive, instance="there", DATABASE_URL=postgres_url)
    )
    assert "were up to date" in done(
        run("flask", "section", "upgrade", instance="there", DATABASE_URL=postgres_url)
    )


REMAKE = """
from app import app
from portal.extensions import db
from portal.installation import database
import sqlalchemy as sa
with app.app_context():
    config = app.config["LOKET"]
    database.migrate(app, config)
    heads = {each.key: sorted(each.wanted) for each in database.histories(app)}
    for wanted in ({None: ["0014"]}, heads, {None: heads[None]}, heads):
        database.remake(app, config, wanted)
        tables = sa.inspect(db.engine).get_table_names()
        print(wanted.get("warranty"), "warranty_registrations" in tables, "documents" in tables)
        db.engine.dispose()
"""


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_tables_are_remade_as_an_archive_has_them(
    run: Run, site: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    settings = {} if kind == "sqlite" else {"DATABASE_URL": request.getfixturevalue("postgres_url")}
    (tmp_path / "remake_probe.py").write_text(REMAKE)
    told = done(run("remake_probe", PYTHONPATH=f"{site}:{tmp_path}:{PROJECT}", **settings))
    assert told.splitlines()[-4:] == [
        "None False True", "['w0001'] True True", "None False True", "['w0001'] True True",
    ]  # fmt: skip


HEALTH = """
import json
from app import app
print(json.dumps(app.test_client().get("/health", base_url="https://shop.example.test").get_json()))
"""


def test_a_table_that_is_gone_stops_the_start_and_is_told_by_health(
    run: Run, tmp_path: Path, site: Path
) -> None:
    done(run("flask", "section", "upgrade"))
    ask(database(tmp_path), f"DROP TABLE {TABLE}")
    refused = run("flask", "section", "upgrade")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert f"loket-warranty: the database has no table {TABLE}" in refused.stderr
    script = tmp_path / "health_probe.py"
    script.write_text(HEALTH)
    told = run("health_probe", PYTHONPATH=f"{site}:{tmp_path}:{PROJECT}")
    parts = json.loads(done(told))
    assert parts["status"] == "ok"
    assert parts["sections"] == dict.fromkeys(("warranty", "warranty_office"), "tables are missing")
    assert "up to date" in done(run("flask", "section", "upgrade", PACKAGES="0"))


def test_what_cannot_be_loaded_is_one_line_and_can_be_left_out(run: Run, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "broken")
    (tmp_path / "broken" / "loket_warranty" / "office.py").write_text("import frobnicate\n")
    settings = {"PYTHONPATH": str(tmp_path / "broken")}
    line = (
        "Loket: loket-warranty: loket_warranty.office:section cannot be loaded: "
        "ModuleNotFoundError: No module named 'frobnicate'"
    )
    for command in (("flask", "section", "list"), ("app",)):
        result = run(*command, **settings)
        assert result.returncode != 0 and result.stderr.strip().splitlines()[-1] == line, result.stderr
        assert "Traceback" not in result.stderr
    assert "warranty" not in done(run("flask", "section", "list", PACKAGES="0", **settings))
