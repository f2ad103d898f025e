"""Webhooks: booked once or refused, whoever calls, how often and in whatever order."""

from __future__ import annotations

import contextvars
import hashlib
import hmac
import random
import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.blueprints.sandbox.models import BankStatus
from portal.domain.payments.models import Payment, PaymentEvent, PaymentStatus
from portal.domain.payments.registry import derived_key
from portal.domain.shops.models import Mode
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests import cast
from tests.payments_world import World

S = PaymentStatus


def call(
    world: World, body: bytes | str, *, host: str = cast.HOST, provider: str = "sandbox", **headers: str
) -> TestResponse:
    """A webhook, as the outside world would send it."""
    answer: TestResponse = contextvars.Context().run(
        world.app.test_client().open,
        f"/hooks/{provider}",
        method="POST",
        data=body,
        base_url=f"https://{host}",
        headers=headers,
        content_type="application/x-www-form-urlencoded",
    )
    return answer


def paid_but_untold(world: World) -> str:
    """A payment that the bank has booked and nobody here has heard of; its id at the bank."""
    browser = world.browser()
    checkout = browser.pay(world.invoice())
    browser.decide(checkout, "paid", "never")
    return checkout.rpartition("/")[2]


def test_a_webhook_makes_us_ask_and_books(world: World) -> None:
    ref = paid_but_untold(world)
    assert call(world, f"id={ref}").status_code == 200
    assert world.payments() == [S.PAID]
    world.check_books()


def test_what_it_claims_is_not_believed(world: World) -> None:
    checkout = world.browser().pay(world.invoice())
    ref = checkout.rpartition("/")[2]
    assert call(world, f"id={ref}&status=paid&amount=10000").status_code == 200
    assert world.payments() == [S.OPEN]


@pytest.mark.parametrize(
    "body",
    ["id=sbp_" + "x" * 22, "id=", "", "x=1", "id=%00", "id=%ff", "id=" + "a" * 5000, b"\x00\xff", "id=../.."],
)
def test_an_unknown_id_is_200_and_books_nothing(world: World, body: bytes | str) -> None:
    paid_but_untold(world)
    answer = call(world, body)
    assert (answer.status_code, answer.get_data()) == (200, b"")
    assert (world.payments(), world.booked()) == ([S.OPEN], 0)


def test_an_id_of_another_shop_is_unknown(world: World) -> None:
    ref = paid_but_untold(world)
    answer = call(world, f"id={ref}", host=cast.OTHER_HOST)
    assert (answer.status_code, answer.get_data()) == (200, b"")
    assert world.payments() == [S.OPEN]
    assert call(world, f"id={ref}").status_code == 200
    assert world.payments() == [S.PAID]


@pytest.mark.parametrize("signature", ["", "0" * 64, "é"])
def test_a_wrong_signature_is_400(world: World, signature: str, caplog: pytest.LogCaptureFixture) -> None:
    ref = paid_but_untold(world)
    answer = call(world, f"id={ref}", **{"X-Sandbox-Signature": signature})
    assert answer.status_code == 400
    assert "refused for a visitor: a wrong signature of sandbox" in caplog.text
    assert world.payments() == [S.OPEN]


def test_the_other_shops_signature_is_a_wrong_one(world: World) -> None:
    body = f"id={paid_but_untold(world)}"
    signed = {}
    for shop_id in (world.ids.other_shop, world.ids.shop):
        with world.scope():
            key = derived_key("sandbox", shop_id)
        signed[shop_id] = hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert call(world, body, **{"X-Sandbox-Signature": signed[world.ids.other_shop]}).status_code == 400
    assert call(world, body, **{"X-Sandbox-Signature": signed[world.ids.shop]}).status_code == 200
    assert world.payments() == [S.PAID]


@pytest.mark.parametrize(
    ("provider", "status"), [("manual", 200), ("mollie", 404), ("x" * 300, 404), ("%00", 404)]
)
def test_other_providers(world: World, provider: str, status: int) -> None:
    ref = paid_but_untold(world)
    assert call(world, f"id={ref}", provider=provider).status_code == status
    assert world.payments() == [S.OPEN]


def test_in_a_live_shop_the_sandbox_is_refused(world: World) -> None:
    ref = paid_but_untold(world)
    world.change_shop(mode=Mode.LIVE)
    assert call(world, f"id={ref}").status_code == 404
    assert world.payments() == [S.OPEN]


def test_an_unknown_host_is_404(world: World) -> None:
    assert call(world, "id=x", host="nobody.invalid").status_code == 404


@pytest.mark.parametrize("length", [64 * 1024 + 1, 10 * 1024 * 1024])
def test_a_body_beyond_reason_is_413(world: World, length: int) -> None:
    assert call(world, b"a" * length).status_code == 413


def test_it_takes_posts_only(world: World) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = world.browser()._open("/hooks/sandbox", method=method)
        assert answer.status_code == 405


def test_a_bank_that_cannot_be_asked_back_is_told_to_call_again(world: World) -> None:
    ref = paid_but_untold(world)

    def away(request: HttpRequest) -> HttpResponse:
        raise ConnectionRefusedError

    world.app.config["SANDBOX_TRANSPORT"] = away
    assert call(world, f"id={ref}").status_code == 503
    assert world.payments() == [S.OPEN]
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert call(world, f"id={ref}").status_code == 200
    assert world.payments() == [S.PAID]


def test_a_hundred_webhooks_in_any_order_book_once(world: World) -> None:
    """Several payments with every end, each told a hundred times, shuffled, by four callers at once."""
    browser, refs = world.browser(), []
    for decision in ("paid", "failed", "canceled", "expired", "later", "paid"):
        checkout = browser.pay(world.invoice())
        browser.decide(checkout, decision, "never")
        refs.append(checkout.rpartition("/")[2])
    calls = refs * 17
    random.Random(8).shuffle(calls)
    answers: list[int] = []

    def caller(part: list[str]) -> None:
        answers.extend(call(world, f"id={ref}").status_code for ref in part)

    threads = [threading.Thread(target=caller, args=(calls[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 102
    assert world.payments() == [S.PAID, S.FAILED, S.CANCELLED, S.EXPIRED, S.PENDING, S.PAID]
    with world.scope():
        paid = db.session.query(PaymentEvent).filter(PaymentEvent.status == S.PAID).count()
    assert paid == 2
    world.check_books()


class TestAnswerLostOnTheWay:
    """The process died after the bank took the order and before we knew its id: the webhook brings it back."""

    def lose(self, world: World) -> str:
        def lost(request: HttpRequest) -> HttpResponse:
            client.over_http(request)
            raise TimeoutError

        world.app.config["SANDBOX_TRANSPORT"] = lost
        world.browser().post(world.invoice().link, {"method": "ideal"})
        world.app.config["SANDBOX_TRANSPORT"] = client.over_http
        (row,) = world.bank()
        return row.bank_id

    def test_the_payment_is_adopted(self, world: World) -> None:
        ref = self.lose(world)
        world.browser().decide(f"/sandbox/{ref}", "paid", "never")
        assert call(world, f"id={ref}").status_code == 200
        with world.scope():
            payment = db.session.query(Payment).one()
            assert (payment.status, payment.provider_ref) == (S.PAID, ref)
        world.check_books()

    def test_an_id_that_the_bank_does_not_know_is_not(self, world: World) -> None:
        self.lose(world)
        assert call(world, "id=sbp_" + "x" * 22).status_code == 200
        assert world.payments() == [S.CREATED]

    def test_a_payment_of_another_reference_is_not(self, world: World) -> None:
        self.lose(world)
        with world.scope():
            from portal.blueprints.sandbox.models import SandboxPayment

            row = db.session.query(SandboxPayment).one()
            row.reference = "none-of-ours"
            row.status = BankStatus.PAID
            db.session.commit()
            ref = row.bank_id
        assert call(world, f"id={ref}").status_code == 200
        assert (world.payments(), world.booked()) == ([S.CREATED], 0)


def test_nothing_is_logged_as_an_error_for_bad_calls(world: World, caplog: Any) -> None:
    for body in (b"", b"\xff", b"id=%00", b"a" * 70000):
        call(world, body)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
