"""Credit notes: what they take off an invoice, and what becomes the customer's credit (domain.md, "Payments")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from portal.core import audit, vat
from portal.core.audit import Actor
from portal.core.errors import DomainError
from portal.domain.invoices import ledger, mails
from portal.domain.invoices.actions import issue_invoice
from portal.domain.invoices.balance import noted_minor, off_minor, rebalance
from portal.domain.invoices.drafts import LineInput, create_draft
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditUse,
    Document,
    DocumentKind,
    DocumentVat,
)
from portal.domain.people.models import Customer
from portal.domain.shops.models import Shop
from portal.extensions import db


def creditable(document: Document) -> int:
    """How much of an invoice no credit note took back yet, in minor units."""
    noted = db.session.scalar(sa.select(noted_minor(document.id)))
    return max(0, document.total_minor - int(noted or 0))


def rests_of(document: Document) -> dict[tuple[vat.VatCategory, Decimal], vat.Rest]:
    """What no credit note took back yet of each category and rate of an invoice."""
    noted = {
        (row.vat_category, row.vat_rate): row
        for row in db.session.execute(
            sa.select(
                DocumentVat.vat_category,
                DocumentVat.vat_rate,
                sa.func.sum(DocumentVat.net_minor).label("net"),
                sa.func.sum(DocumentVat.vat_minor).label("vat"),
            )
            .join(Document, Document.id == DocumentVat.document_id)
            .where(
                Document.original_id == document.id,
                Document.kind == DocumentKind.CREDIT_NOTE,
                Document.number.is_not(None),
            )
            .group_by(DocumentVat.vat_category, DocumentVat.vat_rate)
        )
    }
    rests = {}
    for group in document.vat_groups:
        key = (group.vat_category, group.vat_rate)
        taken = noted.get(key)
        rests[key] = vat.Rest(
            group.net_minor - int(taken.net if taken else 0), group.vat_minor - int(taken.vat if taken else 0)
        )
    return rests


def get_corrected(note: Document) -> Any:
    """What a credit note corrects, and how: public_id, number and kind of the invoice, and the note's off_minor."""
    return db.session.execute(
        sa.select(
            Document.public_id, Document.number, Document.kind, off_minor(note.id).label("off_minor")
        ).where(Document.id == note.original_id)
    ).one_or_none()


@dataclass(frozen=True)
class Counted:
    """What a credit note comes to: of its total ``off_minor`` is taken off what is open, the rest becomes credit."""

    totals: vat.Totals
    off_minor: int

    @property
    def total_minor(self) -> int:
        """All of it, VAT included, in minor units."""
        return self.totals.gross

    @property
    def kept_minor(self) -> int:
        """What becomes the customer's credit, in minor units."""
        return self.totals.gross - self.off_minor


def count_note(invoice: Document, lines: Sequence[LineInput], rests: vat.Rests) -> Counted:
    """What a credit note with these lines would come to now; ``rests`` is ``rests_of`` the invoice.

    Its VAT is rounded so that notes which take all of the invoice back come to its total. Raises ``DomainError`` for
    more than is left of the invoice, in all or of one of its rates; for nothing and for less than that; and for all of
    the amount but not all of the VAT, which no note could correct any more.
    """
    totals = note_totals(invoice, lines, rests)
    left = max(0, sum(rest.gross for rest in rests.values()))
    if totals.gross > left or any(_is_beyond(group, rests) for group in totals.groups):
        raise DomainError(_l("That is more than is left of this invoice."))
    if totals.gross < 0:
        raise DomainError(
            _l("A discount can only be credited together with what it is for. Choose that too.")
        )
    if totals.gross == 0 < left:
        raise DomainError(
            _l("That comes to nothing, so there is nothing to credit. Choose more of the invoice.")
        )
    if leaves_vat_alone(totals, rests):
        raise DomainError(
            _l(
                "That is all of the amount that is left, but not all of the VAT, as a discount has another rate. "
                "Choose all that is left of this invoice instead."
            )
        )
    return Counted(totals, max(0, min(totals.gross, invoice.open_minor)))


def leaves_vat_alone(totals: vat.Totals, rests: vat.Rests) -> bool:
    """Whether a note of this takes all that is left of an invoice's amount, but not of each of its rates."""
    taken = {(group.category, group.rate): group for group in totals.groups}
    return sum(rest.gross for rest in rests.values()) == totals.gross and any(
        (rest.net, rest.vat) != ((taken[rate].net, taken[rate].vat) if rate in taken else (0, 0))
        for rate, rest in rests.items()
    )


def has_left(rests: vat.Rests) -> bool:
    """Whether something is left of an invoice that a note can take back; ``rests`` is ``rests_of`` it.

    Not where notes came to more than it, nor where nothing is left of any rate.
    """
    return sum(rest.gross for rest in rests.values()) >= 0 and any(
        rest.net or rest.vat for rest in rests.values()
    )


def note_totals(invoice: Document, lines: Sequence[LineInput], rests: vat.Rests) -> vat.Totals:
    """What these lines come to on a credit note on an invoice."""
    return vat.compute(
        [vat.Line(line.quantity, line.unit_price, line.vat_rate, line.vat_category) for line in lines],
        prices_include_vat=invoice.prices_include_vat,
        rests=rests,
    )


def _is_beyond(group: vat.Group, rests: vat.Rests) -> bool:
    rest = rests.get((group.category, group.rate), vat.Rest(0, 0))
    return group.net > max(0, rest.net) or group.vat > max(0, rest.vat)


def credit_invoice(
    invoice: Document,
    lines: Sequence[LineInput],
    *,
    shop: Shop,
    customer: Customer,
    note: str,
    now: datetime,
    actor: Actor,
) -> Document:
    """A credit note on an issued invoice: taken off what is open of it, the rest is the customer's credit.

    For staff, runs, and what a customer's own act causes. The caller holds the customer's credit (``lock_credit``) and
    then the invoice (``lock_documents``). The account is told by mail, unless it switched that off. Raises
    ``DomainError`` as ``count_note`` does.
    """
    rests = rests_of(invoice)
    off = count_note(invoice, lines, rests).off_minor
    credit_note = create_draft(
        shop,
        customer,
        lines,
        now=now,
        actor=actor,
        kind=DocumentKind.CREDIT_NOTE,
        prices_include_vat=invoice.prices_include_vat,
        note=note,
        subscription_id=invoice.subscription_id,
        rests=rests,
    )
    credit_note.original_id = invoice.id
    # A note in another currency or language than its invoice would not match it.
    credit_note.currency, credit_note.language = invoice.currency, invoice.language
    issue_invoice(credit_note, shop=shop, customer=customer, now=now, actor=actor)
    if off:
        db.session.add(
            Allocation(
                document_id=invoice.id,
                credit_note_id=credit_note.id,
                amount_minor=off,
                state=AllocationState.BOOKED,
                created_at=now,
            )
        )
    rebalance(invoice, now=now)
    audit.record("invoice.credited", invoice, actor=actor, now=now, amount_minor=credit_note.total_minor)
    if credit_note.total_minor > off:
        ledger.write(
            ledger.account_of(credit_note),
            credit_note.total_minor - off,
            CreditUse.CREDIT_NOTE,
            now=now,
            actor=actor,
            document_id=credit_note.id,
        )
    mails.credit_note_issued(credit_note, invoice, customer, shop=shop, off_minor=off, now=now)
    return credit_note
