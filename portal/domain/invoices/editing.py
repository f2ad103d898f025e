"""What the shop does to drafts: makes, changes, deletes and finalises them. Two at once never overwrite each other.

Who changes or finalises a draft has seen one version of it. It is locked and compared, so of two browsers the second
hears that it changed meanwhile, and nothing is lost but its own click.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm.attributes import flag_modified

from portal.core import audit, clock
from portal.core.audit import Actor
from portal.core.errors import Conflict
from portal.domain.invoices import booking, vat_rules
from portal.domain.invoices.actions import issue_invoice, send_invoice
from portal.domain.invoices.drafts import LineInput, create_draft, write_lines
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db

DELETED = _l("Somebody deleted this draft meanwhile.")
CHANGED = _l("Somebody changed this draft meanwhile. Nothing was lost: please look again.")


def begin(
    public_id: str,
    lines: Sequence[LineInput],
    *,
    shop: Shop,
    customer: Customer,
    note: str,
    now: datetime,
    actor: Actor,
) -> Document:
    """A draft by the name that its form gave it: sent twice it is one. For staff who may change invoices.

    Raises ``DomainError`` as ``create_draft`` and ``vat_rules.check_document`` do, and for an archived account.
    """
    # Two that send the same form at once queue here.
    db.session.refresh(customer, with_for_update=True)
    known = db.session.scalar(sa.select(Document).where(Document.public_id == public_id))
    if known is not None:
        return known
    if customer.archived_at is not None:
        raise Conflict(_l("This account is archived."))
    document = create_draft(shop, customer, lines, now=now, actor=actor, note=note)
    document.public_id = public_id
    vat_rules.check_document(document, shop=shop, customer=customer, day=_day(document, now, shop))
    return document


def change(
    document_id: int,
    lines: Sequence[LineInput],
    *,
    version: int,
    shop: Shop,
    customer: Customer,
    note: str,
    now: datetime,
    actor: Actor,
) -> Document:
    """Replaces the lines and the note of a draft. For staff who may change invoices.

    ``Conflict`` when it is another version meanwhile or no draft any more; ``DomainError`` as above.
    """
    document = _lock(document_id, version)
    write_lines(document, lines)
    document.note = note
    # The sums may be the same: whoever else has it open must hear of it all the same.
    flag_modified(document, "note")
    vat_rules.check_document(document, shop=shop, customer=customer, day=_day(document, now, shop))
    audit.record("invoice.draft_changed", document, actor=actor, now=now, total_minor=document.total_minor)
    return document


def delete(document_id: int, *, version: int, now: datetime, actor: Actor) -> None:
    """Deletes a draft: it never had a number, so none is missing. For staff who may change invoices.

    ``Conflict`` as above.
    """
    document = _lock(document_id, version)
    audit.record(
        "invoice.draft_deleted",
        document,
        actor=actor,
        now=now,
        customer_id=document.customer_id,
        total_minor=document.total_minor,
    )
    db.session.delete(document)
    db.session.flush()


def finalise(
    document_id: int,
    *,
    version: int,
    shop: Shop,
    customer: Customer,
    sends: bool,
    now: datetime,
    actor: Actor,
) -> Document:
    """Gives a draft its number, and with ``sends`` mails it. For staff who may change invoices.

    One that was finalised meanwhile stays as it is, and no second mail leaves. ``Conflict`` for a draft that changed
    or was deleted meanwhile; otherwise as ``issue_invoice``.
    """
    document = _held(document_id)
    if document.status in (DocumentStatus.OPEN, DocumentStatus.SETTLED):
        return document
    _check(document, version)
    issue_invoice(document, shop=shop, customer=customer, now=now, actor=actor)
    if sends:
        send_invoice(document, shop=shop, customer=customer, now=now, actor=actor)
    return document


def _lock(document_id: int, version: int) -> Document:
    return _check(_held(document_id), version)


def _held(document_id: int) -> Document:
    found = booking.lock_documents([document_id])
    if not found:
        raise Conflict(DELETED)
    return found[0]


def _check(document: Document, version: int) -> Document:
    if document.status is not DocumentStatus.DRAFT:
        raise Conflict(_l("This is no draft any more: it was finalised or cancelled meanwhile."))
    if document.version != version:
        raise Conflict(CHANGED)
    return document


def _day(document: Document, now: datetime, shop: Shop) -> date:
    return document.supply_date or clock.today(shop.time_zone, now)
