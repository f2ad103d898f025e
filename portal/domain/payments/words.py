"""What everybody who may pay a document reads of the payments on it: on its page, with others, and on its link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core import locale
from portal.core.templating import language
from portal.domain.invoices.models import Document
from portal.domain.payments import refunding
from portal.domain.payments.models import Payment, PaymentMethodKind
from portal.domain.payments.queries import shares_of

#: Whole sentences: the names of the ways are titles, and no title stands well in the middle of a sentence.
STARTED = {
    PaymentMethodKind.IDEAL: _l("You started an iDEAL payment of %(amount)s."),
    PaymentMethodKind.CARD: _l("You started a card payment of %(amount)s."),
    PaymentMethodKind.SEPA: _l("You started a direct debit of %(amount)s."),
    PaymentMethodKind.TRANSFER: _l("You started a bank transfer of %(amount)s."),
    PaymentMethodKind.CASH: _l("You started a payment of %(amount)s."),
}

#: What somebody of the shop must look at, by the mark of a payment.
MARKS = {
    "wrong_reference": _l("The payment provider names another payment of ours for it."),
    "contradiction": _l("The payment provider says that it was paid, although it had failed."),
    "wrong_currency": _l("What came in is of another currency or no amount, and is booked to nothing."),
    "wrong_amount": _l("Another amount came in than was asked for; what came in is booked."),
    "wrong_refund": _l("The payment provider paid back another amount than was ordered."),
    "unknown_refund": _l(
        "Money of it was paid back on the payment provider’s own pages. The customer’s credit was not taken for that."
    ),
    "refund_waits": _l(
        "The payment provider did not take the order of a refund yet. It is tried again every quarter of an hour; look "
        "whether the shop’s account there works."
    ),
    "contradicting_refund": _l(
        "The payment provider says that a refund of it arrived, or not, after the opposite was said. Look at the "
        "provider’s own pages."
    ),
}

#: Why a bank sent money back, by its code (ISO 20022, external return reasons), and why we ordered nothing.
REASONS = {
    "AC01": _l("There is no account with that number"),
    "AC04": _l("The account is closed"),
    "AC06": _l("The account is blocked"),
    "AG01": _l("Nothing may be transferred to that account"),
    "AM04": _l("There was not enough money for it"),
    "MD07": _l("The holder of the account has died"),
    "MS02": _l("The holder of the account wanted it so and gave no reason"),
    "MS03": _l("The bank gave no reason"),
    "RC01": _l("The bank is not known by its code"),
    refunding.NOT_PAID: _l(
        "The payment did not stay: it was charged back, or is not paid at the payment provider"
    ),
}


@dataclass(frozen=True)
class PartPending:
    """Money under way for a part of a document, beside which the rest, ``rest_minor``, can be paid."""

    rest_minor: int
    title: str
    text: str


def started(payment: Payment, words: Any = None) -> str:
    """What was merely started: of how much, and for how many invoices where it is more than one.

    ``words`` hold the amount where they are not to name the way; in the reader's language, as all of this.
    """
    amount = locale.money(payment.amount_minor, payment.currency, language())
    said = str(words or STARTED[payment.method]) % {"amount": amount}
    count = len(shares_of(payment.id))
    if count == 1:
        return said
    together = _("It is for %(count)s invoices together.", count=count)
    return f"{said} {together}"


def why(reason: str) -> str:
    """Why a refund failed, in the reader's language; what only the provider knows, in its own words.

    A bank's code stays beside the words, as that is what a bank or a provider is asked about.
    """
    known = REASONS.get(reason)
    if known is None:
        return reason
    return str(known) if reason == refunding.NOT_PAID else f"{known} ({reason})"


def part_pending(document: Document) -> PartPending | None:
    """What of a document is under way, where that is not all that is open of it."""
    minor = document.pending_minor
    if not 0 < minor < document.open_minor:
        return None
    amount = locale.money(minor, document.currency, language())
    return PartPending(
        rest_minor=document.open_minor - minor,
        title=_("%(amount)s is under way", amount=amount),
        text=_("The bank decides within a few days; for that part you need not do anything."),
    )
