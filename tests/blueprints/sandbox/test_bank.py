"""The test bank: its pages, its API and its work; and that a live shop has none of it."""

from __future__ import annotations

import contextvars
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.blueprints.sandbox import jobs
from portal.blueprints.sandbox.models import BankStatus, MandateStatus, SandboxMethod, SandboxPayment
from portal.core import clock
from portal.core.money import Money
from portal.core.outbox import OutboxRow, OutboxState
from portal.domain.payments import registry
from portal.domain.payments.models import PaymentStatus
from portal.domain.payments.provider import Method, MethodRequest, PaymentProvider
from portal.domain.payments.registry import derived_key
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests import cast
from tests.payments_world import START, World, text_of

S = PaymentStatus


def deliveries(world: World) -> list[bytes]:
    """Listens to the webhooks on their way; they arrive all the same."""
    seen: list[bytes] = []

    def post(call: jobs.Call) -> int:
        seen.append(call.body)
        return jobs.post_over_http(call)

    world.app.config["SANDBOX_POST"] = post
    return seen


class TestNotices:
    """When the shop hears of it, where nobody comes back to tell."""

    @pytest.mark.parametrize(("notice", "times"), [("before", 1), ("thrice", 3), ("never", 0)])
    def test_how_often(self, world: World, notice: str, times: int) -> None:
        seen, browser = deliveries(world), world.browser()
        browser.decide(browser.pay(world.invoice()), "paid", notice)
        assert seen == [], "never from within the page"
        world.work()
        assert len(seen) == times
        assert world.payments() == [S.PAID if times else S.OPEN]

    def test_after_the_return_means_a_little_later(self, world: World) -> None:
        seen, browser = deliveries(world), world.browser()
        browser.decide(browser.pay(world.invoice()), "paid", "after")
        world.work()
        assert (seen, world.payments()) == ([], [S.OPEN])
        with clock.frozen(START + timedelta(seconds=6)):
            world.work()
        assert (len(seen), world.payments()) == (1, [S.PAID])

    def test_the_webhook_carries_nothing_but_the_id(self, world: World) -> None:
        seen, browser = deliveries(world), world.browser()
        browser.decide(browser.pay(world.invoice()), "paid", "before")
        world.work()
        assert seen == [f"id={world.bank()[0].bank_id}".encode()]

    @pytest.mark.parametrize("trouble", [ConnectionRefusedError(), 500, 404, 303])
    def test_a_shop_that_does_not_take_it_is_told_again(self, world: World, trouble: object) -> None:
        def post(call: jobs.Call) -> int:
            if isinstance(trouble, OSError):
                raise trouble
            assert isinstance(trouble, int)
            return trouble

        world.app.config["SANDBOX_POST"] = post
        browser = world.browser()
        browser.decide(browser.pay(world.invoice()), "paid", "before")
        world.work()
        with world.scope():
            row = db.session.query(OutboxRow).filter(OutboxRow.job == "sandbox.notify").one()
            assert (row.state, row.attempts) == (OutboxState.WAITING, 1)
        world.app.config["SANDBOX_POST"] = jobs.post_over_http
        with clock.frozen(START + timedelta(minutes=1)):
            world.work()
        assert world.payments() == [S.PAID]


class TestPages:
    """What a person at the bank sees."""

    def test_the_page_names_the_payment_and_has_its_buttons(self, world: World) -> None:
        browser = world.browser()
        text = text_of(browser.get(browser.pay(world.invoice())))
        assert "€ 100.00" in text and "De Halve Maan" in text
        for decision in ("paid", "failed", "canceled", "expired", "later"):
            assert f'value="{decision}"' in text
        for notice in ("before", "after", "thrice", "never"):
            assert f'value="{notice}"' in text
        assert "charge_back" not in text

    @pytest.mark.parametrize(
        ("first", "then"),
        [
            ("paid", ["charge_back"]),
            ("canceled", ["paid"]),
            ("expired", ["paid"]),
            ("failed", []),
            ("later", ["paid", "failed", "canceled", "expired", "later"]),
        ],
    )
    def test_what_is_left_to_decide(self, world: World, first: str, then: list[str]) -> None:
        browser = world.browser()
        checkout = browser.pay(world.invoice())
        browser.decide(checkout, first)
        text = text_of(browser.get(checkout))
        assert [word for word in ALL if f'name="decision" value="{word}"' in text] == then

    def test_a_button_pressed_twice_decides_once(self, world: World) -> None:
        browser = world.browser()
        checkout = browser.pay(world.invoice())
        token = browser.client.token()
        browser.decide(checkout, "paid")
        late = browser._open(
            checkout.removeprefix(f"https://{cast.HOST}"),
            method="POST",
            data={"decision": "failed", "notice": "never", "csrf_token": token},
            headers={"Referer": f"https://{cast.HOST}/"},
        )
        assert late.status_code == 409 and "already decided" in text_of(late)
        assert [row.status for row in world.bank()] == [BankStatus.PAID]

    @pytest.mark.parametrize(
        "typed",
        [
            {},
            {"decision": "paid", "notice": "sometimes"},
            {"decision": "rich", "notice": "never"},
            {"decision": "", "notice": ""},
            {"decision": "x" * 9999, "notice": "never"},
            {"decision": "pa\0id", "notice": "never"},
        ],
    )
    def test_bad_input_changes_nothing(self, world: World, typed: dict[str, str]) -> None:
        browser = world.browser()
        answer = browser.post(browser.pay(world.invoice()), typed)
        assert answer.status_code == 422
        assert [row.status for row in world.bank()] == [BankStatus.OPEN]

    def test_an_unknown_id_is_404(self, world: World) -> None:
        for path in ("sbp_" + "x" * 22, "sbm_" + "x" * 22, "x", "sbp_" + "x" * 22 + "/returning"):
            assert world.browser().get(f"/sandbox/{path}").status_code == 404

    def test_a_payment_of_another_shop_is_404(self, world: World) -> None:
        path = world.browser().pay(world.invoice()).removeprefix(f"https://{cast.HOST}")
        assert world.browser(host=cast.OTHER_HOST).get(path).status_code == 404

    def test_paid_later_stays_pending_until_it_pays_by_itself(self, world: World) -> None:
        invoice, browser = world.invoice(), world.browser()
        browser.return_to_shop(browser.decide(browser.pay(invoice), "later", "before"))
        assert world.payments() == [S.PENDING]
        with clock.frozen(START + timedelta(seconds=61)):
            world.work()
            world.work()
        assert (world.payments(), world.open_minor(invoice)) == ([S.PAID], 0)
        world.check_books()

    def test_paid_later_can_be_paid_by_the_second_button(self, world: World) -> None:
        browser = world.browser()
        checkout = browser.pay(world.invoice())
        browser.decide(checkout, "later")
        browser.decide(checkout, "paid", "before")
        world.work()
        with clock.frozen(START + timedelta(seconds=61)):
            world.work()
        assert world.payments() == [S.PAID]
        world.check_books()

    def test_a_chargeback_reopens_and_winning_it_settles_again(self, world: World) -> None:
        invoice, browser = world.invoice(), world.browser()
        checkout = browser.pay(invoice)
        for decision, status, left in (
            ("paid", S.PAID, 0),
            ("charge_back", S.REVERSED, 10000),
            ("win_chargeback", S.PAID, 0),
        ):
            browser.decide(checkout, decision, "thrice")
            world.work()
            assert (world.payments(), world.open_minor(invoice)) == ([status], left)
        world.check_books()


ALL = ("paid", "failed", "canceled", "expired", "later", "charge_back", "win_chargeback")


class TestInBetween:
    """The page between bank and shop, which works without scripts."""

    def test_it_waits_until_the_shop_was_told(self, world: World) -> None:
        browser = world.browser()
        address = browser.decide(browser.pay(world.invoice()), "paid", "before")
        page = text_of(browser.get(address))
        assert "Notifying the shop" in page and 'content="1"' in page
        world.work()
        page = text_of(browser.get(address))
        assert f'content="0;url={world.bank()[0].return_url}"' in page

    def test_it_does_not_wait_for_ever(self, world: World) -> None:
        browser = world.browser()
        address = browser.decide(browser.pay(world.invoice()), "paid", "before")
        with clock.frozen(START + timedelta(seconds=8)):
            assert 'content="0;url=' in text_of(browser.get(address))

    def test_nothing_decided_leads_back_to_the_buttons(self, world: World) -> None:
        browser = world.browser()
        checkout = browser.pay(world.invoice())
        assert browser.get(f"{checkout}/returning").headers["Location"] in checkout

    def test_a_bank_at_another_origin_never_redirects_a_form_to_the_shop(self, world: World) -> None:
        """The bank's own content policy would block it, silently."""
        world.app.config["SANDBOX_ORIGIN"] = f"https://{cast.HOST}:8443"
        browser = world.browser()
        checkout = browser.pay(world.invoice())
        assert checkout.startswith(f"https://{cast.HOST}:8443/sandbox/")
        address = browser.decide(checkout, "paid", "never")
        assert address.endswith("/returning")
        page = browser.get(f"https://{cast.HOST}:8443{address}")
        assert f'content="0;url=https://{cast.HOST}/pay/return/' in text_of(page)


class TestApi:
    """The bank's API keeps everybody out who has no key."""

    def call(self, world: World, path: str, *, method: str = "GET", **options: Any) -> TestResponse:
        options.setdefault("host", cast.HOST)
        host = options.pop("host")
        answer: TestResponse = contextvars.Context().run(
            world.app.test_client().open,
            f"/sandbox/api{path}",
            method=method,
            base_url=f"https://{host}",
            **options,
        )
        return answer

    def key(self, world: World, shop_id: int) -> dict[str, str]:
        with world.scope():
            return {"Authorization": f"Bearer {derived_key('sandbox', shop_id)}", "Idempotency-Key": "k"}

    CALLS = (
        ("POST", "/payments"),
        ("GET", "/payments/sbp_x"),
        ("POST", "/payments/sbp_x/cancel"),
        ("POST", "/payments/sbp_x/refunds"),
        ("POST", "/methods"),
        ("GET", "/methods/sbm_x"),
        ("POST", "/methods/sbm_x/revoke"),
    )

    @pytest.mark.parametrize(("method", "path"), CALLS)
    def test_without_the_shops_own_key_there_is_no_answer(self, world: World, method: str, path: str) -> None:
        others = self.key(world, world.ids.other_shop)
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer é"}, others):
            answer = self.call(world, path, method=method, headers=headers, json={})
            assert answer.status_code == 401, headers
        assert world.bank() == []

    @pytest.mark.parametrize(("method", "path"), CALLS)
    def test_in_a_live_shop_it_is_404_even_with_the_key(self, world: World, method: str, path: str) -> None:
        headers = self.key(world, world.ids.shop)
        world.change_shop(mode=Mode.LIVE)
        assert self.call(world, path, method=method, headers=headers, json={}).status_code == 404

    GOOD = {
        "amount": {"minor": 100, "currency": "EUR"},
        "description": "x",
        "reference": "r",
        "return_url": "https://shop.example.test/",
        "webhook_url": "https://shop.example.test/",
        "method": "ideal",
        "locale": "en",
        "mandate": None,
    }

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": None},
            {"amount": {"minor": 0, "currency": "EUR"}},
            {"amount": {"minor": -5, "currency": "EUR"}},
            {"amount": {"minor": 1.5, "currency": "EUR"}},
            {"amount": {"minor": True, "currency": "EUR"}},
            {"amount": {"minor": 10**13, "currency": "EUR"}},
            {"amount": {"minor": 100, "currency": "XXY"}},
            {"amount": {"minor": 100, "currency": "EURO"}},
            {"method": "gold"},
            {"reference": "x" * 65},
            {"reference": "a\0b"},
            {"return_url": "javascript:alert(1)"},
            {"return_url": "/relative"},
            {"webhook_url": 3},
            {"mandate": "sbm_" + "x" * 22},
            {"mandate": 5},
        ],
    )
    def test_a_wrong_order_is_refused_and_nothing_is_written(
        self, world: World, change: dict[str, Any]
    ) -> None:
        headers = self.key(world, world.ids.shop)
        answer = self.call(world, "/payments", method="POST", headers=headers, json={**self.GOOD, **change})
        assert answer.status_code in (404, 422)
        assert world.bank() == []

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"a": ' * 2000, b"{}" + b" " * 20000])
    def test_a_body_that_is_no_order(self, world: World, body: bytes) -> None:
        headers = self.key(world, world.ids.shop)
        assert self.call(world, "/payments", method="POST", headers=headers, data=body).status_code == 422

    @pytest.mark.parametrize("key", ["", "x" * 101, "a b", "é"])
    def test_a_key_that_is_none(self, world: World, key: str) -> None:
        headers = {**self.key(world, world.ids.shop), "Idempotency-Key": key}
        answer = self.call(world, "/payments", method="POST", headers=headers, json=self.GOOD)
        assert answer.status_code == 422

    def test_a_good_order_is_taken_once(self, world: World) -> None:
        headers = self.key(world, world.ids.shop)
        ids = {
            self.call(world, "/payments", method="POST", headers=headers, json=self.GOOD).get_json()["id"]
            for _ in range(3)
        }
        assert len(ids) == 1 and len(world.bank()) == 1


class TestLive:
    """A live shop has no sandbox anywhere."""

    def test_every_address_is_404(self, world: World) -> None:
        browser = world.browser()
        checkout = browser.pay(world.invoice()).removeprefix(f"https://{cast.HOST}")
        token = browser.client.token()
        world.change_shop(mode=Mode.LIVE)
        rules = [rule for rule in world.app.url_map.iter_rules() if rule.endpoint.startswith("sandbox.")]
        assert len(rules) > 8
        for rule in rules:
            values = {
                name: "1" if name == "number" else checkout.rpartition("/")[2] for name in rule.arguments
            }
            with world.app.test_request_context():
                path = world.app.url_for(rule.endpoint, _external=False, **values)
            for method in (rule.methods or set()) & {"GET", "POST"}:
                answer = browser._open(
                    path,
                    method=method,
                    data={"csrf_token": token} if method == "POST" else None,
                    headers={"Referer": f"https://{cast.HOST}/"},
                )
                assert answer.status_code == 404, (rule, method)
        assert browser._open("/sandbox").status_code == 404

    def test_it_is_not_offered(self, world: World) -> None:
        world.change_shop(mode=Mode.LIVE)
        with world.scope():
            shop = db.session.get_one(Shop, world.ids.shop)
            assert list(registry.offered(shop)) == ["manual"]
            assert registry.offering(shop, Method.IDEAL) is None
            with pytest.raises(Exception, match="sandbox"):
                registry.provider_for(shop, "sandbox")


class TestBook:
    """The bank's book is for the person at this very machine."""

    def open(self, world: World, host: str, peer: str, scheme: str = "http") -> int:
        answer: TestResponse = contextvars.Context().run(
            world.app.test_client().open,
            "/sandbox/",
            base_url=f"{scheme}://{host}",
            environ_overrides={"REMOTE_ADDR": peer},
        )
        return answer.status_code

    def test_only_loopback_may_read_it(self, world: World) -> None:
        with world.scope():
            from portal.domain.shops.models import ShopDomain

            db.session.add(ShopDomain(shop_id=world.ids.shop, host="127.0.0.1", scheme="http"))
            db.session.commit()
        world.browser().pay(world.invoice())
        assert self.open(world, "127.0.0.1:8000", "127.0.0.1") == 200
        assert self.open(world, "127.0.0.1:8000", "192.0.2.7") == 404
        assert self.open(world, cast.HOST, "127.0.0.1", "https") == 404


class TestMandate:
    """Saving a way to pay at the bank."""

    def begin(self, world: World) -> tuple[PaymentProvider, str]:
        with world.scope():
            provider = registry.provider_for(db.session.get_one(Shop, world.ids.shop), "sandbox")
        begun = provider.begin_method(
            MethodRequest(
                kind=Method.SEPA,
                customer_key="emma",
                customer_ref=None,
                holder="Emma de Vries",
                email="emma@example.com",
                reference="m",
                return_url=f"https://{cast.HOST}/",
                webhook_url=f"https://{cast.HOST}/hooks/sandbox",
                idempotency_key="m",
                locale="en",
            )
        )
        return provider, str(begun.checkout_url)

    def test_it_is_signed_with_account_holder_and_consent(self, world: World) -> None:
        provider, checkout = self.begin(world)
        browser = world.browser()
        assert "Emma de Vries" in text_of(browser.get(checkout))
        typed = {"holder": "E. de Vries", "iban": "NL91 ABNA 0417 1643 00", "consent": "y"}
        answer = browser.post(checkout, typed)
        assert answer.status_code == 303 and answer.headers["Location"].endswith("/returning")
        world.work()
        saved = provider.fetch(checkout.rpartition("/")[2]).saved
        assert saved is not None and saved.valid and saved.masked == "NL91 •••• 4300"
        with world.scope():
            assert "ABNA" not in db.session.query(SandboxMethod).one().masked

    @pytest.mark.parametrize(
        "typed",
        [
            {"holder": "", "iban": "NL91ABNA0417164300", "consent": "y"},
            {"holder": "E", "iban": "NL92ABNA0417164300", "consent": "y"},
            {"holder": "E", "iban": "nonsense", "consent": "y"},
            {"holder": "E", "iban": "NL91ABNA0417164300"},
            {"holder": "E" * 71, "iban": "NL91ABNA0417164300", "consent": "y"},
            {"holder": "E\0", "iban": "NL91ABNA0417164300", "consent": "y"},
        ],
    )
    def test_bad_input_signs_nothing(self, world: World, typed: dict[str, str]) -> None:
        _, checkout = self.begin(world)
        assert world.browser().post(checkout, typed).status_code == 422
        with world.scope():
            assert db.session.query(SandboxMethod).one().status is MandateStatus.PENDING

    def test_it_can_be_refused_and_then_stays_so(self, world: World) -> None:
        provider, checkout = self.begin(world)
        browser = world.browser()
        token = browser.client.token()
        assert browser.post(checkout, {"decision": "refuse"}).status_code == 303
        late = browser._open(
            checkout.removeprefix(f"https://{cast.HOST}"),
            method="POST",
            data={"holder": "E", "iban": "NL91ABNA0417164300", "consent": "y", "csrf_token": token},
            headers={"Referer": f"https://{cast.HOST}/"},
        )
        assert late.status_code == 409
        assert provider.fetch(checkout.rpartition("/")[2]).status.value == "failed"


def test_the_books_agree_after_a_busy_day(world: World) -> None:
    """Everything at once: ends, restarts, late successes, chargebacks, repeats; then bank against portal."""
    browser = world.browser()
    for number, (first, second) in enumerate(
        [("paid", ""), ("failed", "paid"), ("canceled", "paid"), ("expired", "paid"), ("later", "paid")]
    ):
        invoice = world.invoice(1000 + number)
        checkout = browser.pay(invoice)
        browser.return_to_shop(browser.decide(checkout, first, "thrice"))
        if first in ("failed", "canceled", "expired"):
            again = browser.pay(invoice, "card")
            browser.return_to_shop(browser.decide(again, second, "before"))
        if first in ("canceled", "expired", "later"):
            browser.decide(checkout, "paid", "thrice")
    reversed_one = world.invoice(5000)
    checkout = browser.pay(reversed_one)
    browser.decide(checkout, "paid", "before")
    world.work()
    browser.decide(checkout, "charge_back", "before")
    for minutes in range(3):
        with clock.frozen(START + timedelta(minutes=minutes)):
            world.work()
    world.check_books()
    assert world.open_minor(reversed_one) == 5000
    assert world.credit() == 1002 + 1003
    with world.scope():
        assert db.session.query(SandboxPayment).filter_by(status=BankStatus.CHARGED_BACK).count() == 1
    assert Money(world.booked(), "EUR") == Money(1000 + 1001 + 1002 + 1003 + 1004, "EUR")
