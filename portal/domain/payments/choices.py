"""What a document offers to whoever wants to pay it, and what they chose turned into a wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from portal.core import epc
from portal.core.errors import DomainError, NotFound
from portal.core.money import from_decimal_string
from portal.core.references import format_rf
from portal.domain.invoices.booking import Share, in_paying_order
from portal.domain.invoices.models import Document
from portal.domain.methods.models import MethodKind, PaymentMethod
from portal.domain.methods.queries import get_method, list_chargeable
from portal.domain.payments import queries, registry
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.payments.provider import Method
from portal.domain.payments.states import RUNNING
from portal.domain.shops.models import Shop

TRANSFER = PaymentMethodKind.TRANSFER.value
_SAVED = "saved:"


@dataclass(frozen=True)
class Way:
    """One way to pay, as a row of the pay form: ``value`` is what the form posts as ``method``."""

    value: str
    title: Any
    detail: Any
    icon: str
    is_default: bool = False


@dataclass(frozen=True)
class Panel:
    """What stands beside a document: the money that is to be paid, or why there is nothing to do.

    ``under_way_minor`` is under way for it; ``is_pending`` says that it is all that is open: there is no form then.
    ``attempt`` is one that was merely started, with the bank's page to continue at, unless other money that came under
    way since made it too much (``may_continue``). ``due_minor`` is what may be paid now, and ``credit_minor`` what the
    customer's credit can pay of it.
    """

    due_minor: int
    currency: str
    ways: list[Way]
    part_allowed: bool
    under_way_minor: int
    is_pending: bool
    attempt: Payment | None
    may_continue: bool
    credit_minor: int


def panel(
    shop: Shop,
    document: Document,
    *,
    on_link: bool,
    history: Sequence[Payment] | None = None,
    credit_minor: int = 0,
) -> Panel:
    """For the page of a document and its public link; saved methods are offered only to the customer's own
    people, as is their credit. A caller that has read the document's payments gives them, newest first, to save a
    statement.
    """
    if document.open_minor <= 0:
        running = []
    elif history is None:
        running = queries.running_attempts([document.id])
    else:
        running = [payment for payment in history if payment.status in RUNNING]
    at_bank = next((p for p in running if p.status is PaymentStatus.OPEN and p.checkout_url), None)
    due = max(0, document.open_minor - document.pending_minor)
    pending = not due and any(p.is_under_way for p in running)
    return Panel(
        due_minor=due,
        currency=document.currency,
        ways=ways_to_pay(shop, None if on_link else document.customer_id) if due else [],
        part_allowed=shop.allow_part_payment,
        under_way_minor=min(document.pending_minor, document.open_minor) if running else 0,
        is_pending=pending,
        attempt=None if pending else at_bank,
        may_continue=at_bank is not None and (not document.pending_minor or _fits(at_bank, document, due)),
        credit_minor=0 if on_link else max(0, min(credit_minor, due)),
    )


def _fits(attempt: Payment, document: Document, due_minor: int) -> bool:
    shares = queries.shares_of(attempt.id)
    return sum(each.amount_minor for each in shares if each.document_id == document.id) <= due_minor


def ways_to_pay(shop: Shop, customer_id: int | None) -> list[Way]:
    """What a shop takes for one payment; without a customer, as on a public link, no saved methods."""
    ways = []
    if registry.offering(shop, Method.IDEAL):
        ways.append(Way("ideal", PaymentMethodKind.IDEAL.label, _l("In your bank's app"), "building-bank"))
    if registry.offering(shop, Method.CARD):
        ways.append(Way("card", PaymentMethodKind.CARD.label, _l("On the bank's own page"), "credit-card"))
    if customer_id is not None:
        offered = registry.offered(shop)
        saved = [method for method in list_chargeable(customer_id) if method.provider in offered]
        # Cards first, so that those that are known stand beside the one that is not.
        ways += [_saved_way(method) for method in saved if method.kind is MethodKind.CARD]
        ways += [_saved_way(method) for method in saved if method.kind is not MethodKind.CARD]
    if registry.offering(shop, Method.TRANSFER):
        scan = _l("From your own bank, with a code to scan")
        ways.append(Way(TRANSFER, PaymentMethodKind.TRANSFER.label, scan, "qrcode"))
    return ways


def _saved_way(method: PaymentMethod) -> Way:
    kind = _l("Your saved card") if method.kind is MethodKind.CARD else method.kind.label
    title, detail = (method.masked, kind) if method.masked else (method.kind.label, "")
    return Way(_SAVED + method.public_id, title, detail, "repeat", method.is_default)


def preselected(ways: Sequence[Way]) -> str | None:
    """The customer's default among the ways, as the value that the form posts; None where it cannot pay this."""
    return next((way.value for way in ways if way.is_default), None)


def wish_for(
    document: Document,
    way: str,
    *,
    locale: str,
    via_link: bool,
    amount_minor: int | None = None,
    credit_minor: int = 0,
    under_way_minor: int = 0,
) -> Wish:
    """What somebody chose for one document. ``amount_minor`` is a part of it; none means all that is due.
    ``under_way_minor`` is what their page said is under way for it.

    ``DomainError`` for a way that is not one; whether it can be used is decided by ``prepare_payment``.
    """
    shares = due_shares([document]) if amount_minor is None else [Share(document.id, amount_minor)]
    wish = _wish(document, shares, way, locale=locale, via_link=via_link, credit_minor=credit_minor)
    return replace(wish, under_way_minor=under_way_minor)


def wish_for_all(documents: Sequence[Document], way: str, *, locale: str, credit_minor: int = 0) -> Wish:
    """The same for several documents of one customer, all that is due of each, in paying order."""
    shares = due_shares(documents)
    return _wish(documents[0], shares, way, locale=locale, via_link=False, credit_minor=credit_minor)


def wish_for_credit(
    documents: Sequence[Document],
    credit_minor: int,
    *,
    amount_minor: int | None = None,
    under_way_minor: int = 0,
) -> Wish:
    """For ``use_credit``: this much of what is due, or of a part of a single document, is paid with credit."""
    shares = due_shares(documents)
    if amount_minor is not None:
        shares = [Share(documents[0].id, amount_minor)]
    return Wish(
        customer_id=documents[0].customer_id,
        shares=tuple(shares),
        kind=PaymentMethodKind.TRANSFER,
        locale=documents[0].language,
        credit_minor=_needed(shares, credit_minor),
        offered_minor=credit_minor,
        under_way_minor=under_way_minor,
    )


def due_shares(documents: Sequence[Document]) -> list[Share]:
    """What is due of documents, in paying order."""
    ordered = in_paying_order(documents)
    return [Share(document.id, document.open_minor - document.pending_minor) for document in ordered]


def _wish(
    document: Document, shares: list[Share], way: str, *, locale: str, via_link: bool, credit_minor: int
) -> Wish:
    saved = None
    if way.startswith(_SAVED) and not via_link:
        try:
            saved = get_method(document.customer_id, way.removeprefix(_SAVED))
        except NotFound:
            raise DomainError(_l("This payment method cannot be used."), "method") from None
        kind = PaymentMethodKind.SEPA if saved.kind is MethodKind.SEPA else PaymentMethodKind.CARD
    elif way in (PaymentMethodKind.IDEAL.value, PaymentMethodKind.CARD.value):
        kind = PaymentMethodKind(way)
    else:
        raise DomainError(_l("Choose how you want to pay."), "method")
    offered = 0 if _is_spent(shares, credit_minor) else credit_minor
    return Wish(
        customer_id=document.customer_id,
        shares=tuple(shares),
        kind=kind,
        locale=locale,
        saved=saved,
        via_link=via_link,
        credit_minor=_needed(shares, offered),
        offered_minor=offered,
    )


def _needed(shares: list[Share], offered_minor: int) -> int:
    """What is used of the credit that was ticked: the page offers it for all that is due, and a part may be less."""
    return min(offered_minor, sum(share.amount_minor for share in shares))


def _is_spent(shares: list[Share], credit_minor: int) -> bool:
    """Whether a first click, a moment ago, spent this credit with an attempt on just what is due now."""
    if not credit_minor:
        return False
    return any(
        attempt.credit_minor == credit_minor
        and not attempt.is_under_way
        and queries.shares_of(attempt.id) == shares
        for attempt in queries.running_attempts([share.document_id for share in shares])
    )


@dataclass(frozen=True)
class TransferDetails:
    """What somebody types, or scans, to pay a document by bank transfer. Showing it starts nothing."""

    account_name: str
    iban: str
    bic: str
    amount_minor: int
    due_minor: int
    currency: str
    reference: str

    @property
    def code(self) -> epc.EpcQr | None:
        """The EPC code that fills the transfer in; only euros have one."""
        if self.currency != "EUR":
            return None
        try:
            return epc.epc_qr(
                name=self.account_name,
                iban=self.iban,
                amount_minor=self.amount_minor,
                reference=self.reference or None,
                bic=self.bic or None,
            )
        except ValueError:
            return None

    def shown(self) -> dict[str, Any]:
        """What ``pay/transfer.html`` prints of it: for the customer's page and for the payment link."""
        code = self.code
        return {
            "amount_minor": self.amount_minor,
            "due_minor": self.due_minor,
            "currency": self.currency,
            "account_name": self.account_name,
            "iban": " ".join(self.iban[start : start + 4] for start in range(0, len(self.iban), 4)),
            "bic": self.bic,
            "reference": format_rf(self.reference) if self.reference else "",
            "qr_svg": Markup(code.svg(title=_("Code for a bank transfer"))) if code else None,  # noqa: S704 - ours
        }


def check_part(shop: Shop, document: Document, amount_minor: int) -> int:
    """A part of what is due, for a transfer, which starts nothing that would check it; ``DomainError`` at it."""
    due = document.open_minor - document.pending_minor
    if not 0 < amount_minor <= due:
        raise DomainError(_l("The amount must be at least one cent and at most what is open."), "amount")
    if amount_minor != due and not shop.allow_part_payment:
        raise DomainError(_l("This has to be paid in one go."), "amount")
    return amount_minor


def transfer_details(shop: Shop, document: Document, part: str = "") -> TransferDetails | None:
    """The transfer that settles a document, or pays ``part`` of it ("20.00", as an address holds it).

    None when the shop has no account, nothing is due, or the part cannot be paid (any more).
    """
    due = document.open_minor - document.pending_minor
    if not shop.iban or due <= 0:
        return None
    amount = due
    if part:
        try:
            amount = check_part(shop, document, from_decimal_string(part, document.currency))
        except DomainError:
            return None
    return TransferDetails(
        account_name=shop.legal_name or shop.name,
        iban=shop.iban,
        bic=shop.bic,
        amount_minor=amount,
        due_minor=due,
        currency=document.currency,
        reference=document.reference,
    )
