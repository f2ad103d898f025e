"""The public payment link of a document: unguessable, made anew from our key, replaceable by counting up."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.core import links
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus
from portal.domain.shops.models import Mode
from portal.extensions import db

#: How long a link still shows what was bought after the payment; then it asks for log-in.
AFTER_PAYMENT = timedelta(days=30)

_ID_LENGTH = 22


def payment_token(document: Document) -> str:
    """What stands in the address ``/pay/<token>``."""
    return document.public_id + links.mac("pay", _signed(document))


def find_by_payment_token(token: str, *, mode: Mode) -> Document | None:
    """The issued document a token was made for; none for a wrong, replaced, other mode's or other shop's token."""
    public_id, proof = token[:_ID_LENGTH], token[_ID_LENGTH:]
    document = db.session.scalar(
        sa.select(Document).where(
            Document.public_id == public_id,
            Document.mode == mode,
            Document.kind != DocumentKind.CREDIT_NOTE,
            Document.status.in_([DocumentStatus.OPEN, DocumentStatus.SETTLED]),
        )
    )
    if document is None or not links.mac_fits("pay", _signed(document), proof):
        return None
    return document


def link_is_over(document: Document, *, now: datetime) -> bool:
    """Whether the link has stopped working, 30 days after payment (P-INV-LINK)."""
    return document.settled_at is not None and now > document.settled_at + AFTER_PAYMENT


def payment_url(document: Document) -> str:
    """The full address of the link, on the shop's own domain."""
    return links.external(document.shop_id, "pay.link", token=payment_token(document))


def _signed(document: Document) -> str:
    return f"{document.public_id}:{document.link_version}"


def relation(document: Document) -> str:
    """What mails about a document are marked with."""
    return f"document:{document.public_id}"
