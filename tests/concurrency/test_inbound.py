"""The same mail brought by several servers at once is added once; different ones are all added."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from portal.commands.mail_delivery import Delivery, deliver
from portal.core.tenancy import shop_scope
from portal.domain.tickets.models import Ticket, TicketMessage
from portal.extensions import db
from tests.cast import HOST
from tests.concurrency.test_numbering import on_each_database, staged, url
from tests.inbound import raw

__all__ = ["url"]

SERVERS = 6


def bring(app: Flask, mails: list[bytes]) -> Counter[str]:
    """Each mail by a thread of its own, all at the same moment; how many ended how."""
    together, ends = threading.Barrier(len(mails)), []

    def one(data: bytes) -> None:
        with app.app_context():
            together.wait(30)
            try:
                ends.append(deliver(Delivery(data, (), None, HOST)).done.value)
            except Exception as error:
                ends.append(repr(error))

    threads = [threading.Thread(target=one, args=(data,)) for data in mails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return Counter(ends)


def count(model: type[Ticket] | type[TicketMessage]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@on_each_database
def test_the_same_mail_at_once_is_added_once(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (app, ids):
        db.session.remove()
        assert bring(app, [raw()] * SERVERS) == {"opened": 1, "known": SERVERS - 1}
        with shop_scope(ids.shop):
            assert (count(Ticket), count(TicketMessage)) == (1, 1)


@on_each_database
def test_different_mails_at_once_are_all_added(url: str, tmp_path: Path) -> None:
    with staged(url, tmp_path) as (app, ids):
        db.session.remove()
        assert bring(app, [raw(message_id="<first@x.example>")]) == {"opened": 1}
        replies = [
            raw(f"Number {number}", "References: <first@x.example>", message_id=f"<{number}@x.example>")
            for number in range(SERVERS)
        ]
        assert bring(app, replies) == {"added": SERVERS}
        with shop_scope(ids.shop):
            assert (count(Ticket), count(TicketMessage)) == (1, 1 + SERVERS)
