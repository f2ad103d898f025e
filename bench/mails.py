"""Mails through outbox, RQ and Flask-Mail to a server of this machine, against Flask-Mail alone on one connection."""

from __future__ import annotations

import cProfile
import email
import email.policy
import json
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine, profiling, servers, shops
from bench.aside import aside
from bench.rounds import Took, interleave, middle, ratios
from bench.run import Run
from bench.table import Bar, Row, measured, not_measured

WHAT = "mails through outbox, RQ and Flask-Mail, against Flask-Mail on one connection"
TO = "emma@example.com"
#: How often is looked whether all have left: the processor that takes is the worker's, and our time has it in it.
LOOK_SECONDS = 0.005


def through_the_outbox(run: Run) -> list[Row]:
    """With the database on disk, as it is in use, and in memory, which shows what the forced writes cost."""
    part, bar = "Mail", Bar("at least 0.9 ×", 0.9, least=True)
    rows: list[Row] = []
    places = {"on disk": machine.KEPT} | ({"in memory": machine.MEMORY} if machine.has_memory() else {})
    for where, place in places.items():
        try:
            found = _measure(run, place)
        except servers.Absent as absent:
            return [not_measured(part, WHAT, bar.words, str(absent))]
        rows.append(
            measured(
                part,
                f"{WHAT}, database {where}",
                bar if where == "on disk" else None,
                found["ratios"],
                note=f"{found['ours']:.0f} and {found['alone']:.0f} a second in batches of {found['count']}; "
                f"{found['syncs']:.2f} commits a mail wait for the disk; "
                f"our processor time is {found['cpu']:.2f} × theirs",
            )
        )
        run.profiles[f"Sending mails, database {where}"] = found["profile"]
    return rows


def _measure(run: Run, place: Path) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="loket-bench-", dir=place) as folder,
        servers.redis() as redis_url,
        servers.mail_sink() as sink,
    ):
        shop = shops.make(1_000, 50).copy_to(Path(folder, "shop"))
        env = {**shop.env, "REDIS_URL": redis_url, "SMTP_URL": sink.url}
        told = aside("bench.mails", env, str(sink.port), str(run.either(200, 100)), str(run.either(12, 6)))
        found: dict[str, Any] = json.loads(told)
        return found


def _words(app: Any) -> dict[str, str]:
    """Subject and bodies of the mail, as the portal renders it, for the other sender to have ready."""
    from portal.core import clock, mail_delivery
    from portal.core.tenancy import shop_scope
    from portal.domain.shops import queries
    from portal.extensions import db

    with app.app_context(), shop_scope(queries.find_default_shop().id):
        message = _queue(app, 1)[0]
        envelope = mail_delivery.envelope_of(message)
        raw = mail_delivery._bytes_to_send(message, envelope, now=clock.now())
        db.session.rollback()
    parsed: Any = email.message_from_bytes(raw, policy=email.policy.default)
    text, html = (parsed.get_body((kind,)).get_content() for kind in ("plain", "html"))
    # Flask-Mail does not wrap lines, and servers refuse long ones.
    return {"subject": parsed["subject"], "to": TO, "text": text, "html": html.replace("><", ">\n<")}


def _queue(app: Any, count: int) -> list[Any]:
    """Mails about an invoice, in the active shop; the caller commits."""
    from portal.core import clock, mailer
    from portal.core.mailer import Category, Mail

    now = clock.now()
    return [
        mailer.queue(
            Mail(
                name="invoice_issued",
                category=Category.BILLING,
                language="en",
                to=[TO],
                context={
                    "customer": "Emma de Vries",
                    "shop": "Koffiehuis",
                    "number": f"2026-{number:04}",
                    "total_minor": 12100 + number,
                    "open_minor": 12100 + number,
                    "currency": "EUR",
                    "due_date": now.date() + timedelta(days=14),
                    "pay_url": f"https://shop.example.com/pay/{number}",
                    "invoice_url": f"https://shop.example.com/customer/invoices/{number}",
                    "settings_url": "https://shop.example.com/customer/settings",
                    "test_mode": False,
                },
            ),
            now=now,
        )
        for number in range(count)
    ]


def _batch(app: Any, sink: servers.MailSink, worker: int, count: int) -> Took:
    """From the commit that adds the mails until the last of them is written down as sent."""
    from bench.rounds import on_processor
    from portal.core.tenancy import shop_scope
    from portal.domain.shops import queries
    from portal.extensions import db

    with app.app_context(), shop_scope(queries.find_default_shop().id):
        _queue(app, count)
        db.session.flush()
        worked, begun = on_processor(worker), time.perf_counter()
        db.session.commit()
    while _open_rows(app):
        time.sleep(LOOK_SECONDS)
    return Took(time.perf_counter() - begun, on_processor(worker) - worked)


def _open_rows(app: Any) -> int:
    """Looked at by a transaction that only reads: any other takes SQLite's write lock, and the worker waits for it."""
    import sqlalchemy as sa

    from portal.core import database
    from portal.core.outbox import OutboxRow, OutboxState
    from portal.extensions import db

    open_ones = OutboxRow.state.in_([OutboxState.WAITING, OutboxState.RUNNING])
    count = sa.select(sa.func.count(OutboxRow.id)).where(open_ones, OutboxRow.lane == "mail")
    with app.app_context(), database.snapshot(db.engine) as connection:
        return connection.scalar(count) or 0


def _settle(app: Any) -> None:
    """What the demo still has to do is not ours."""
    import sqlalchemy as sa

    from portal.core.outbox import OutboxRow, OutboxState
    from portal.core.tenancy import every_shop
    from portal.extensions import db

    with app.app_context(), every_shop():
        db.session.execute(
            sa.update(OutboxRow).values(state=OutboxState.DONE),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()


def _profile(app: Any, count: int) -> tuple[str, float]:
    """The profile of a drain in this process, by the clock, and the forced writes of a mail."""
    from portal.core import outbox_runner
    from portal.core.tenancy import shop_scope
    from portal.domain.shops import queries
    from portal.extensions import db

    with app.app_context(), shop_scope(queries.find_default_shop().id):
        app.extensions["bells"].url = None  # the worker would be faster
        _queue(app, count)
        db.session.commit()
    profiler = cProfile.Profile()
    with profiling.commits(app) as commits:
        profiler.enable()
        outbox_runner.drain(app, "mail", seconds=120)
        profiler.disable()
    return profiling.summary(profiler, count), commits[0] / count


def _main(port: str, count: str, rounds: str) -> None:
    from bench.inside import application
    from bench.references.flask_mail_loop import Loop

    app, loop, number = application(), Loop(int(port)), int(count)
    _settle(app)
    words = _words(app)
    sink = servers.MailSink(int(port), -1)
    with servers.process([sys.executable, "-m", "bench.lane_worker", "mail", "billing"]) as worker:
        _batch(app, sink, worker.pid, 5)  # returns when the worker is up
        found = interleave(
            {
                "ours": partial(_batch, app, sink, worker.pid, number),
                "alone": partial(loop.send, number, **words),
            },
            int(rounds),
        )
    profile, syncs = _profile(app, number)
    print(
        json.dumps(
            {
                "ratios": ratios(found["alone"], found["ours"]),
                "ours": number / middle(found["ours"]),
                "alone": number / middle(found["alone"]),
                "cpu": median(ratios(found["ours"], found["alone"], cpu=True)),
                "count": number,
                "syncs": syncs,
                "profile": profile,
            }
        )
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
