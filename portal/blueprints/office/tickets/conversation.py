"""The conversation of a ticket in the words its page uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal.core import locale, markdown
from portal.core.brand import initials
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.tickets.models import AuthorKind


@dataclass(frozen=True)
class File:
    """A file of a message, to be downloaded."""

    name: str
    size: str
    url: str


@dataclass(frozen=True)
class Message:
    """A message; ``ours`` is the shop's, ``internal`` a note that no customer sees."""

    author_name: str
    initials: str
    ours: bool
    internal: bool
    at: datetime
    html: Markup
    unproved: bool
    files: list[File]


def message(row: Any, files: Sequence[Any], ticket: str) -> Message:
    """A message with its Markdown as safe markup, and those of the page's ``files`` that came with it."""
    name = row.author_name or (
        current_shop().name if row.author_kind is AuthorKind.STAFF else str(row.author_kind.label)
    )
    return Message(
        author_name=name,
        initials=initials(name),
        ours=row.author_kind is not AuthorKind.CUSTOMER,
        internal=row.is_internal,
        at=row.created_at,
        html=markdown.to_html(row.body),
        unproved=not row.is_proved,
        files=[
            File(
                name=file.name,
                size=locale.file_size(file.size_bytes, language()),
                url=url_for("office.tickets.download", public_id=ticket, file_id=file.public_id),
            )
            for file in files
            if file.message_id == row.id
        ],
    )


def about(ticket: Any) -> str | None:
    """What a ticket is about, in words."""
    if ticket.document_number is not None:
        return str(_("Invoice %(number)s", number=ticket.document_number))
    if ticket.order_number is not None:
        return str(_("Order %(number)s", number=ticket.order_number))
    return str(ticket.subscription_name) if ticket.subscription_name is not None else None
