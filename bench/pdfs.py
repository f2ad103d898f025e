"""PDFs: an invoice warm, against ReportLab by hand with the same content, and the first one of a worker's life."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import profiling, shops
from bench.aside import aside
from bench.rounds import interleave, middle, ratios
from bench.run import Run
from bench.table import Bar, Row, measured

#: What a run makes of one document before the clock runs; more than the interpreter needs to settle.
WARM = 3
#: Words and numbers.
_PARTS = re.compile(r"[^\W\d_]+|[\d.,%-]+")


def warm_and_first(run: Run) -> list[Row]:
    """All of the part, in a process of its own that holds the portal."""
    with tempfile.TemporaryDirectory(prefix="loket-bench-") as folder:
        shop = shops.make(1_000, 50).copy_to(Path(folder, "shop"))
        found = json.loads(aside("bench.pdfs", shop.env, str(run.either(30, 10)), str(run.either(12, 5))))
    run.profiles |= found["profiles"]
    part = "PDF"
    rows = [
        measured(
            part,
            f"invoice of {lines} lines, warm, against ReportLab by hand",
            Bar("at most 2 ×", 2.0),
            found[lines]["cpu"],
            note=f"{found[lines]['ours']:.0f} and {found[lines]['hand']:.0f} ms of processor time; by the clock "
            f"{median(found[lines]['wall']):.2f} ×; {found[lines]['pages']} pages, {found[lines]['bytes']:,} and "
            f"{found[lines]['hand_bytes']:,} bytes",
        )
        for lines in ("10", "200")
    ]
    rows.append(
        measured(
            part,
            "first PDF in a worker's job, against warm",
            Bar("at most 1.15 ×", 1.15),
            found["first"]["cpu"],
            note="whole job of 10 lines in a fork of the preloaded parent; "
            f"by the clock {median(found['first']['wall']):.2f} ×",
        )
    )
    return rows


def _documents(app: Any, sizes: list[int], copies: int) -> dict[int, list[int]]:
    """Issued invoices of so many lines, in English; answers their ids."""
    import sqlalchemy as sa

    from portal.core import clock
    from portal.core.audit import Actor
    from portal.core.outbox import OutboxRow, OutboxState
    from portal.core.tenancy import shop_scope
    from portal.domain.invoices import actions, drafts
    from portal.domain.people.models import Customer
    from portal.domain.shops import queries
    from portal.extensions import db

    made: dict[int, list[int]] = {}
    with app.app_context():
        shop = queries.find_default_shop()
        with shop_scope(shop.id):
            customer = db.session.scalars(sa.select(Customer).where(Customer.email == shops.EMAIL)).one()
            for size in sizes:
                lines = [
                    drafts.LineInput(
                        f"Roast of the month, bag {place}", Decimal(place % 4 + 1), Decimal(1295), Decimal(21)
                    )
                    for place in range(size)
                ]
                for _ in range(copies if size == sizes[0] else 1):
                    now, actor = clock.now(), Actor.system("bench")
                    document = drafts.create_draft(shop, customer, lines, now=now, actor=actor)
                    document.language = "en"
                    actions.issue_invoice(document, shop=shop, customer=customer, now=now, actor=actor)
                    db.session.flush()
                    made.setdefault(size, []).append(document.id)
            db.session.execute(
                sa.update(OutboxRow).values(state=OutboxState.DONE),
                execution_options={"synchronize_session": False},
            )
            db.session.commit()
    return made


def _context(app: Any, document_id: int) -> dict[str, Any]:
    from portal.core.tenancy import shop_scope
    from portal.domain.invoices import rendering
    from portal.domain.invoices.models import Document
    from portal.domain.shops import queries
    from portal.extensions import db

    with app.app_context():
        shop = queries.find_default_shop()
        with shop_scope(shop.id):
            return rendering.document_context(db.session.get_one(Document, document_id), shop, "en")


def _printed(data: bytes) -> tuple[str, int]:
    """What is printed, and on how many pages."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    return " ".join(page.extract_text() for page in reader.pages), len(reader.pages)


def _same_content(ours: bytes, by_hand: bytes) -> int:
    """Raises when one prints a word that the other does not, or much more of it; answers our number of pages."""
    (mine, pages), (theirs, their_pages) = _printed(ours), _printed(by_hand)
    # Words next to each other may be read as one, so each part is looked for in all that the other prints.
    squeezed = {text: "".join(text.split()) for text in (mine, theirs)}
    lost = {
        part
        for one, other in ((mine, theirs), (theirs, mine))
        for part in _PARTS.findall(one)
        if part not in squeezed[other]
    }
    letters = Counter(squeezed[mine])
    letters.subtract(squeezed[theirs])
    more = sum(map(abs, letters.values())) / len(squeezed[mine])
    if lost or more > 0.02 or abs(pages - their_pages) > 1:
        raise RuntimeError(
            f"the PDF by hand has {their_pages} pages for our {pages}, differs in {more:.1%} of the letters,"
            f" and in the words {sorted(lost)[:20]}"
        )
    return pages


def _compare(app: Any, context: dict[str, Any], rounds: int) -> dict[str, Any]:
    from bench.references import invoice_by_hand
    from portal.core import pdf

    with app.app_context():
        ours = partial(pdf.render, "pdf/invoice.html", context, locale="en")
        by_hand = partial(invoice_by_hand.draw, context)
        mine, theirs = ours(), by_hand()
        pages = _same_content(mine, theirs)
        actions = {"ours": lambda: _none(ours()), "hand": lambda: _none(by_hand())}
        found = interleave(actions, rounds, warm=WARM)
        profile = profiling.profile(ours, 5)
    return {
        "cpu": ratios(found["ours"], found["hand"], cpu=True),
        "wall": ratios(found["ours"], found["hand"]),
        "ours": middle(found["ours"], cpu=True) * 1000,
        "hand": middle(found["hand"], cpu=True) * 1000,
        "pages": pages,
        "bytes": len(mine),
        "hand_bytes": len(theirs),
        "profile": profile,
    }


def _none(_data: object) -> None:
    return None


def _first(app: Any, document_ids: list[int]) -> dict[str, list[float]]:
    """In a fork: the job of the first PDF, and of those after it, each added and drained alone."""
    took = _in_fork(app, lambda: [_one_job(app, document_id) for document_id in document_ids])
    return {
        "wall": [took[0][0] / median(each[0] for each in took[1:])],
        "cpu": [took[0][1] / median(each[1] for each in took[1:])],
    }


def _profile_of_first(app: Any, document_id: int) -> str:
    """Where the time of the first job goes."""
    return str(_in_fork(app, lambda: profiling.profile(lambda: _none(_one_job(app, document_id)), 1)))


def _in_fork(app: Any, work: Callable[[], Any]) -> Any:
    """What work answers in a worker that has just begun, of a parent that has not rendered an invoice itself."""
    from portal.installation.hooks import settle

    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            settle(app, ("documents",))
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the worker's fork failed")
    return json.loads(told)


def _one_job(app: Any, document_id: int) -> tuple[float, float]:
    import sqlalchemy as sa

    from portal.core import outbox_runner
    from portal.core.outbox import OutboxRow, OutboxState
    from portal.core.tenancy import every_shop
    from portal.domain.invoices.models import DocumentFile
    from portal.extensions import db

    with app.app_context(), every_shop():
        db.session.execute(
            sa.update(OutboxRow)
            .where(OutboxRow.job == "invoices.build_pdf", OutboxRow.key == f"{document_id}:en")
            .values(state=OutboxState.WAITING, attempts=0, claimed_by=None),
            execution_options={"synchronize_session": False},
        )
        db.session.execute(
            sa.delete(DocumentFile).where(DocumentFile.document_id == document_id),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        db.session.remove()
        db.engine.dispose()  # the worker opens its connection in its first job
    begun, worked = time.perf_counter(), time.process_time()
    done = outbox_runner.drain(app, "documents")
    took = time.perf_counter() - begun, time.process_time() - worked
    if done.rows != 1:
        raise RuntimeError(f"{done.rows} rows were drained and not 1")
    return took


def _main(rounds: str, forks: str) -> None:
    from bench.inside import application
    from portal.extensions import db
    from portal.installation.hooks import warm

    app = application()
    ids = _documents(app, [10, 200], 6)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    first: dict[str, list[float]] = {"cpu": [], "wall": []}
    # Before this process renders an invoice itself: the parent of the workers has rendered what `warm` renders.
    warm(app)
    gc.collect()
    gc.freeze()
    for _ in range(int(forks)):
        for name, values in _first(app, ids[10]).items():
            first[name] += values
    profiles = {"First PDF in a worker's job": _profile_of_first(app, ids[10][0])}
    found: dict[str, Any] = {"first": first, "profiles": profiles}
    for size in (10, 200):
        found[str(size)] = _compare(
            app, _context(app, ids[size][0]), max(5, int(rounds) // (1 if size == 10 else 3))
        )
        found["profiles"][f"PDF of {size} lines"] = found[str(size)].pop("profile")
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
