"""What every provider must do alike, whoever is behind it."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from portal.blueprints.sandbox import book
from portal.blueprints.sandbox.book import Decision
from portal.blueprints.sandbox.models import Notice
from portal.core import clock
from portal.core.money import Money
from portal.domain.payments import registry
from portal.domain.payments.provider import (
    Method,
    MethodRequest,
    PaymentProvider,
    ProviderError,
    ProviderStatus,
    RefundRequest,
    SavedRef,
    SignatureError,
    StartRequest,
)
from portal.domain.shops.models import Shop
from portal.extensions import db
from tests.payments_world import World, through_client

SHOP = "https://shop.example.test"


@dataclass
class Account:
    """A provider with the levers that a person at the bank would pull."""

    provider: PaymentProvider
    decide: Callable[[str, str], None]
    sign: Callable[[str], None]


@pytest.fixture(params=["sandbox over HTTP", "sandbox without sockets"])
def account(request: pytest.FixtureRequest, world: World) -> Account:
    if request.param == "sandbox without sockets":
        world.app.config["SANDBOX_TRANSPORT"] = through_client(world.app)
        world.app.config["SANDBOX_URL"] = "http://nowhere.invalid"
    with world.scope():
        provider = registry.provider_for(db.session.get_one(Shop, world.ids.shop), "sandbox")

    def decide(ref: str, word: str) -> None:
        with world.scope():
            later = book.OPEN_FOR
            book.decide(book.get_payment(ref), Decision(word), Notice.NEVER, now=clock.now(), later=later)
            db.session.commit()

    def sign(ref: str) -> None:
        with world.scope():
            book.sign_method(
                book.get_method(ref),
                book.bank_account("NL91ABNA0417164300"),
                holder="E. de Vries",
                now=clock.now(),
            )
            db.session.commit()

    return Account(provider, decide, sign)


def wish(minor: int = 1234, *, key: str | None = None, saved: SavedRef | None = None) -> StartRequest:
    return StartRequest(
        amount=Money(minor, "EUR"),
        description="De Halve Maan 2026-0001",
        reference="reference-of-ours",
        return_url=f"{SHOP}/pay/return/x",
        webhook_url=f"{SHOP}/hooks/sandbox",
        idempotency_key=key or secrets.token_hex(8),
        method=Method.SEPA if saved else Method.IDEAL,
        locale="nl",
        saved=saved,
    )


def test_the_protocol_has_seven_methods_at_most() -> None:
    methods = [name for name, _ in inspect.getmembers(PaymentProvider, inspect.isfunction) if name[0] != "_"]
    assert len(methods) == 7, methods


def test_a_payment_starts_open_with_a_checkout(account: Account) -> None:
    started = account.provider.start(wish())
    assert started.status is ProviderStatus.OPEN
    assert started.checkout_url is not None and started.checkout_url.startswith(SHOP)
    assert started.expires_at is not None and started.expires_at > clock.now()


def test_what_was_asked_comes_back(account: Account) -> None:
    started = account.provider.start(wish(1234))
    found = account.provider.fetch(started.provider_ref)
    assert (found.provider_ref, found.amount) == (started.provider_ref, Money(1234, "EUR"))
    assert (found.reference, found.method) == ("reference-of-ours", Method.IDEAL)
    assert found.paid_at is None


def test_the_same_key_gives_the_same_payment(account: Account) -> None:
    first = account.provider.start(wish(key="k1"))
    assert account.provider.start(wish(key="k1")) == first
    assert account.provider.start(wish(key="k2")).provider_ref != first.provider_ref


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("paid", ProviderStatus.PAID),
        ("failed", ProviderStatus.FAILED),
        ("canceled", ProviderStatus.CANCELLED),
        ("expired", ProviderStatus.EXPIRED),
        ("later", ProviderStatus.PENDING),
    ],
)
def test_each_end_is_told_in_our_words(account: Account, word: str, status: ProviderStatus) -> None:
    ref = account.provider.start(wish()).provider_ref
    account.decide(ref, word)
    found = account.provider.fetch(ref)
    assert found.status is status
    assert (found.paid_at is not None) == (word == "paid")
    assert (found.failure_reason is not None) == (word == "failed")


def test_a_chargeback_and_its_end_are_told(account: Account) -> None:
    ref = account.provider.start(wish()).provider_ref
    account.decide(ref, "paid")
    account.decide(ref, "charge_back")
    found = account.provider.fetch(ref)
    assert found.status is ProviderStatus.REVERSED and found.reversed_at and not found.reinstated_at
    account.decide(ref, "win_chargeback")
    found = account.provider.fetch(ref)
    assert found.status is ProviderStatus.PAID and found.reinstated_at


def test_cancelling_ends_what_is_open_and_leaves_the_rest(account: Account) -> None:
    ref = account.provider.start(wish()).provider_ref
    assert account.provider.cancel(ref).status is ProviderStatus.CANCELLED
    assert account.provider.cancel(ref).status is ProviderStatus.CANCELLED
    paid = account.provider.start(wish()).provider_ref
    account.decide(paid, "paid")
    assert account.provider.cancel(paid).status is ProviderStatus.PAID


def test_a_refund_pays_back_once_per_key_and_never_too_much(account: Account) -> None:
    ref = account.provider.start(wish(1000)).provider_ref
    with pytest.raises(ProviderError) as refused:
        account.provider.refund(refund(ref, 100, "early"))
    assert refused.value.permanent
    account.decide(ref, "paid")
    first = account.provider.refund(refund(ref, 600, "r1"))
    assert account.provider.refund(refund(ref, 600, "r1")) == first
    with pytest.raises(ProviderError) as refused:
        account.provider.refund(refund(ref, 401, "r2"))
    assert refused.value.permanent
    assert [each.amount for each in account.provider.fetch(ref).refunds] == [Money(600, "EUR")]


def refund(ref: str, minor: int, key: str) -> RefundRequest:
    return RefundRequest(
        provider_ref=ref, amount=Money(minor, "EUR"), description="", reference=key, idempotency_key=key
    )


def test_a_saved_method_is_charged_without_a_visit_and_pending_first(account: Account) -> None:
    begun = account.provider.begin_method(method_wish(Method.SEPA, "m1"))
    assert begun.checkout_url is not None
    before = account.provider.fetch(begun.provider_ref)
    assert before.status is ProviderStatus.OPEN and before.saved is not None and not before.saved.valid
    account.sign(begun.provider_ref)
    after = account.provider.fetch(begun.provider_ref)
    assert after.status is ProviderStatus.PAID and after.saved is not None and after.saved.valid
    assert "0417" not in after.saved.masked and after.saved.masked.endswith("4300")
    charged = account.provider.start(wish(saved=after.saved.ref))
    assert (charged.status, charged.checkout_url) == (ProviderStatus.PENDING, None)
    account.provider.revoke_method(after.saved.ref)
    account.provider.revoke_method(after.saved.ref)
    with pytest.raises(ProviderError) as refused:
        account.provider.start(wish(saved=after.saved.ref))
    assert refused.value.permanent


def method_wish(kind: Method, key: str) -> MethodRequest:
    return MethodRequest(
        kind=kind,
        customer_key="emma",
        customer_ref=None,
        holder="Emma",
        email="emma@example.com",
        reference="method-of-ours",
        return_url=f"{SHOP}/",
        webhook_url=f"{SHOP}/hooks/sandbox",
        idempotency_key=key,
        locale="en",
    )


def test_whatever_can_be_saved_can_be_begun_and_known_again(account: Account) -> None:
    assert account.provider.capabilities.saved_methods
    for kind in account.provider.capabilities.saved_methods:
        prints = []
        for key in ("a", "b"):
            begun = account.provider.begin_method(method_wish(kind, f"{kind}-{key}"))
            assert account.provider.begin_method(method_wish(kind, f"{kind}-{key}")) == begun
            account.sign(begun.provider_ref)
            saved = account.provider.fetch(begun.provider_ref).saved
            assert saved is not None and saved.kind is kind and saved.valid
            prints.append(saved.fingerprint)
        assert prints[0] == prints[1] and prints[0] and "0417" not in prints[0]


def test_cancelling_a_method_ends_what_was_begun_and_leaves_what_is_valid(account: Account) -> None:
    begun = account.provider.begin_method(method_wish(Method.SEPA, "m1")).provider_ref
    for _ in range(2):
        assert account.provider.cancel(begun).status is ProviderStatus.CANCELLED
    signed = account.provider.begin_method(method_wish(Method.SEPA, "m2")).provider_ref
    account.sign(signed)
    kept = account.provider.cancel(signed)
    assert kept.status is ProviderStatus.PAID and kept.saved is not None and kept.saved.valid


@pytest.mark.parametrize("ref", ["sbp_" + "x" * 22, "nonsense", "../payments", "a b\0c"])
def test_an_unknown_id_is_refused_for_good(account: Account, ref: str) -> None:
    for call in (account.provider.fetch, account.provider.cancel):
        with pytest.raises(ProviderError) as refused:
            call(ref)
        assert refused.value.permanent


def test_a_webhook_names_its_payment(account: Account) -> None:
    event = account.provider.read_webhook(b"id=sbp_abc", {})
    assert event is not None and event.provider_ref == "sbp_abc"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"id=",
        b"id=a&id=b",
        b"x=1",
        b"\xff\xfe",
        b"id=" + b"a" * 100,
        b"id=%00",
        b"&".join([b"a=1"] * 50),
    ],
)
def test_a_webhook_without_sense_is_no_event(account: Account, body: bytes) -> None:
    assert account.provider.read_webhook(body, {}) is None


def test_a_wrong_signature_is_an_error(account: Account) -> None:
    for given in ("wrong", "é", ""):
        with pytest.raises(SignatureError):
            account.provider.read_webhook(b"id=sbp_abc", {"x-sandbox-signature": given})
