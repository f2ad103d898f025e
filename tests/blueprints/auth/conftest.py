"""What the tests of logging in share: the mails that would leave, and how many rows every table has."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask

Count = Callable[[], dict[str, int]]


class Mailbox:
    """Works off the mail lane and keeps what a mail server would have got."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        from portal.core import smtp

        self._app = app
        self._raw: list[bytes] = []

        def take(raw: bytes, *, sender: str, recipients: list[str]) -> dict[str, smtp.Answer]:
            self._raw.append(raw)
            return dict.fromkeys(recipients, smtp.Answer(250, "taken"))

        monkeypatch.setattr(smtp, "send", take)

    def collect(self) -> list[EmailMessage]:
        """The mails that left since the last time."""
        from portal.core import database
        from portal.core.outbox_runner import drain

        database.set_reading(False)  # the client's last GET left it on
        for _round in range(3):
            drain(self._app, "mail", seconds=5)
        raw, self._raw = self._raw, []
        return [email.message_from_bytes(each, policy=email.policy.default) for each in raw]  # type: ignore[misc]

    def one(self) -> EmailMessage:
        """The only mail that left since the last time."""
        mails = self.collect()
        assert len(mails) == 1, [str(mail["Subject"]) for mail in mails]
        return mails[0]


def text_of(mail: EmailMessage) -> str:
    """The text part of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    """The path of the mail's link with a secret."""
    found = re.findall(r"https://[^/\s]+(/(?:confirm|reset-password|claim|change-email)/\S+)", text_of(mail))
    assert len(found) == 1, text_of(mail)
    return str(found[0])


@pytest.fixture
def mailbox(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """The mails of this test."""
    return Mailbox(app, monkeypatch)


@pytest.fixture
def row_counts(app: Flask) -> Count:
    """How many rows each table has, in all shops."""

    def count() -> dict[str, int]:
        from portal.extensions import db

        with app.app_context(), db.engine.connect() as connection:
            return {
                table.name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
                for table in db.metadata.sorted_tables
            }

    return count
