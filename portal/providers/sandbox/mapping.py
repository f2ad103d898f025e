"""The test bank's words turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from portal.core.errors import DomainError, ProviderError
from portal.core.money import Money
from portal.domain.payments.provider import (
    Method,
    ProviderPayment,
    ProviderRefund,
    ProviderStatus,
    RefundStatus,
    SavedMethod,
    SavedRef,
    Started,
)

STATUSES = {
    "open": ProviderStatus.OPEN,
    "pending": ProviderStatus.PENDING,
    "paid": ProviderStatus.PAID,
    "failed": ProviderStatus.FAILED,
    "canceled": ProviderStatus.CANCELLED,
    "expired": ProviderStatus.EXPIRED,
    "charged_back": ProviderStatus.REVERSED,
}

#: A mandate has a life of its own; what it means for the attempt to make one.
METHOD_STATUSES = {
    "pending": ProviderStatus.OPEN,
    "valid": ProviderStatus.PAID,
    "invalid": ProviderStatus.FAILED,
    "revoked": ProviderStatus.CANCELLED,
}

Answer = Mapping[str, Any]
T = TypeVar("T")


def started(answer: Answer, *, statuses: Mapping[str, ProviderStatus] = STATUSES) -> Started:
    """What the bank says about a payment or a mandate that was just made."""
    return _read(
        lambda: Started(
            provider_ref=str(answer["id"]),
            checkout_url=answer["checkout_url"],
            status=statuses[answer["status"]],
            expires_at=_moment(answer.get("expires_at")),
        )
    )


def payment(answer: Answer) -> ProviderPayment:
    """What the bank says about a payment."""
    return _read(
        lambda: ProviderPayment(
            provider_ref=str(answer["id"]),
            status=STATUSES[answer["status"]],
            amount=_money(answer["amount"]),
            reference=answer["reference"],
            method=Method(answer["method"]),
            method_details={str(k): str(v) for k, v in answer["details"].items()},
            checkout_url=answer["checkout_url"],
            paid_at=_moment(answer["paid_at"]),
            expires_at=_moment(answer["expires_at"]),
            reversed_at=_moment(answer["charged_back_at"]),
            reinstated_at=_moment(answer["chargeback_won_at"]),
            failure_reason=answer["failure_reason"],
            refunds=tuple(refund(each) for each in answer["refunds"]),
        )
    )


def method(answer: Answer) -> ProviderPayment:
    """What the bank says about a mandate that was begun, told as the payment of nothing that it is."""
    return _read(
        lambda: ProviderPayment(
            provider_ref=str(answer["id"]),
            status=METHOD_STATUSES[answer["status"]],
            amount=Money(0, "EUR"),
            reference=answer["reference"],
            method=Method(answer["kind"]),
            checkout_url=answer["checkout_url"],
            saved=SavedMethod(
                ref=SavedRef(str(answer["customer"]), str(answer["id"])),
                kind=Method(answer["kind"]),
                valid=answer["status"] == "valid",
                masked=str(answer["masked"]),
                holder=str(answer["holder"]),
                signed_at=_moment(answer["signed_at"]),
                fingerprint=answer["fingerprint"] or None,
                expires_on=_day(answer["expires_on"]),
            ),
        )
    )


def refund(answer: Answer) -> ProviderRefund:
    """What the bank says about a refund."""
    return _read(
        lambda: ProviderRefund(
            provider_ref=str(answer["id"]),
            amount=_money(answer["amount"]),
            status=RefundStatus(answer["status"]),
            reference=answer["reference"],
            failure_reason=answer.get("failure_reason"),
        )
    )


def _read(make: Callable[[], T]) -> T:
    """An answer that lacks something or says something unknown is garbage, which may be better next time."""
    try:
        return make()
    except (KeyError, ValueError, TypeError, AttributeError, DomainError) as error:
        raise ProviderError(f"the test bank's answer makes no sense: {error!r}") from error


def _money(value: Mapping[str, Any]) -> Money:
    amount, currency = value["minor"], value["currency"]
    if type(amount) is not int or not isinstance(currency, str):
        raise ValueError("an amount is a whole number of minor units with a currency")
    return Money(amount, currency)


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment has a time zone")
    return moment
