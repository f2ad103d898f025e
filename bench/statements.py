"""How many SQL statements a page takes, for one row and for many."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from bench import shops
from bench.aside import aside
from bench.run import Run
from bench.table import Bar, Row, measured

LITTLE = "new@example.com"


def count(run: Run) -> list[Row]:
    """List, invoice and home."""
    part = "SQL statements of a GET"
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as folder:
        shop = shops.make(1_000, 50).copy_to(Path(folder, "shop"))
        few, many = _one_and_many(shop)
        found = json.loads(aside("bench.statements", shop.env, few, many))
    rows = []
    for name, words, limit in (
        ("list", "invoice list", 5),
        ("invoice", "invoice page", 6),
        ("home", "home", 7),
    ):
        one, more = found[name]
        sizes = "1 and 25 lines" if name == "invoice" else "1 and 25 rows"
        note = f"the same for {sizes}" if one == more else f"{one} and {more} for {sizes}"
        rows.append(
            measured(
                part,
                words,
                Bar(f"{limit}, the same for {sizes}", limit),
                [max(one, more)],
                unit="",
                note=note,
            )
        )
        if one != more:
            rows[-1].verdict = Bar("", 0).verdict(1)
    return rows


def _one_and_many(shop: shops.MadeShop) -> tuple[str, str]:
    """Gives a second customer a single invoice of one line, and one of Emma's 25 lines; answers both by public id."""
    engine = sa.create_engine(shop.database_url)
    with engine.begin() as connection:
        little = connection.scalar(sa.text(shops.HERS), {"email": LITTLE})
        hers = sa.text(
            "SELECT d.id, d.public_id FROM documents d JOIN document_lines l ON l.document_id = d.id "
            "WHERE d.customer_id = :customer AND d.kind = 'invoice' AND d.list_state = 'paid' "
            "GROUP BY d.id, d.public_id HAVING count(*) = 1 ORDER BY d.id DESC LIMIT 2"
        )
        one, many = connection.execute(hers, {"customer": shop.customer_id}).all()
        connection.execute(
            sa.text("UPDATE documents SET customer_id = :customer WHERE id = :id"),
            {"customer": little, "id": one.id},
        )
        lines = sa.Table("document_lines", sa.MetaData(), autoload_with=connection)
        line = dict(
            connection.execute(sa.select(lines).where(lines.c.document_id == many.id)).mappings().one()
        )
        del line["id"]
        connection.execute(sa.insert(lines), [{**line, "position": place} for place in range(2, 26)])
    engine.dispose()
    return one.public_id, many.public_id


def _main(few: str, many: str) -> None:
    from bench.inside import application, counted, reader

    app = application()
    found = {}
    little, emma = reader(app, LITTLE), reader(app, shops.EMAIL)
    for name, one, more in (
        ("list", "/customer/invoices", "/customer/invoices"),
        ("invoice", f"/customer/invoices/{few}", f"/customer/invoices/{many}"),
        ("home", "/customer", "/customer"),
    ):
        numbers = []
        for get, path in ((little, one), (emma, more)):
            get(path)
            with counted(app) as seen:
                get(path)
            numbers.append(len(seen))
        found[name] = numbers
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
