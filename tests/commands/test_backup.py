"""``flask backup``: what was backed up is put back as it was, on either database, or nothing happens at all."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock, database, storage
from portal.core.backup import marker
from portal.core.backup.archive import ArchiveWriter
from portal.core.backup.shapes import Shape
from portal.core.outbox import OutboxRow, OutboxState
from portal.core.sessions import SessionRow
from portal.core.tables import STORED_FILE, Base
from portal.core.tenancy import shop_scope
from portal.domain.invoices import rendering
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.models import Document, DocumentFile, DocumentLine, DocumentVat
from portal.domain.shops.models import Shop
from portal.extensions import db, migrate
from portal.installation import keys, lock
from tests import cast
from tests.backups import NOON, PASSPHRASE, Site
from tests.services import IN_TURN, PostgresService, wait_until

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
SQLITE, POSTGRES = "sqlite", "postgres"
on_each_database = pytest.mark.parametrize("kind", IN_TURN)

Make = Callable[..., Site]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """``make("sqlite")`` is an empty installation."""
    made: list[Site] = []

    def site(kind: str = SQLITE, name: str = "target", **settings: str) -> Site:
        url = None
        if kind == POSTGRES:
            cluster: PostgresService = request.getfixturevalue("postgres_cluster")
            url = cluster.new_database()
            request.addfinalizer(lambda: cluster.drop(url))
        made.append(Site(tmp_path / name, url, **settings))
        return made[-1]

    yield site
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A shop on SQLite with something of everything; nobody changes it."""
    site = Site(tmp_path_factory.mktemp("shop"))
    site.fill()
    return site


@pytest.fixture(scope="module")
def archive(shop: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it, with its keys."""
    path = tmp_path_factory.mktemp("archive") / "shop.backup"
    said = shop.done("create", path)
    assert (
        "read back and compared" in said
        and "The keys are in it." in said
        and "Of Redis nothing is needed" in said
    )
    return path


@pytest.fixture(scope="module")
def plain(shop: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One without keys and without encryption, which says both."""
    path = tmp_path_factory.mktemp("plain") / "shop.backup"
    bare = Site(Path(shop.environ["INSTANCE_DIR"]), BACKUP_PASSPHRASE="")
    said = bare.done("create", "--without-keys", path)
    assert "It is not encrypted" in said and "The keys are left out" in said
    return path


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("source", "target"),
    # Within one database it comes back in most tests of this file, and in the soak from PostgreSQL too.
    [(SQLITE, POSTGRES), (POSTGRES, SQLITE), *([(POSTGRES, POSTGRES)] if IN_TURN == [POSTGRES] else [])],
)
def test_everything_comes_back_on_either_database(
    shop: Site, archive: Path, make: Make, tmp_path: Path, source: str, target: str
) -> None:
    if source == POSTGRES:
        between = make(POSTGRES, "between")
        between.done("restore", archive)
        archive = tmp_path / "of-postgres.backup"
        between.done("create", archive)
    restored = make(target)
    said = restored.done("restore", archive)
    assert "Restored and compared" in said and "Everybody is signed out" in said

    before, after = shop.rows(), restored.rows()
    assert set(before) == set(after)
    for table in before:
        assert after[table] == before[table], table
    assert restored.files() == shop.files()
    assert len(restored.files()) > 5 and sum(map(len, before.values())) > 1500
    seen = {type(value) for rows in before.values() for row in rows for value in row}
    assert seen >= {int, str, bool, dict, list, datetime, date, type(None)}

    _can_be_worked_in(restored)


def _can_be_worked_in(site: Site) -> None:
    """New rows get numbers of their own, and balances are right."""
    with site.opened():
        shop_id = db.session.scalars(sa.select(Shop.id)).one()
        highest = db.session.scalar(sa.select(sa.func.max(Document.id)))
    with site.opened(shop_id):
        assert find_imbalances() == []
        customer_id = db.session.scalars(sa.select(Document.customer_id)).first()
        assert cast.make_invoice(customer_id).id == highest + 1


def test_an_archive_is_for_its_owner_alone_and_a_folder_gets_a_name(
    shop: Site, archive: Path, tmp_path: Path
) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    shop.done("create", tmp_path)
    (made,) = tmp_path.iterdir()
    assert made.name.startswith("loket-") and made.name.endswith(".backup")
    assert "exists already" in shop.refused("create", made)


@pytest.mark.parametrize("name", ["backups", "backups/", "backups.backup/", "backups.bak", ".backup", "a\0b"])
def test_a_folder_that_is_not_there_becomes_no_file(shop: Site, tmp_path: Path, name: str) -> None:
    """The second night would be refused; and on a folder that was made, a missing disk would not be noticed."""
    said = shop.refused("create", f"{tmp_path}/{name}")
    assert f"{tmp_path}/{name} is no folder" in said and "mkdir -p" in said
    assert not list(tmp_path.iterdir())
    (tmp_path / "backups").write_text("an archive that was made where a folder was meant")
    assert "is no folder" in shop.refused("create", tmp_path / "backups")


def test_what_cannot_be_written_is_named(shop: Site, tmp_path: Path) -> None:
    place = tmp_path / "away" / "x.backup"
    assert shop.refused("create", place) == f"{place} cannot be written: No such file or directory."


def test_a_new_passphrase_says_how_long_it_is_and_is_asked_for_again(shop: Site, tmp_path: Path) -> None:
    asked = Site(Path(shop.environ["INSTANCE_DIR"]), BACKUP_PASSPHRASE="")
    path = tmp_path / "x.backup"
    made = asked.run("create", path, input=f"short\nshort\n{PASSPHRASE}\n{PASSPHRASE}\n")
    assert made.exit_code == 0, made.output
    assert "Passphrase (12 characters or more)" in made.stderr and "take a longer one" in made.stderr
    assert PASSPHRASE not in made.output and "It is whole" in shop.done("check", path)


def test_without_a_terminal_nobody_is_asked_and_python_says_nothing(shop: Site, tmp_path: Path) -> None:
    """As cron runs it: in a session of its own, from another folder."""
    environ = {**os.environ, **shop.environ, "BACKUP_PASSPHRASE": ""}
    flask = [sys.executable, "-m", "flask", "--app", str(MIGRATIONS.parent / "app.py")]
    path = tmp_path / "x.backup"
    done = subprocess.run(
        [*flask, "backup", "create", str(path)],
        env=environ,
        cwd=tmp_path,
        input=f"{PASSPHRASE}\n{PASSPHRASE}\n",
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 2 and not path.exists(), done
    assert "GetPassWarning" not in done.stderr and "Traceback" not in done.stderr
    assert "set BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE" in done.stderr


def test_nothing_of_a_sealed_archive_can_be_read(archive: Path, plain: Path, shop: Site) -> None:
    data = archive.read_bytes()
    for secret in (b"contents.json", b"emma@example.com", shop.config.field_keys[0].encode(), b"%PDF"):
        assert secret not in data
    assert b"contents.json" in plain.read_bytes()
    assert shop.config.field_keys[0].encode() not in plain.read_bytes()


def test_an_archive_says_whether_it_is_whole(shop: Site, archive: Path, plain: Path, tmp_path: Path) -> None:
    assert "It is whole" in shop.done("check", archive) and "The keys are in it." in shop.done(
        "check", archive
    )
    assert "The keys are not in it." in shop.done("check", plain)
    cut = tmp_path / "cut.backup"
    cut.write_bytes(archive.read_bytes()[:-1])
    said = shop.refused("check", cut)
    assert "damaged" in said and "changed or cut off" in said and "piece" not in said
    assert "cannot be read" in shop.refused("check", tmp_path / "absent")
    assert "cannot be read" in shop.refused("check", tmp_path)


@on_each_database
def test_a_backup_while_eight_write(
    make: Make, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers commit between any two tables, and the archive still holds one moment with all of its files."""
    site = make(kind, "busy", mode="serve")
    site.migrate()
    database.set_reading(False)
    with site.app.app_context():
        ids = cast.put_on_stage()
    stop, issued, failed = threading.Event(), [0] * 8, []

    def issue(number: int) -> None:
        database.set_reading(False)
        while not stop.is_set():
            try:
                with site.app.app_context(), shop_scope(ids.shop):
                    document = cast.make_invoice(ids.emma_account)
                    db.session.flush()
                    rendering.keep_file(document, "en", os.urandom(5000), now=NOON)
                    db.session.commit()
                    issued[number] += 1
                time.sleep(0.005)  # SQLite lets writers race: without a pause one of eight may lose for long
            except BaseException as error:
                failed.append(error)
                raise

    writers = [threading.Thread(target=issue, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    written = ArchiveWriter.table

    def after_another_commit(self: ArchiveWriter, shape: Shape, lines: Any) -> None:
        if shape.name in {
            "allocations",
            "document_files",
            "document_lines",
            "document_vat",
            "documents",
            "outbox",
        }:
            seen = sum(issued)
            wait_until(lambda: sum(issued) > seen or bool(failed), seconds=120, what="another invoice")
        written(self, shape, lines)

    monkeypatch.setattr(ArchiveWriter, "table", after_another_commit)
    try:
        wait_until(lambda: sum(issued) >= 8, seconds=120, what="the first invoices")
        at_least = sum(issued)
        path = tmp_path / "busy.backup"
        result = site.app.test_cli_runner().invoke(args=["backup", "create", str(path)])
        at_most = sum(issued)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failed and result.exit_code == 0, (failed, result.output)

    restored = make(kind, mode="serve")
    restored.done("restore", path)
    with restored.opened(ids.shop):
        documents = db.session.scalars(sa.select(Document).order_by(Document.sequence)).all()
        assert at_least <= len(documents) < at_most
        assert [each.sequence for each in documents] == list(range(1, len(documents) + 1)), (
            "a number is missing"
        )
        for model, name in (
            (DocumentLine, "document_id"),
            (DocumentVat, "document_id"),
            (DocumentFile, "document_id"),
        ):
            named = db.session.scalars(sa.select(getattr(model, name))).all()
            assert sorted(named) == sorted(each.id for each in documents), model.__name__
        assert db.session.scalar(sa.select(sa.func.count(OutboxRow.id))) == len(documents)
        assert find_imbalances() == []
        for file in db.session.scalars(sa.select(DocumentFile)):
            assert len(storage.get(file.storage_key)) == 5000
    source, taken = site.rows(), restored.rows()
    for table in ("documents", "document_lines", "document_vat", "document_files", "audit_entries"):
        assert all(row in source[table] for row in taken[table]), table


@on_each_database
def test_an_installation_in_use_is_not_touched(archive: Path, make: Make, kind: str) -> None:
    site = make(kind)
    site.migrate()
    with site.opened():
        db.session.add(Shop(name="Bakkerij"))
    before = site.rows()
    assert "not empty: there are rows in shops" in site.refused("restore", archive)
    assert site.rows() == before and site.files() == {}
    assert not marker.is_there(site.config.data_dir)


def test_a_folder_of_files_that_is_in_use_is_not_touched(archive: Path, make: Make) -> None:
    site = make()
    with site.app.app_context():
        storage.put("shops/1/logo/a.png", b"mine")
    assert "not empty: there are files" in site.refused("restore", archive)
    assert site.files() == {"shops/1/logo/a.png": b"mine"}


@on_each_database
def test_an_installation_that_was_started_and_not_used_is_empty(
    shop: Site, archive: Path, make: Make, kind: str
) -> None:
    from portal.core.schedule import PeriodicRun

    site = make(kind)
    site.migrate()
    with site.opened():
        db.session.add(PeriodicRun(name="outbox.sweep", succeeded_at=NOON))
    site.done("restore", archive)
    assert site.rows() == shop.rows()


def test_a_running_installation_is_not_restored_into(archive: Path, make: Make) -> None:
    site = make()
    held = lock.take(site.config.data_dir)
    try:
        assert "Loket is running" in site.refused("restore", archive)
    finally:
        os.close(held)
    assert site.is_empty()


def test_a_wrong_passphrase_changes_nothing(archive: Path, make: Make) -> None:
    site = make(BACKUP_PASSPHRASE="five quiet green boats")
    assert site.refused("restore", archive) == "This is not the passphrase of the archive."
    assert site.is_empty() and not marker.is_there(site.config.data_dir)


def test_the_passphrase_is_asked_for_and_never_an_option(
    shop: Site, archive: Path, make: Make, tmp_path: Path
) -> None:
    asked = make(BACKUP_PASSPHRASE="")
    result = asked.run("restore", archive, input=f"{PASSPHRASE}\n")
    assert result.exit_code == 0, result.output
    assert PASSPHRASE not in result.output
    nobody = make(name="nobody", BACKUP_PASSPHRASE="")
    assert "BACKUP_PASSPHRASE" in nobody.refused("restore", archive).splitlines()[-1]
    told = tmp_path / "passphrase"
    told.write_text(PASSPHRASE + "\n")
    by_file = make(name="by-file", BACKUP_PASSPHRASE="", BACKUP_PASSPHRASE_FILE=str(told))
    by_file.done("restore", archive)
    assert by_file.rows() == shop.rows()
    short = Site(Path(shop.environ["INSTANCE_DIR"]), BACKUP_PASSPHRASE="short")
    assert "shorter than 12" in short.refused("create", tmp_path / "short.backup")
    assert not (tmp_path / "short.backup").exists()


@pytest.mark.parametrize("where", [0, 30, 0.3, 0.9, -1])
def test_a_damaged_archive_changes_nothing(
    archive: Path, plain: Path, make: Make, tmp_path: Path, where: float
) -> None:
    for number, whole in enumerate((archive, plain)):
        data = bytearray(whole.read_bytes())
        place = int(where * len(data)) if isinstance(where, float) else where
        data[place] ^= 0x10
        damaged = tmp_path / f"damaged-{number}.backup"
        damaged.write_bytes(data)
        site = make(name=f"target-{number}")
        keys.put_in_front(site.config, keys.FIELD, ())
        site.refused("restore", damaged)
        damaged.write_bytes(whole.read_bytes()[: place if place > 0 else -1])
        site.refused("restore", damaged)
        assert site.is_empty() and not marker.is_there(site.config.data_dir)


@on_each_database
def test_a_row_that_the_database_refuses_takes_everything_back(
    make: Make, tmp_path: Path, kind: str, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that is whole and whose rows do not go together: the last document has lost its customer."""
    source = make(name="source")
    source.migrate()
    with source.app.app_context(), db.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute(
            "INSERT INTO shop_domains (id, shop_id, host, scheme, is_primary) VALUES (1, 77, 'x', 'https', 1)"
        )
    source.close()
    path = tmp_path / "orphan.backup"
    source.done("create", path)
    site = make(kind)
    sentence = site.refused("restore", path)
    assert "shop_domains" in sentence and "77" not in sentence
    assert site.is_empty() and not marker.is_there(site.config.data_dir)


@pytest.fixture
def newer(tmp_path: Path) -> str:
    """The migrations of a Loket that knows one more."""
    folder = tmp_path / "newer"
    shutil.copytree(MIGRATIONS, folder)
    (folder / "versions" / "9999_a_motto.py").write_text(
        '"""A motto"""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        "from alembic.script import ScriptDirectory\n"
        'revision, down_revision, branch_labels, depends_on = "9999", "HEAD", None, None\n'
        'def upgrade():\n    op.add_column("shops", sa.Column("motto", sa.String(20), server_default="Hi"))\n'
        'def downgrade():\n    op.drop_column("shops", "motto")\n'.replace("HEAD", _head())
    )
    return str(folder)


def _head() -> str:
    from alembic.script import ScriptDirectory

    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None
    return head


@on_each_database
def test_an_older_archive_is_brought_up_to_date(
    shop: Site, archive: Path, make: Make, newer: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make(kind)
    monkeypatch.setattr(migrate, "directory", newer)
    site.migrate()  # empty, and newer than the archive
    site.done("restore", archive)
    assert site.rows() == shop.rows()
    with site.app.app_context(), db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT motto FROM shops").scalar() == "Hi"
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [
            "9999"
        ]


def test_a_newer_archive_is_refused(
    make: Make, newer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make(name="newer-site")
    monkeypatch.setattr(migrate, "directory", newer)
    site.migrate()
    path = tmp_path / "newer.backup"
    site.done("create", path)
    target = make()
    assert "newer Loket (its database is at 9999" in target.refused("restore", path)
    assert target.is_empty()


def test_the_demo_s_archive_is_not_restored_into_a_real_shop(archive: Path, make: Make) -> None:
    site = make(mode="serve")
    assert "mode demo" in site.refused("restore", archive)
    assert site.is_empty()


def test_keys_come_back_in_front_of_those_that_are_there(shop: Site, archive: Path, make: Make) -> None:
    site = make()
    fresh = site.config
    site.done("restore", archive)
    site.load()  # refuses to start with keys that do not fit
    assert site.config.secret_keys == (*shop.config.secret_keys, *fresh.secret_keys)
    assert site.config.field_keys == (*shop.config.field_keys, *fresh.field_keys)
    for name in (keys.SECRET, keys.FIELD):
        assert stat.S_IMODE((site.config.secrets_dir / name).stat().st_mode) == 0o600
    site.environ["FIELD_KEYS"] = fresh.field_keys[0]
    with pytest.raises(Exception, match="FIELD_KEYS holds none of the keys"):
        site.load()


def test_without_the_field_keys_it_says_so_and_waits_for_them(shop: Site, plain: Path, make: Make) -> None:
    site = make()
    sentence = site.refused("restore", plain)
    assert str(site.config.secrets_dir / "field.key") in sentence and "--lose-encrypted-fields" in sentence
    assert site.is_empty() and not marker.is_there(site.config.data_dir)
    # What the sentence asks for: the former file takes the place of the one that was made here.
    shutil.copy(shop.config.secrets_dir / "field.key", site.config.secrets_dir / "field.key")
    site.load()
    said = site.done("restore", plain)
    assert "Links that were mailed before" in said
    assert site.rows() == shop.rows()
    site.load()


def test_fields_may_be_lost_on_purpose(shop: Site, plain: Path, make: Make) -> None:
    site = make()
    assert "Some encrypted fields cannot be read" in site.done("restore", "--lose-encrypted-fields", plain)
    assert site.rows() == shop.rows()
    site.load()


def test_keys_of_the_environment_stay_there(shop: Site, archive: Path, make: Make) -> None:
    mine = "k" * 40
    site = make(SECRET_KEYS=mine, FIELD_KEYS=",".join(shop.config.field_keys))
    assert "SECRET_KEYS is set and lacks keys" in site.done("restore", archive)
    assert (
        not (site.config.secrets_dir / keys.SECRET).exists()
        and not (site.config.secrets_dir / keys.FIELD).exists()
    )
    assert site.rows() == shop.rows()


def test_every_session_ends_and_running_work_is_taken_over(make: Make, tmp_path: Path) -> None:
    source = make(name="source", mode="serve")
    source.migrate()
    database.set_reading(False)
    with source.app.app_context():
        ids = cast.put_on_stage()
    moment = clock.now()
    with source.opened(ids.shop):
        for number, ended in enumerate((None, NOON)):
            row = SessionRow(
                token_hash=str(number), principal=f"person:{ids.emma}", person_id=ids.emma, csrf_secret="x",
                started_at=moment, last_seen_at=moment, confirmed_at=moment, expires_at=moment + timedelta(days=1),
                ended_at=ended,
            )  # fmt: skip
            db.session.add(row)
        running = OutboxRow(
            job="invoices.build_pdf", lane="documents", payload={"document_id": 0, "language": "en"},
            due_at=moment - timedelta(hours=1), state=OutboxState.RUNNING, attempts=1, claimed_by="gone",
            lease_until=moment - timedelta(minutes=1),
        )  # fmt: skip
        db.session.add(running)
    path = tmp_path / "x.backup"
    source.done("create", path)
    site = make(mode="serve")
    site.done("restore", path)
    with site.opened():
        ended = db.session.scalars(sa.select(SessionRow.ended_at).order_by(SessionRow.id)).all()
        assert ended[1] == NOON and ended[0] is not None and ended[0] >= moment
    from portal.core import jobs

    with site.app.app_context():
        jobs.drain("documents")
    with site.opened():
        assert db.session.scalars(sa.select(OutboxRow.state)).all() == [OutboxState.DONE]


def test_a_file_that_a_row_names_and_nobody_has_is_told(shop: Site, make: Make, tmp_path: Path) -> None:
    source = make(name="source")
    source.migrate()
    with source.opened():
        db.session.add(Shop(name="Bakkerij", logo_key="shops/1/logo/gone.png"))
        db.session.add(Shop(name="Molen", logo_key="shops/2/logo/there.png"))
        storage.put("shops/2/logo/there.png", b"there")
    path = tmp_path / "x.backup"
    result = source.run("create", path)
    assert result.exit_code == 1 and "1 file that rows name is not in the folder" in result.stderr
    assert ", 1 file of 5 bytes" in result.stdout
    site = make()
    assert "1 file that rows name is" in site.done("restore", path)
    assert site.files() == source.files()


def test_every_column_of_a_file_is_known_as_one() -> None:
    marked = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.c
        if column.info.get(STORED_FILE)
    }
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.c
        if column.name.endswith(("storage_key", "logo_key", "image_key", "file_key"))
    }
    assert marked == named and len(marked) == 7


def test_a_full_disk_leaves_no_archive(shop: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "x.backup"
    assert shop.refused("create", path) == f"{path} cannot be written: No space left on device."
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_larger_than_the_disk_is_refused(
    archive: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    site = make()
    assert "and 1,000 are free" in site.refused("restore", archive)
    assert site.is_empty()


def test_nothing_personal_is_printed_or_logged(
    archive: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    said = make().done("restore", archive)
    for secret in ("emma@example.com", "Emma", "NL91", PASSPHRASE):
        assert secret not in said and secret not in caplog.text
