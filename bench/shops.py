"""The shops that are measured: demo shops of a given size, made by the portal's own commands and kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bench.machine import KEPT, PROJECT
from bench.servers import Postgres

#: Who the pages are looked at as: the customer of the demo with something of everything.
EMAIL, PASSWORD = "emma@example.com", "loket-demo"
#: Who the office is looked at as.
STAFF = "owner@example.com"


@dataclass(frozen=True)
class MadeShop:
    """A demo shop in a database: what a program needs in its environment to serve it."""

    folder: Path
    database_url: str
    customer_id: int
    listed: int
    invoices: int

    @property
    def env(self) -> dict[str, str]:
        """The settings, and nothing of whoever started the run."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "LOKET_MODE": "demo",
            "INSTANCE_DIR": str(self.folder),
            "DATABASE_URL": self.database_url,
            "LOG_LEVEL": "WARNING",
        }

    def copy_to(self, folder: Path) -> MadeShop:
        """The same shop as a copy that may be written to; SQLite only."""
        shutil.copytree(self.folder, folder)
        url = f"sqlite:///{folder / 'demo' / 'loket.sqlite'}"
        return MadeShop(folder, url, self.customer_id, self.listed, self.invoices)


def make(invoices: int, hers: int, postgres: Postgres | None = None) -> MadeShop:
    """The demo shop with so many invoices more, so many of them (at least her own) Emma's; kept once it was made."""
    folder = _folder(invoices, hers, postgres)
    name = folder.name
    if postgres:
        url, is_new = postgres.database(name.replace("-", "_"))
    else:
        url, is_new = f"sqlite:///{folder / 'demo' / 'loket.sqlite'}", not (folder / "made").exists()
    if is_new or not (folder / "made").exists():
        if postgres:
            url = postgres.empty(name.replace("-", "_"))
        shutil.rmtree(folder, ignore_errors=True)
        _fill(MadeShop(folder, url, 0, 0, 0), invoices, hers)
    customer_id, listed, count = _look(url)
    return MadeShop(folder, url, customer_id, listed, count)


def is_made(invoices: int, hers: int, postgres: Postgres | None) -> bool:
    """Is there such a shop from an earlier run?"""
    return (_folder(invoices, hers, postgres) / "made").exists()


def _folder(invoices: int, hers: int, postgres: Postgres | None) -> Path:
    kind = "postgres" if postgres else "sqlite"
    return KEPT / "shops" / f"{kind}-{invoices}-{hers}-{_fingerprint()}"


def _fill(shop: MadeShop, invoices: int, hers: int) -> None:
    begun = time.monotonic()
    print(f"  making a shop of {invoices:,} invoices, once …", flush=True)
    shop.folder.mkdir(parents=True)
    _python(shop.env, "-c", _KEYS)
    _python(shop.env, "-m", "flask", "--app", "app", "db", "upgrade")
    size = ["--customers", str(max(10, invoices // 10)), "--invoices", str(invoices)]
    _python(shop.env, "-m", "flask", "--app", "app", "demo", "load", *size)
    engine = sa.create_engine(shop.database_url)
    with engine.begin() as connection:
        _hand_over(connection, hers)
        if invoices >= CROWDED:
            _crowd(connection, invoices)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # PostgreSQL does this by itself after a while; the portal does not have SQLite do it, so neither do we.
        connection.exec_driver_sql(
            "VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"
        )
    engine.dispose()
    (shop.folder / "made").write_text(f"{time.monotonic() - begun:.0f} s\n")


_KEYS = (
    "import os; from config import Config; from portal.installation import keys; "
    "keys.ensure(Config.from_env(os.environ))"
)

HERS = "SELECT m.customer_id FROM memberships m JOIN people p ON p.id = m.person_id WHERE p.email = :email"
_LISTED = (
    "SELECT count(*) FROM documents WHERE customer_id = :customer AND issue_date IS NOT NULL "
    "AND kind IN ('invoice', 'collection_fee', 'interest')"
)


def _hand_over(connection: sa.Connection, wanted: int) -> None:
    """Makes invoices of the crowd Emma's, spread evenly over the years, with their payments."""
    customer = connection.scalar(sa.text(HERS), {"email": EMAIL})
    missing = wanted - int(connection.scalar(sa.text(_LISTED), {"customer": customer}) or 0)
    crowd = sa.text(
        "SELECT d.id FROM documents d JOIN customers c ON c.id = d.customer_id "
        "WHERE c.email LIKE 'customer-%' AND d.kind = 'invoice' ORDER BY d.id"
    )
    ids = list(connection.scalars(crowd))
    for place in range(max(missing, 0)):
        values = {"customer": customer, "id": ids[place * len(ids) // missing]}
        connection.execute(sa.text("UPDATE documents SET customer_id = :customer WHERE id = :id"), values)
        connection.execute(
            sa.text(
                "UPDATE payments SET customer_id = :customer "
                "WHERE id IN (SELECT payment_id FROM allocations WHERE document_id = :id)"
            ),
            values,
        )


#: From how many invoices on a shop also has many of everything else that the office lists.
CROWDED = 100_000
#: How many of each, in a hundred invoices. Of the tickets one in a hundred still runs.
TICKETS, NOTICES, DRAFTS, NOTES, UNDER_WAY = 10, 1, 2, 2, 2
_TICKETS = {
    "number": "'T-' || CAST(:offset + i AS text)",
    "customer_id": "(SELECT min(id) FROM customers WHERE email LIKE 'customer-%') + i % :customers",
    "status": "CASE i % 100 WHEN 0 THEN 'open' WHEN 1 THEN 'rejected' ELSE 'closed' END",
    "type": "CASE i % 1000 WHEN 0 THEN 'complaint' ELSE 'general' END",
    "priority": "CASE i % 1000 WHEN 1 THEN 'urgent' ELSE 'medium' END",
    "subject": "'Question ' || CAST(i AS text)",
    "opened_by_id": "NULL",
    "document_id": "NULL",
    "order_id": "NULL",
    "subscription_id": "NULL",
    "waits_for_customer": "i % 2 = 0",
}
_DRAFTS = {
    "status": "'draft'",
    "number": "NULL",
    "issue_date": "NULL",
    "due_date": "NULL",
    "reference": "''",
    "sequence": "NULL",
    "finalised_at": "NULL",
    "list_state": "'unpaid'",
}


def _crowd(connection: sa.Connection, invoices: int) -> None:
    """Tickets, notices, drafts, credit notes and payments under way, as many as such a shop has after some years."""
    hundreds = invoices // 100
    _copy(connection, "tickets", TICKETS * hundreds, _TICKETS, "last_message_at", customers=invoices // 10)
    # The words of their subjects, as the portal keeps them.
    for word in ("'question'", "substr(subject, length('Question ') + 1)"):
        connection.execute(
            sa.text(
                "INSERT INTO ticket_words (shop_id, ticket_id, word)"
                f" SELECT shop_id, id, {word} FROM tickets WHERE subject LIKE 'Question %'"
            )
        )
    _copy(connection, "notices", NOTICES * hundreds, {"is_active": "i = 0"}, "starts_at")
    crowd = (
        "kind = 'invoice' AND customer_id >= (SELECT min(id) FROM customers WHERE email LIKE 'customer-%')"
    )
    _copy(connection, "documents", DRAFTS * hundreds, _DRAFTS, "created_at", where=crowd)
    for every, offset, changes in (
        (100 // NOTES, 1, "kind = 'credit_note', open_minor = 0, list_state = 'paid'"),
        (
            100 // UNDER_WAY,
            2,
            "list_state = 'pending', status = 'open', open_minor = total_minor, paid_minor = 0",
        ),
    ):
        connection.execute(
            sa.text(
                f"UPDATE documents SET {changes} WHERE {crowd} AND number IS NOT NULL AND id % {every} = {offset}"
            )
        )


def _copy(
    connection: sa.Connection,
    table: str,
    count: int,
    changed: Mapping[str, str],
    at: str,
    *,
    where: str = "1 = 1",
    **values: int,
) -> None:
    """So many copies of a table's first row, each a minute older by its column ``at``; ``i`` counts them."""
    columns = {column["name"] for column in sa.inspect(connection).get_columns(table)} - {"id"}
    older = {
        "postgresql": f"t.{at} - i * interval '1 minute'",
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%S.000000', t.{at}, '-' || i || ' minutes')",
    }[connection.dialect.name]
    told = {at: older, **changed}
    if "public_id" in columns:
        told["public_id"] = (
            "substr('copy-of-an-older-thing', 1, 22 - length(CAST(i AS text))) || CAST(i AS text)"
        )
    names = sorted(columns)
    chosen = ", ".join(told.get(name, f"t.{name}") for name in names)
    offset = int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)
    connection.execute(
        sa.text(
            f"WITH RECURSIVE counted(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i + 1 < :count) "
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM counted, "
            f"(SELECT * FROM {table} WHERE id = (SELECT min(id) FROM {table} WHERE {where})) t"
        ),
        {"count": count, **({"offset": 10**6 + offset} if ":offset" in chosen else {}), **values},
    )


def _look(url: str) -> tuple[int, int, int]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        customer = int(connection.scalar(sa.text(HERS), {"email": EMAIL}) or 0)
        listed = int(connection.scalar(sa.text(_LISTED), {"customer": customer}) or 0)
        count = int(connection.scalar(sa.text("SELECT count(*) FROM documents WHERE kind = 'invoice'")) or 0)
    engine.dispose()
    return customer, listed, count


def _python(env: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=dict(env), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")


def _fingerprint() -> str:
    """Changes when the schema, the demo or what is done to it here does."""
    digest = hashlib.sha256()
    files = [
        Path(__file__),
        *PROJECT.glob("migrations/versions/*.py"),
        *PROJECT.glob("portal/demo/*.py"),
    ]
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
