"""What may happen to a payment: begun, sent, and moved by what its provider reports. Callers commit."""

from __future__ import annotations

import secrets
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l

from portal.core import audit, signals
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError, NotFound, ProviderError
from portal.domain.invoices import booking, ledger, spending
from portal.domain.invoices.booking import Share, Source
from portal.domain.invoices.models import Document, DocumentStatus
from portal.domain.methods.actions import note_use
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import queries, registry
from portal.domain.payments.models import (
    FELL_THROUGH,
    Payment,
    PaymentEvent,
    PaymentMethodKind,
    PaymentStatus,
)
from portal.domain.payments.provider import Method, ProviderPayment, ProviderStatus, Started
from portal.domain.payments.states import GIVEN_UP, LIFE, OVER, STARTED, Move, contradicts, moves_to
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db

#: How often one balance may be tried by its customer, and as often by whoever holds its link.
TRIES_AN_HOUR = 30
#: How many different things to look at are remembered of a payment.
MARKS = 20
#: How long an attempt that was given up may still turn into money: longer than any bank takes.
WATCH = timedelta(days=35)

#: Sent inside the transaction, with ``payment`` and ``now``.
payment_paid = signals.signal("payment_paid")
#: The same, of money that was under way and came to nothing, unless whoever pressed the button is told just now.
payment_failed = signals.signal("payment_failed")
#: The same, of what the bank took back: with the ``documents`` that are open again, and the ``credit_minor`` that went.
payment_reversed = signals.signal("payment_reversed")
#: The same, with the ``account`` whose credit it was, the ``documents`` it paid, the ``amount_minor`` and ``now``.
credit_used = signals.signal("credit_used")
#: The same, with the ``mismatch``, of what somebody of the shop must look at.
payment_marked = signals.signal("payment_marked")

STARTED_BEFORE = _l("A payment for this was started before. Continue it, or start again.")
UNDER_WAY = _l("A payment for this is under way. You cannot start another one until it is decided.")
PART_UNDER_WAY = _l("A payment for a part of this is under way. Look at what is left before you pay more.")
CHANGED = _l("What is to be paid changed meanwhile. Please look at the amounts again.")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants to pay, and how: these shares, in paying order, ``credit_minor`` of them with credit.

    ``offered_minor`` is the credit that their page offered, of which a part of a document may need less.
    ``under_way_minor`` is what their page said is under way already for these documents: a second click, whose page did
    not know of the first, does not pay a second part.
    """

    customer_id: int
    shares: tuple[Share, ...]
    kind: PaymentMethodKind
    locale: str
    saved: PaymentMethod | None = None
    via_link: bool = False
    credit_minor: int = 0
    offered_minor: int = 0
    under_way_minor: int = 0

    @property
    def rest(self) -> tuple[Share, ...]:
        """What is left for the provider."""
        return tuple(spending.after_credit(self.shares, self.credit_minor)[1])


def prepare_payment(shop: Shop, wish: Wish, *, actor: Actor, now: datetime) -> Payment:
    """The attempt that fits the wish: a new one, or the one that is already started for the same money.

    For people who may pay for the customer, and for anybody on a payment link. The first of two short
    transactions: its documents stay locked until the commit, so two clicks at once end at one attempt.
    ``Conflict`` while more or less money for the documents is under way than the wish knows of, or while another way
    of paying was started; ``DomainError`` when it cannot be paid like this, or was tried too often.

    Where a saved method is charged, the money counts as under way from here on: the bank's answer may be lost. Credit
    is spent at once, with the attempt on the rest of the shares; there must be a rest: see ``use_credit``.
    """
    documents, attempt = _begin(shop, wish, actor=actor, now=now)
    if attempt is not None:
        return attempt
    currency = _check(shop, documents, wish)
    provider = _provider_name(shop, wish)
    if (
        queries.count_attempts(documents, via_link=wish.via_link, since=now - timedelta(hours=1))
        >= TRIES_AN_HOUR
    ):
        raise DomainError(_l("This was tried very often just now. Wait an hour, then try again."))
    _spend_credit(wish, documents, shop.mode, currency, actor=actor, now=now)
    payment = Payment(
        mode=shop.mode,
        customer_id=wish.customer_id,
        payment_method_id=wish.saved.id if wish.saved else None,
        provider=provider,
        method=wish.kind,
        currency=currency,
        amount_minor=sum(share.amount_minor for share in wish.rest),
        description=_description(shop, documents, wish.rest),
        idempotency_key=f"pay-{secrets.token_urlsafe(24)}",
        via_link=wish.via_link,
        status=PaymentStatus.CREATED,
        details={
            "locale": wish.locale,
            "link_version": documents[0].link_version,
            **({"credit_minor": wish.credit_minor} if wish.credit_minor else {}),
        },
        created_at=now,
    )
    db.session.add(payment)
    db.session.flush()
    booking.plan(payment.id, wish.rest)
    if wish.saved is not None:
        note_use(wish.saved, now=now)
        booking.mark_pending(payment.id, now=now)
    _note(payment, source="start", now=now)
    audit.record("payment.created", payment, actor=actor, now=now, amount_minor=payment.amount_minor)
    return payment


def use_credit(shop: Shop, wish: Wish, *, actor: Actor, now: datetime) -> None:
    """Spends the credit of a wish and starts nothing: it covers everything, or the rest comes by bank transfer.

    For people who may pay for the customer. Refuses as ``prepare_payment`` does.
    """
    documents, attempt = _begin(shop, wish, actor=actor, now=now)
    if attempt is not None:
        raise Conflict(STARTED_BEFORE)
    _spend_credit(wish, documents, shop.mode, _check(shop, documents, wish), actor=actor, now=now)


def _begin(shop: Shop, wish: Wish, *, actor: Actor, now: datetime) -> tuple[list[Document], Payment | None]:
    """The wish's documents, locked, and the running attempt that is this very wish already, if there is one.

    Attempts that nobody can be paying are given up on the way. So everything that those are about is locked too, at
    once; and the credit, where some is to be spent, before that.
    """
    if wish.credit_minor:
        booking.lock_credit([wish.customer_id])
    wanted = {share.document_id for share in wish.shares}
    locked = {each.id: each for each in booking.lock_documents(wanted | queries.documents_beside(wanted))}
    _check_under_way([locked[each] for each in wanted if each in locked], wish)
    attempt = _clear_the_way(shop, wish, locked.keys(), actor=actor, now=now)
    return [document for document in locked.values() if document.id in wanted], attempt


def _check_under_way(documents: Sequence[Document], wish: Wish) -> None:
    """``Conflict`` where other money is under way than whoever wishes this saw on their page."""
    under_way = sum(document.pending_minor for document in documents)
    if under_way < wish.under_way_minor:
        raise Conflict(CHANGED)
    if under_way > wish.under_way_minor:
        is_all = all(document.open_minor <= document.pending_minor for document in documents)
        raise Conflict(UNDER_WAY if is_all else PART_UNDER_WAY)


def _clear_the_way(
    shop: Shop, wish: Wish, locked: Set[int], *, actor: Actor, now: datetime
) -> Payment | None:
    for attempt in queries.running_attempts([share.document_id for share in wish.shares]):
        if not {share.document_id for share in queries.shares_of(attempt.id)} <= locked:
            # Begun at this very moment, with documents that are not held here: waiting for them could be a circle.
            raise Conflict(STARTED_BEFORE)
        if is_forgotten(shop, attempt, now=now):
            give_up(attempt, Move.EXPIRE, reason="no_answer", source="start", actor=actor, now=now)
            continue
        if attempt.is_under_way:
            # For a part, and who pays the rest was told so.
            continue
        if _same(attempt, wish):
            return attempt
        if attempt.provider_ref is not None:
            raise Conflict(STARTED_BEFORE)
        # It never got to a bank's page, so nobody can be paying it.
        give_up(attempt, Move.CANCEL, reason="replaced", source="start", actor=actor, now=now)
    return None


def _spend_credit(
    wish: Wish, documents: Sequence[Document], mode: Mode, currency: str, *, actor: Actor, now: datetime
) -> None:
    if not wish.credit_minor:
        return
    shares, _rest = spending.after_credit(wish.shares, wish.credit_minor)
    account = ledger.Account(wish.customer_id, mode, currency)
    due = sum(document.open_minor - document.pending_minor for document in documents)
    # A second click on a part finds less than its page offered, where the credit itself would do once more.
    if wish.offered_minor > min(due, booking.credit_balance(wish.customer_id, mode=mode, currency=currency)):
        raise Conflict(spending.USED_MEANWHILE)
    spending.spend_credit(account, shares, now=now, actor=actor)
    paid = {share.document_id for share in shares}
    credit_used.send(
        account=account,
        documents=[document for document in documents if document.id in paid],
        amount_minor=wish.credit_minor,
        now=now,
    )


def record_started(payment: Payment, started: Started, *, actor: Actor, now: datetime) -> None:
    """Stores the provider's answer: the second short transaction. A repeated answer changes nothing.

    An attempt that was given up while it was being sent keeps its end, and is known by its id all the same.
    """
    if payment.provider_ref is None:
        name_at_provider(payment, started.provider_ref, started.checkout_url, now=now)
        payment.expires_at = started.expires_at
    # What says "paid" or "failed" must come from asking, where amounts are compared. Until then a charge that needs
    # nobody at a page is under way.
    is_under_way = payment.is_charge and started.checkout_url is None
    reached = ProviderStatus.PENDING if is_under_way else started.status
    reached = reached if reached is ProviderStatus.PENDING else ProviderStatus.OPEN
    for each in moves_to(payment.status, reached, reinstated=False):
        move(payment, each, source="start", actor=actor, now=now)


def name_at_provider(payment: Payment, provider_ref: str, checkout_url: str | None, *, now: datetime) -> None:
    """Stores under which id the provider knows an attempt, which may have been given up here meanwhile."""
    payment.provider_ref = provider_ref
    payment.checkout_url = checkout_url
    if payment.status in GIVEN_UP:
        payment.watch_until = now + WATCH


def is_forgotten(shop: Shop, payment: Payment, *, now: datetime) -> bool:
    """Whether an attempt never got an answer, and is so old that its provider may not know its key any more.

    Sending it once more might then pay twice. A provider that is gone remembers nothing either.
    """
    if payment.provider_ref is not None or payment.status is not PaymentStatus.CREATED:
        return False
    try:
        provider = registry.provider_for(shop, payment.provider)
    except NotFound:
        return True
    return now - payment.created_at >= provider.capabilities.idempotency_window


def apply_provider_status(
    payment: Payment, answer: ProviderPayment, *, source: str, actor: Actor, now: datetime
) -> bool:
    """Moves a locked payment to what its provider says, and books what that means. Whether anything changed.

    Safe to repeat in any order. Money that differs from what was asked is booked as what really arrived, and
    marked for the shop; money in another currency cannot be booked to anything and only marks the payment.
    """
    if answer.reference is not None and answer.reference != payment.public_id:
        mark(payment, "wrong_reference", actor=actor, now=now, source=source)
        return False
    if contradicts(payment.status, answer.status):
        mark(payment, "contradiction", actor=actor, now=now, source=source, reported=answer.status.value)
        return False
    if answer.status in OVER:
        payment.watch_until = None
    moves = moves_to(payment.status, answer.status, reinstated=answer.reinstated_at is not None)
    if not moves:
        return False
    if Move.PAY in moves and not _accept_amount(payment, answer, source=source, actor=actor, now=now):
        return False
    _take_details(payment, answer)
    for each in moves:
        move(payment, each, source=source, actor=actor, now=now)
    return True


def give_up(
    payment: Payment, reached: Move, *, reason: str, source: str, actor: Actor, now: datetime
) -> None:
    """Ends an attempt that never came about; nothing happens to one that has got further meanwhile.

    What its provider knows of is watched there from now on, until the provider says that it is over.
    """
    if payment.status in STARTED:
        if payment.provider_ref is not None:
            payment.watch_until = now + WATCH
        payment.details = {**payment.details, "reason": reason}
        move(payment, reached, source=source, actor=actor, now=now, detail={"reason": reason})


def move(
    payment: Payment,
    step: Move,
    *,
    source: str,
    actor: Actor,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """One legal move with its event, its entry in the audit log, and what it does to the documents."""
    before, was_under_way = payment.status, payment.is_under_way
    after = LIFE.next(before, step)
    if after is None:
        return
    payment.status = after
    match after:
        case PaymentStatus.OPEN if payment.is_charge:
            # The bank wants to see the customer first.
            booking.mark_planned(payment.id, now=now)
        case PaymentStatus.PENDING:
            payment.watch_until = None
            booking.mark_pending(payment.id, now=now)
        case PaymentStatus.PAID:
            _book(payment, actor=actor, now=now)
        case PaymentStatus.FAILED | PaymentStatus.CANCELLED | PaymentStatus.EXPIRED:
            booking.release(payment.id, now=now)
            if was_under_way:
                payment.details = {**payment.details, FELL_THROUGH: now.isoformat()}
                if source != "start":
                    payment_failed.send(payment=payment, now=now)
        case PaymentStatus.REVERSED:
            _reverse(payment, actor=actor, now=now)
    db.session.flush()
    _note(payment, source=source, now=now, detail=detail)
    audit.record(
        f"payment.{after.value}",
        payment,
        actor=actor,
        now=now,
        before=before.value,
        source=source,
        **(detail or {}),
    )


def _book(payment: Payment, *, actor: Actor, now: datetime) -> None:
    payment.paid_at = payment.paid_at or now
    payment.reversed_at = None
    booking.book_payment(source_of(payment), payment.received_minor, now=now, actor=actor)
    payment_paid.send(payment=payment, now=now)


def _reverse(payment: Payment, *, actor: Actor, now: datetime) -> None:
    payment.reversed_at = now
    source = source_of(payment)
    credit = booking.credit_balance(payment.customer_id, mode=payment.mode, currency=payment.currency)
    reopened = booking.reverse_payment(source, now=now, actor=actor, is_mistake=payment.is_undone)
    if not payment.is_undone:
        left = booking.credit_balance(payment.customer_id, mode=payment.mode, currency=payment.currency)
        payment_reversed.send(
            payment=payment, documents=reopened, credit_minor=max(0, credit - left), now=now
        )


def source_of(payment: Payment) -> Source:
    """The payment as booking knows it."""
    return Source(payment.id, payment.customer_id, payment.mode, payment.currency)


def _accept_amount(
    payment: Payment, answer: ProviderPayment, *, source: str, actor: Actor, now: datetime
) -> bool:
    amount = answer.amount
    if amount.currency != payment.currency or amount.minor <= 0:
        mark(
            payment, "wrong_currency", actor=actor, now=now, source=source,
            reported_minor=amount.minor, reported_currency=amount.currency,
        )  # fmt: skip
        return False
    payment.received_minor = amount.minor
    if answer.paid_at is not None:
        payment.paid_at = answer.paid_at
    if amount.minor != payment.amount_minor:
        mark(
            payment, "wrong_amount", actor=actor, now=now, source=source,
            reported_minor=amount.minor, reported_currency=amount.currency,
        )  # fmt: skip
    return True


def mark(payment: Payment, mismatch: str, *, source: str, actor: Actor, now: datetime, **data: Any) -> None:
    """Something that a person of the shop must look at, said once however often the provider repeats it.

    For what speaks to providers, with the payment locked.
    """
    said = {"mismatch": mismatch, **data}
    marks = payment.details.get("marks", [])
    if said in marks:
        return
    payment.details = {**payment.details, "mismatch": said, "marks": [*marks, said][-MARKS:]}
    db.session.flush()
    _note(payment, source=source, now=now, detail=said)
    audit.record("payment.mismatch", payment, actor=actor, now=now, source=source, **said)
    payment_marked.send(payment=payment, mismatch=mismatch, now=now)


def _take_details(payment: Payment, answer: ProviderPayment) -> None:
    details = {**payment.details, **answer.method_details}
    if answer.failure_reason is not None:
        details["reason"] = answer.failure_reason
    payment.details = details
    if answer.expires_at is not None:
        payment.expires_at = answer.expires_at


def _note(payment: Payment, *, source: str, now: datetime, detail: dict[str, Any] | None = None) -> None:
    db.session.add(
        PaymentEvent(
            payment_id=payment.id, status=payment.status, source=source, detail=detail or {}, created_at=now
        )
    )


def _same(attempt: Payment, wish: Wish) -> bool:
    """Whether an attempt is what somebody wishes: a second click, or the same wish again."""
    return (
        attempt.method is wish.kind
        and attempt.payment_method_id == (wish.saved.id if wish.saved else None)
        and tuple(queries.shares_of(attempt.id)) == wish.rest
        # The credit was spent already, with that attempt.
        and wish.credit_minor in (0, attempt.credit_minor)
    )


def _check(shop: Shop, documents: Sequence[Document], wish: Wish) -> str:
    """The currency of documents that can be paid as wished."""
    amounts = {share.document_id: share.amount_minor for share in wish.shares}
    if not documents or len(documents) != len(wish.shares) or len(amounts) != len(wish.shares):
        raise DomainError(_l("There is nothing to pay."))
    for document in documents:
        due = document.open_minor - document.pending_minor
        if document.customer_id != wish.customer_id or document.mode is not shop.mode:
            raise DomainError(_l("There is nothing to pay."))
        if document.status is not DocumentStatus.OPEN or due <= 0:
            raise DomainError(_l("Nothing is left to pay here. Thank you!"))
        amount = amounts[document.id]
        if amount <= 0 or amount > due:
            raise DomainError(_l("The amount must be at least one cent and at most what is open."), "amount")
        if amount != due and not shop.allow_part_payment:
            raise DomainError(_l("This has to be paid in one go."), "amount")
    # A stranger with a link spends nobody's credit.
    if not 0 <= wish.credit_minor <= (0 if wish.via_link else sum(amounts.values())):
        raise DomainError(_l("There is nothing to pay."))
    currencies = {document.currency for document in documents}
    if len(currencies) != 1:
        raise DomainError(_l("Documents in two currencies cannot be paid together."))
    return currencies.pop()


def _provider_name(shop: Shop, wish: Wish) -> str:
    if wish.saved is not None:
        kind = PaymentMethodKind.SEPA if wish.saved.kind is MethodKind.SEPA else PaymentMethodKind.CARD
        usable = wish.saved.status is MethodStatus.VALID and wish.saved.mode is shop.mode
        if not usable or wish.saved.customer_id != wish.customer_id or kind is not wish.kind or wish.via_link:
            raise DomainError(_l("This payment method cannot be used."), "method")
        if wish.saved.provider not in registry.offered(shop):
            raise DomainError(_l("This payment method cannot be used."), "method")
        return wish.saved.provider
    found = registry.offering(shop, Method(wish.kind.value)) if wish.kind.value in set(Method) else None
    if found is None:
        raise DomainError(_l("This way of paying is not offered."), "method")
    return found[0]


def _description(shop: Shop, documents: Sequence[Document], shares: Sequence[Share]) -> str:
    """What stands on the customer's bank statement: the shop and the numbers, as many as fit."""
    paid = {share.document_id for share in shares}
    numbers = ", ".join(document.number or "" for document in documents if document.id in paid)
    return f"{shop.name[:60]} {numbers}"[:140]


__all__ = [
    "ProviderError",
    "Wish",
    "apply_provider_status",
    "give_up",
    "is_forgotten",
    "mark",
    "move",
    "name_at_provider",
    "prepare_payment",
    "record_started",
    "source_of",
    "use_credit",
]
