"""The parts of a ticket's page, in the words its template uses."""

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
from portal.core.principals import MembershipInfo
from portal.core.shops import current_shop
from portal.core.templating import language
from portal.domain.people.permissions import Permission
from portal.domain.tickets.models import AuthorKind


@dataclass(frozen=True)
class File:
    """A file of a message, to be downloaded."""

    name: str
    size: str
    url: str


@dataclass(frozen=True)
class Message:
    """A message of the conversation; the shop's own automatic ones stand on its side."""

    author_name: str
    initials: str
    ours: bool
    at: datetime
    html: Markup
    unproved: bool
    files: list[File]


def message(row: Any, files: Sequence[Any], ticket: str) -> Message:
    """A message with its Markdown as safe markup, and those of the page's ``files`` that came with it."""
    name = _author(row)
    return Message(
        author_name=name,
        initials=initials(name),
        ours=row.author_kind is not AuthorKind.CUSTOMER,
        at=row.created_at,
        html=markdown.to_html(row.body),
        unproved=not row.is_proved,
        files=[
            File(
                name=file.name,
                size=locale.file_size(file.size_bytes, language()),
                url=url_for("support.download", public_id=ticket, file_id=file.public_id),
            )
            for file in files
            if file.message_id == row.id
        ],
    )


def related(ticket: Any, account: MembershipInfo) -> tuple[str, str] | None:
    """Label and address of what a ticket is about, for whoever may open it."""
    linked = ticket.document_is_linked and account.can(Permission.INVOICES_LINKED)
    if ticket.document_public_id is not None and (linked or account.can(Permission.INVOICES)):
        label = _("Invoice %(number)s", number=ticket.document_number)
        return str(label), url_for("invoices.show", public_id=ticket.document_public_id)
    if ticket.order_public_id is not None and account.can(Permission.ORDERS):
        label = _("Order %(number)s", number=ticket.order_number)
        return str(label), url_for("orders.show", public_id=ticket.order_public_id)
    if ticket.subscription_public_id is not None and account.can(Permission.SUBSCRIPTIONS):
        address = url_for("subscriptions.show", public_id=ticket.subscription_public_id)
        return ticket.subscription_name, address
    return None


def _author(row: Any) -> str:
    if row.author_name:
        return str(row.author_name)
    return current_shop().name if row.author_kind is AuthorKind.STAFF else str(row.author_kind.label)
