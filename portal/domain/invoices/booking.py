"""How money reaches documents: the shares of a payment, and the customer's credit ledger.

Only payments, credit and credit notes come through here. Documents are locked in id order, so that two payments of
the same documents wait for each other instead of for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from portal.core import audit
from portal.core.audit import Actor
from portal.core.tables import BigId
from portal.domain.invoices import ledger
from portal.domain.invoices.balance import compute_balance, rebalance_all
from portal.domain.invoices.ledger import Account
from portal.domain.invoices.models import (
    Allocation,
    AllocationState,
    CreditEntry,
    CreditUse,
    Document,
    DocumentKind,
    ListState,
)
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db

#: Over all chosen documents: first fees, then interest, then principal.
ORDER = {DocumentKind.COLLECTION_FEE: 0, DocumentKind.INTEREST: 1, DocumentKind.INVOICE: 2}


@dataclass(frozen=True)
class Share:
    """What one document is to get of a payment, in minor units."""

    document_id: int
    amount_minor: int


@dataclass(frozen=True)
class Source:
    """The payment that money comes from, in plain values: this area does not know payments."""

    payment_id: int
    customer_id: int
    mode: Mode
    currency: str

    @property
    def account(self) -> Account:
        """The credit that its excess goes to."""
        return Account(self.customer_id, self.mode, self.currency)


def lock_documents(ids: Iterable[int]) -> list[Document]:
    """The documents, freshly read and locked in id order."""
    return list(
        db.session.scalars(
            sa.select(Document)
            .where(Document.id.in_(sorted(set(ids))))
            .order_by(Document.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def lock_credit(customer_ids: Sequence[int] | sa.Select[int]) -> None:
    """Holds the credit of customers, which only one at a time may spend or take back; before any document.

    Only their rows can be held: a sum has no row of its own. What refers to a customer need not wait for that.
    """
    held = sa.select(Customer.id).where(Customer.id.in_(customer_ids)).order_by(Customer.id)
    db.session.execute(held.with_for_update(key_share=True)).all()


def lock_for_payment(payment_id: int, *, beside: Iterable[int] = ()) -> list[Document]:
    """Every document that booking or reversing a payment can change, and those ``beside``, locked in id order.

    Where it left credit, or credit notes on its documents did, those are also the documents that its customer's credit
    was spent on: a chargeback reopens them, so nobody may spend more of it meanwhile. Whoever locks a payment's
    documents for either must lock them all by this, at once.
    """
    ids = {share.document_id for share in shares_of(payment_id)}
    lock_credit(sa.select(Document.customer_id).where(Document.id.in_(ids)))
    if credit_of_payment(payment_id) > 0 or _kept_by_notes(ids):
        accounts = sa.union(
            sa.select(CreditEntry.customer_id, CreditEntry.mode, CreditEntry.currency).where(
                CreditEntry.payment_id == payment_id
            ),
            sa.select(Document.customer_id, Document.mode, Document.currency).where(Document.id.in_(ids)),
        )
        for account in db.session.execute(accounts).all():
            ids |= set(db.session.scalars(_spent(Allocation.document_id, *account).distinct()))
    return lock_documents(ids.union(beside))


def in_paying_order(documents: Iterable[Document]) -> list[Document]:
    """Fees, then interest, then principal by due date (domain.md, "Payments")."""
    return sorted(documents, key=lambda d: (ORDER.get(d.kind, 3), d.due_date or date.max, d.id))


def split(documents: Iterable[Document], amount_minor: int) -> list[Share]:
    """How an amount is spread over documents: each in paying order up to what is open; the rest is credit."""
    shares = []
    for document in in_paying_order(documents):
        part = min(document.open_minor, amount_minor)
        if part > 0:
            shares.append(Share(document.id, part))
            amount_minor -= part
    return shares


def plan(payment_id: int, shares: Sequence[Share]) -> None:
    """Notes what an attempt is meant for; it changes no balance."""
    for share in shares:
        db.session.add(
            Allocation(document_id=share.document_id, payment_id=payment_id, amount_minor=share.amount_minor)
        )


def mark_pending(payment_id: int, *, now: datetime) -> None:
    """The money of an attempt is under way: its documents show Pending and hide the pay form."""
    _move(payment_id, {AllocationState.PLANNED, AllocationState.RELEASED}, AllocationState.PENDING, now=now)


def mark_planned(payment_id: int, *, now: datetime) -> None:
    """The money of an attempt is not under way after all: its customer must do something first."""
    _move(payment_id, {AllocationState.PENDING}, AllocationState.PLANNED, now=now)


def release(payment_id: int, *, now: datetime) -> None:
    """An attempt ended without money: its documents can be paid in another way."""
    _move(payment_id, {AllocationState.PLANNED, AllocationState.PENDING}, AllocationState.RELEASED, now=now)


def _move(payment_id: int, sources: set[AllocationState], target: AllocationState, *, now: datetime) -> None:
    shares = [share for share in shares_of(payment_id) if share.state in sources]
    documents = lock_documents(share.document_id for share in shares)
    for share in shares:
        share.state = target
    rebalance_all(documents, now=now)


def shares_of(payment_id: int) -> list[Allocation]:
    """The shares of a payment, in the order in which they were planned."""
    return list(
        db.session.scalars(
            # Fresh: they may have been read before this transaction waited for a document.
            sa.select(Allocation)
            .where(Allocation.payment_id == payment_id)
            .order_by(Allocation.id)
            .execution_options(populate_existing=True)
        )
    )


def book_payment(source: Source, received_minor: int, *, now: datetime, actor: Actor) -> list[Document]:
    """Books what arrived: each planned share up to what is open, the rest to the customer's credit.

    ``received_minor`` is what the provider says arrived. Repeated for the same payment it does nothing. Returns the
    documents that got something.
    """
    shares = shares_of(source.payment_id)
    if is_booked(source.payment_id, shares):
        return []
    documents = {document.id: document for document in lock_documents(s.document_id for s in shares)}
    order = [document.id for document in in_paying_order(documents.values())]
    is_open = {document.id: document.open_minor for document in documents.values()}
    left = received_minor
    touched = []
    for share in sorted(shares, key=lambda s: (order.index(s.document_id), s.id)):
        document = documents[share.document_id]
        amount = max(0, min(share.amount_minor, is_open[document.id], left))
        if amount == 0:
            share.state = AllocationState.RELEASED
        else:
            share.state, share.amount_minor = AllocationState.BOOKED, amount
            left -= amount
            is_open[document.id] -= amount
            touched.append(document)
            audit.record(
                "invoice.payment_booked",
                document,
                actor=actor,
                now=now,
                payment_id=source.payment_id,
                amount_minor=amount,
            )
    rebalance_all([documents[document_id] for document_id in order], now=now)
    if left > 0:
        add_credit(source, left, use=CreditUse.OVERPAID, now=now, actor=actor)
    return touched


def is_booked(payment_id: int, shares: Sequence[Allocation]) -> bool:
    """Whether a payment's money has been booked, and was not reversed since."""
    if any(share.state is AllocationState.BOOKED for share in shares):
        return True
    return credit_of_payment(payment_id) > 0


def reverse_payment(
    source: Source, *, now: datetime, actor: Actor, is_mistake: bool = False
) -> list[Document]:
    """A chargeback: takes back the payment's shares, which reopens its documents, and the credit it left.

    What credit notes on a document kept as credit, because it was paid, is taken off what is open of it again. Where
    credit that goes was spent meanwhile, the documents paid with it reopen too, the newest first. Returns every
    document that is open again. After a mistake of the shop (``is_mistake``) they are open as they were before, and not
    marked as reversed by the customer.
    """
    use = CreditUse.UNDONE if is_mistake else CreditUse.REVERSED
    locked = {document.id: document for document in lock_for_payment(source.payment_id)}
    booked = [share for share in shares_of(source.payment_id) if share.state is AllocationState.BOOKED]
    documents = [locked[document_id] for document_id in sorted({share.document_id for share in booked})]
    for share in booked:
        share.state = AllocationState.RELEASED
    for document in documents:
        audit.record("invoice.payment_reversed", document, actor=actor, now=now, payment_id=source.payment_id)
    gone = max(0, credit_of_payment(source.payment_id))
    if gone:
        add_credit(source, -gone, use=use, now=now, actor=actor)
    found, last = list(documents), documents
    # Notes take off what reopened; that takes credit, which may reopen more. Ends as each turn gives up what was spent.
    while gone + _take_notes_off(source.account, last, use, now=now, actor=actor) > 0:
        last, gone = _take_back_spent_credit(source.account, use, now=now, actor=actor), 0
        found += last
    found = list(dict.fromkeys(found))
    rebalance_all(found, now=now)
    reopened = [document for document in found if document.open_minor > 0]
    for document in reopened if not is_mistake else ():
        document.reversed_at = now
    return reopened


def list_noted_and_open(account: Account) -> list[int]:
    """The documents of an account, by id, that are open though credit notes on them kept credit: charged back ones."""
    note, entry = aliased(Document), aliased(CreditEntry)
    kept = sa.exists().where(
        note.original_id == Document.id,
        note.kind == DocumentKind.CREDIT_NOTE,
        entry.document_id == note.id,
        entry.use == CreditUse.CREDIT_NOTE,
    )
    found = sa.select(Document.id).where(
        Document.customer_id == account.customer_id,
        Document.mode == account.mode,
        Document.currency == account.currency,
        Document.list_state.in_((ListState.UNPAID, ListState.PENDING)),
        kept,
    )
    return list(db.session.scalars(found.order_by(Document.id)))


def settle_notes(account: Account, document_ids: Iterable[int], *, now: datetime, actor: Actor) -> None:
    """Takes notes off documents that are open again, where the credit that they had become came back.

    For what ``list_noted_and_open`` names, locked by the caller: a chargeback that came while that credit was being
    paid out could not do it.
    """
    found = last = lock_documents(document_ids)
    while _take_notes_off(account, last, CreditUse.REVERSED, now=now, actor=actor) > 0:
        last = _take_back_spent_credit(account, CreditUse.REVERSED, now=now, actor=actor)
        found = [*found, *last]
    rebalance_all(list(dict.fromkeys(found)), now=now)


def is_credit_there(source: Source) -> bool:
    """Whether the credit that goes with a payment is still the customer's, or was spent on documents: not paid out.

    That is its excess, and what credit notes on its documents kept of what it paid. The caller holds the credit and
    the documents, by ``lock_for_payment``.
    """
    gone = credit_going(source.payment_id)
    return gone <= 0 or gone <= _credit_to_take(source.account)


def credit_going(payment_id: int) -> int:
    """How much of its customer's credit goes when a payment is taken back now, in minor units."""
    paid: dict[int, int] = {}
    for share in shares_of(payment_id):
        if share.state is AllocationState.BOOKED:
            paid[share.document_id] = paid.get(share.document_id, 0) + share.amount_minor
    kept = dict.fromkeys(paid, 0)
    for note in _kept_by_notes(paid):
        kept[note.original_id] += note.kept
    return credit_of_payment(payment_id) + sum(min(paid[each], kept[each]) for each in paid)


def _kept_by_notes(document_ids: Iterable[int]) -> Sequence[Any]:
    """What credit notes on documents kept as credit and did not give up since: ``original_id``, ``id``, ``kept``."""
    # Cast, as PostgreSQL adds whole numbers up to a decimal.
    kept = sa.cast(sa.func.sum(CreditEntry.amount_minor), BigId)
    return db.session.execute(
        sa.select(Document.original_id, Document.id, kept.label("kept"))
        .join(CreditEntry, CreditEntry.document_id == Document.id)
        .where(
            Document.original_id.in_(sorted(document_ids)),
            Document.kind == DocumentKind.CREDIT_NOTE,
            CreditEntry.use.in_((CreditUse.CREDIT_NOTE, CreditUse.REVERSED, CreditUse.UNDONE)),
        )
        .group_by(Document.original_id, Document.id)
        .having(kept > 0)
        .order_by(Document.id)
    ).all()


def _credit_to_take(account: Account) -> int:
    """A customer's credit and what of it was spent on documents, which can be taken back too."""
    whose = (account.customer_id, account.mode, account.currency)
    spent = db.session.scalar(_spent(sa.func.sum(Allocation.amount_minor), *whose))
    return credit_balance(whose[0], mode=account.mode, currency=account.currency) + int(spent or 0)


def _take_notes_off(
    account: Account, documents: Sequence[Document], use: CreditUse, *, now: datetime, actor: Actor
) -> int:
    """Turns what notes on documents kept as credit into what they take off these; how much, in minor units.

    As far as so much is open again, and as that credit was not paid out.
    """
    notes = _kept_by_notes(document.id for document in documents)
    if not notes:
        return 0
    by_id = {document.id: document for document in documents}
    is_open = {each: compute_balance(by_id[each]).open_minor for each in {note.original_id for note in notes}}
    room = before = max(0, _credit_to_take(account))
    for note in notes:
        document = by_id[note.original_id]
        amount = min(note.kept, is_open[document.id], room)
        if amount <= 0:
            continue
        is_open[document.id] -= amount
        room -= amount
        ledger.write(account, -amount, use, now=now, actor=actor, document_id=note.id)
        db.session.add(
            Allocation(
                document_id=document.id,
                credit_note_id=note.id,
                amount_minor=amount,
                state=AllocationState.BOOKED,
                created_at=now,
            )
        )
        audit.record(
            "invoice.note_taken_off",
            document,
            actor=actor,
            now=now,
            credit_note_id=note.id,
            amount_minor=amount,
        )
    return before - room


def _take_back_spent_credit(
    account: Account, use: CreditUse, *, now: datetime, actor: Actor
) -> list[Document]:
    missing = -credit_balance(account.customer_id, mode=account.mode, currency=account.currency)
    if missing <= 0:
        return []
    taken = []
    spent = _spent(Allocation, account.customer_id, account.mode, account.currency)
    for share in db.session.scalars(spent.order_by(Allocation.id.desc())):
        taken.append(share)
        missing -= share.amount_minor
        if missing <= 0:
            break
    # All of them are locked already: nothing more was spent since.
    locked = {document.id: document for document in lock_documents(share.document_id for share in taken)}
    for share in taken:
        share.state = AllocationState.RELEASED
        ledger.write(account, share.amount_minor, use, now=now, actor=actor, document_id=share.document_id)
        audit.record(
            "invoice.credit_taken_back",
            locked[share.document_id],
            actor=actor,
            now=now,
            amount_minor=share.amount_minor,
        )
    return list(dict.fromkeys(locked[share.document_id] for share in taken))


def _spent(what: Any, customer_id: int, mode: Mode, currency: str) -> sa.Select[Any]:
    """Of the shares in documents that a customer's credit paid."""
    return (
        sa.select(what)
        .select_from(Allocation)
        .join(CreditEntry)
        .where(
            CreditEntry.customer_id == customer_id,
            CreditEntry.currency == currency,
            CreditEntry.mode == mode,
            Allocation.state == AllocationState.BOOKED,
        )
        .execution_options(populate_existing=True)
    )


def add_credit(
    source: Source, amount_minor: int, *, use: CreditUse, now: datetime, actor: Actor
) -> CreditEntry:
    """A row of the credit ledger that comes from a payment."""
    return ledger.write(source.account, amount_minor, use, now=now, actor=actor, payment_id=source.payment_id)


def credit_of_payment(payment_id: int) -> int:
    """What is left on the ledger of the excess of a payment, in minor units."""
    found = sa.select(sa.func.sum(CreditEntry.amount_minor)).where(CreditEntry.payment_id == payment_id)
    return int(db.session.scalar(found) or 0)


def credit_balance(customer_id: int, *, mode: Mode, currency: str) -> int:
    """A customer's credit in one currency, in minor units."""
    db.session.flush()
    found = sa.select(sa.func.sum(CreditEntry.amount_minor)).where(
        CreditEntry.customer_id == customer_id, CreditEntry.mode == mode, CreditEntry.currency == currency
    )
    return int(db.session.scalar(found) or 0)
