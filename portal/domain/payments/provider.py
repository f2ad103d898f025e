"""What the portal asks of whoever moves the money: one protocol and the values that cross it.

Nothing here knows HTML, a session, the database or Flask, and no caller knows which provider it speaks to.

Seven methods, which is the limit. Charging a saved method is not a method of its own but ``start`` with
``StartRequest.saved``: at Mollie and at Stripe it is the same call with two more fields, and every caller
treats the answer alike (a ``checkout_url`` when the customer is needed, none when not). That leaves room for
``cancel``, which "Start again" needs.

How two real providers map (facts in the design's ``payments.md``):

==================  ==========================================  ===========================================
here                Mollie                                      Stripe
==================  ==========================================  ===========================================
start               POST /v2/payments; ``_links.checkout``      Checkout Session in mode payment; its ``url``
start, saved        ``sequenceType: recurring`` with            off-session PaymentIntent, confirmed at once;
                    ``customerId`` and ``mandateId``:           ``requires_action`` → OPEN with a
                    pending first, no checkout                  ``checkout_url`` to authenticate at
fetch               GET /v2/payments/{id}, with refunds and     the Session with its PaymentIntent, charge and
                    chargebacks embedded                        disputes, or the PaymentIntent itself
cancel              DELETE /v2/payments/{id} where it is        expire the Session; cancel the PaymentIntent
                    cancelable, else what fetch says
refund              POST /v2/payments/{id}/refunds              POST /v1/refunds
begin_method        first payment (``sequenceType: first``)     Checkout Session in mode setup (a SetupIntent)
                    of a customer made by ``customer_key``
revoke_method       DELETE the mandate                          detach the payment method
read_webhook        form post with only ``id=``, unsigned: it   ``construct_event(body, headers, secret)``;
                    says "ask about this id"; the newer         a missing or wrong signature raises
                    signed ones raise when wrong                ``SignatureError``
OPEN                open                                        session open (also after a refused card: the
                                                                customer may try again), requires_action
PENDING             pending, authorized                         processing, requires_capture
PAID                paid                                        complete and paid, succeeded
FAILED              failed                                      requires_payment_method off-session
CANCELLED           canceled                                    canceled
EXPIRED             expired                                     session expired
REVERSED            paid, with a chargeback that stands         a dispute that is not won
idempotency_window  1 hour                                      24 hours
==================  ==========================================  ===========================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from portal.core.errors import ProviderError
from portal.core.money import MAX_MINOR, Money

__all__ = [
    "Capabilities",
    "Method",
    "MethodRequest",
    "PaymentProvider",
    "ProviderAccount",
    "ProviderError",
    "ProviderPayment",
    "ProviderRefund",
    "ProviderStatus",
    "RefundRequest",
    "RefundStatus",
    "SavedMethod",
    "SavedRef",
    "SignatureError",
    "StartRequest",
    "Started",
    "WebhookEvent",
]


class Method(StrEnum):
    """Ways to pay, in the words stored in the database."""

    IDEAL = "ideal"
    CARD = "card"
    SEPA = "sepa"
    TRANSFER = "transfer"


class ProviderStatus(StrEnum):
    """Where a payment stands at the provider, in our words."""

    OPEN = "open"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"


class RefundStatus(StrEnum):
    """Where a refund stands at the provider, in our words."""

    QUEUED = "queued"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SignatureError(ProviderError):
    """A webhook whose signature is missing where one is due, or wrong: answered with 400, nothing is looked
    up.
    """

    def __init__(self, message: str = "the signature does not fit") -> None:
        super().__init__(message, permanent=True)


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a provider says about itself before anything is asked of it."""

    name: str
    #: What a customer may choose for one payment.
    methods: tuple[Method, ...]
    #: What can be saved by ``begin_method`` and charged later.
    saved_methods: tuple[Method, ...] = ()
    #: Origins of its pages, added to ``form-action`` of a pay form: Chromium silently blocks POST → 303
    #: otherwise.
    checkout_origins: tuple[str, ...] = ()
    #: Whether it pays back what it took in.
    refunds: bool = False
    #: Exists in test mode only; in a live shop it is nowhere.
    test_only: bool = False
    #: How long a repeated key surely returns the first answer; after that a repeat might charge twice.
    idempotency_window: timedelta = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class ProviderAccount:
    """Whose account at the provider this is. ``key`` is the secret it was given; ``host`` how the shop is
    called.
    """

    shop_id: int
    host: str
    live: bool
    key: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedRef:
    """A saved method as the provider knows it: Mollie's customer and mandate, Stripe's customer and payment
    method.
    """

    customer_ref: str
    method_ref: str


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """One attempt to pay. ``reference`` is our payment's public id, which the provider gives back."""

    amount: Money
    description: str
    reference: str
    return_url: str
    webhook_url: str
    idempotency_key: str
    method: Method
    locale: str
    saved: SavedRef | None = None


@dataclass(frozen=True, kw_only=True)
class MethodRequest:
    """A wish to save a mandate or a card. ``customer_key`` is ours and makes one customer there per account
    here.
    """

    kind: Method
    customer_key: str
    customer_ref: str | None
    holder: str
    email: str
    reference: str
    return_url: str
    webhook_url: str
    idempotency_key: str
    locale: str


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """A part or the whole of a paid payment, back to where it came from."""

    provider_ref: str
    amount: Money
    description: str
    reference: str
    idempotency_key: str


#: What fits our rows; more than that no provider says that is in its right mind.
LONGEST_REF, LONGEST_URL, LONGEST_DETAILS = 100, 1000, 2000
LONGEST_MASKED, LONGEST_HOLDER, LONGEST_FINGERPRINT = 40, 200, 64


def _check(
    provider_ref: str, *, url: str | None = None, amount: Money | None = None, texts: str = ""
) -> None:
    """``ProviderError`` for an answer that no row can hold: nothing of it may be believed."""
    if not 0 < len(provider_ref) <= LONGEST_REF or not provider_ref.isprintable():
        raise ProviderError("the provider answered with an id that is none")
    if url is not None and not _is_address(url):
        raise ProviderError("the provider answered with an address that is none")
    if amount is not None and abs(amount.minor) > MAX_MINOR:
        raise ProviderError("the provider answered with more money than there is")
    if len(texts) > LONGEST_DETAILS or "\0" in texts:
        raise ProviderError("the provider answered with texts that are none")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        len(url) <= LONGEST_URL
        and url.isprintable()
        and parts.scheme in ("http", "https")
        and bool(parts.netloc)
    )


@dataclass(frozen=True, kw_only=True)
class Started:
    """The provider's answer. Without ``checkout_url`` the customer is not needed."""

    provider_ref: str
    checkout_url: str | None
    status: ProviderStatus
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        _check(self.provider_ref, url=self.checkout_url)


@dataclass(frozen=True, kw_only=True)
class SavedMethod:
    """A mandate or card that came into being, or what became of it. The account number is masked by the
    adapter. ``fingerprint`` is the same whenever the same account or card is saved at this provider (Stripe gives
    one; elsewhere a keyed hash), and never the number itself.
    """

    ref: SavedRef
    kind: Method
    valid: bool
    masked: str
    holder: str
    signed_at: datetime | None = None
    fingerprint: str | None = None
    expires_on: date | None = None

    def __post_init__(self) -> None:
        _check(self.ref.method_ref, texts=self.masked + self.holder + (self.fingerprint or ""))
        fits = len(self.ref.customer_ref) <= LONGEST_REF and len(self.masked) <= LONGEST_MASKED
        if not fits or len(self.holder) > LONGEST_HOLDER or len(self.fingerprint or "") > LONGEST_FINGERPRINT:
            raise ProviderError("the provider answered with a saved method that is none")


@dataclass(frozen=True, kw_only=True)
class ProviderRefund:
    """A refund as the provider knows it; ``reference`` is ours where the provider keeps it."""

    provider_ref: str
    amount: Money
    status: RefundStatus
    reference: str | None = None
    failure_reason: str | None = None

    def __post_init__(self) -> None:
        _check(self.provider_ref, amount=self.amount, texts=self.failure_reason or "")


@dataclass(frozen=True, kw_only=True)
class ProviderPayment:
    """The truth about one payment at the moment of asking.

    ``amount`` is what really moved or would move. ``reversed_at`` is the latest chargeback that stands;
    ``reinstated_at`` says that the latest one was won, which alone may bring a reversed payment back to paid.
    """

    provider_ref: str
    status: ProviderStatus
    amount: Money
    reference: str | None = None
    method: Method | None = None
    method_details: Mapping[str, str] = field(default_factory=dict)
    checkout_url: str | None = None
    paid_at: datetime | None = None
    expires_at: datetime | None = None
    reversed_at: datetime | None = None
    reinstated_at: datetime | None = None
    failure_reason: str | None = None
    refunds: tuple[ProviderRefund, ...] = ()
    saved: SavedMethod | None = None

    def __post_init__(self) -> None:
        said = [*self.method_details.keys(), *self.method_details.values(), self.failure_reason or ""]
        _check(self.provider_ref, url=self.checkout_url, amount=self.amount, texts="".join(said))


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """What a verified call is about: a payment (or the one a refund belongs to), by their id or ours."""

    provider_ref: str | None
    reference: str | None = None
    event_id: str | None = None


class PaymentProvider(Protocol):
    """One shop's account at one provider.

    Each method that speaks to the network raises ``ProviderError``: ``permanent`` when asking again cannot
    help (refused, unknown, misconfigured), not permanent when it may (away, slow, garbage). None is called
    inside a transaction. Each takes an idempotency key made from our row where it could do something twice.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def start(self, request: StartRequest) -> Started:
        """Makes a payment, or charges ``request.saved``. The same key always gives the same payment."""
        ...

    def fetch(self, provider_ref: str) -> ProviderPayment:
        """What the provider knows now about a payment or about a method that was begun."""
        ...

    def cancel(self, provider_ref: str) -> ProviderPayment:
        """Cancels what is not yet under way, a method that was merely begun included.

        Answers the state it then has, whichever that is; never raises for it.
        """
        ...

    def refund(self, request: RefundRequest) -> ProviderRefund:
        """Pays back. The same key always gives the same refund."""
        ...

    def begin_method(self, request: MethodRequest) -> Started:
        """Starts saving a mandate or a card; ``fetch`` of its id later carries ``saved``."""
        ...

    def revoke_method(self, ref: SavedRef) -> None:
        """Ends a saved method; one that is unknown or already ended is no error."""
        ...

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Reads raw bytes, without the network. ``None`` for what does not concern payments;
        ``SignatureError``.
        """
        ...
