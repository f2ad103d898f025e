"""Saving a mandate or a card through the test bank, whatever becomes of the webhook, the return and the clicks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from portal.blueprints.sandbox.models import MandateStatus, SandboxMethod
from portal.core import clock, outbox, schedule
from portal.core.audit import Actor, AuditEntry
from portal.core.errors import ProviderError
from portal.core.money import Money
from portal.core.tables import Base
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments import saving, saving_jobs
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.payments.provider import (
    Method,
    ProviderPayment,
    ProviderStatus,
    SavedMethod,
    SavedRef,
)
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode
from portal.extensions import db
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests.page_client import PageClient
from tests.payments_world import START, Browser, World, text_of
from tests.rows import make_charge, make_method

LIST = "/customer/payment-methods"
NEW = f"{LIST}/new"
IBAN = {"holder": "E. de Vries", "iban": "NL91 ABNA 0417 1643 00", "consent": "y"}
CARD = {"holder": "E. de Vries", "card": "visa", "consent": "y"}
Login = Callable[..., PageClient]


@pytest.fixture
def emma(world: World, login: Login) -> Browser:
    return world.browser(login("emma", now=clock.now()))


def account_of(world: World, who: str = "emma_account") -> str:
    with world.scope():
        return db.session.get_one(Customer, getattr(world.ids, who)).public_id


def begin(world: World, emma: Browser, kind: str = "sepa") -> str:
    """Presses the button; the address of the bank's page."""
    answer = emma.post(NEW, {"kind": kind, "account": account_of(world)})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.location)


def decide(emma: Browser, page: str, typed: dict[str, str], notice: str = "never") -> Any:
    return emma.post(page, {**typed, "notice": notice})


def way_back(emma: Browser, page: str, typed: dict[str, str], notice: str = "never") -> Any:
    """Agrees, or does not, and goes back to the shop as the bank leads; the page one ends at."""
    answer = decide(emma, page, typed, notice)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    back = emma.return_to_shop(str(answer.location))
    assert back.status_code == 303
    return emma.get(back.location)


def methods(world: World) -> list[PaymentMethod]:
    with world.scope():
        rows = list(db.session.query(PaymentMethod).order_by(PaymentMethod.id))
        db.session.expunge_all()
        return rows


def at_bank(world: World) -> list[MandateStatus]:
    with world.scope():
        return [row.status for row in db.session.query(SandboxMethod).order_by(SandboxMethod.id)]


def events(world: World) -> list[str]:
    with world.scope():
        return [
            row.event
            for row in db.session.query(AuditEntry).order_by(AuditEntry.id)
            if row.event.startswith("method.")
        ]


def away(world: World) -> None:
    """The bank does not answer any more."""

    def nobody(request: HttpRequest) -> HttpResponse:
        raise ConnectionError

    world.app.config["SANDBOX_TRANSPORT"] = nobody


def back_again(world: World) -> None:
    world.app.config.pop("SANDBOX_TRANSPORT")


class TestTheWay:
    def test_a_mandate(self, world: World, emma: Browser) -> None:
        assert "By signing this mandate you allow De Halve Maan VOF" in text_of(emma.get(NEW))
        page = begin(world, emma)
        (method,) = methods(world)
        assert (method.status, method.signed_on, method.is_default) == (MethodStatus.PENDING, None, False)
        seen = way_back(emma, page, IBAN)
        assert "It is saved" in text_of(seen) and "NL91 •••• 4300" in text_of(seen)
        (method,) = methods(world)
        assert method.status is MethodStatus.VALID and method.is_default
        assert (method.holder, method.signed_on) == ("E. de Vries", START.date())
        assert method.reference == f"M{world.ids.emma_account:05}-{method.id:05}"
        assert method.mandate_text.startswith("By signing this mandate you allow De Halve Maan VOF")
        assert events(world) == ["method.begun", "method.valid"]

    def test_a_card(self, world: World, emma: Browser) -> None:
        page = begin(world, emma, "card")
        assert "Never type a real number" in text_of(emma.get(page))
        assert "Visa •••• 4242" in text_of(way_back(emma, page, CARD))
        (method,) = methods(world)
        assert (method.kind, method.reference, method.mandate_text) == (MethodKind.CARD, None, "")
        assert method.expires_on is not None and method.expires_on.year == START.year + 3

    def test_the_whole_number_is_kept_nowhere(self, world: World, emma: Browser) -> None:
        way_back(emma, begin(world, emma), {**IBAN, "iban": "NL20 INGB 0001 2345 67"})
        world.work()
        assert methods(world)[0].fingerprint
        with world.app.app_context(), db.engine.connect() as connection:
            for table in Base.metadata.sorted_tables:
                for row in connection.execute(sa.select(table)):
                    assert "0001234567" not in str(row), table.name

    def test_what_was_saved_pays_an_invoice(self, world: World, emma: Browser) -> None:
        way_back(emma, begin(world, emma, "card"), CARD)
        invoice, (method,) = world.invoice(), methods(world)
        page = f"/customer/invoices/{invoice.public_id}"
        answer = emma.post(page, {"method": f"saved:{method.public_id}"}, to=f"{page}/pay")
        assert answer.status_code == 303 and world.payments() == [PaymentStatus.PENDING]

    def test_in_dutch_it_is_dutch_that_is_agreed_to(self, world: World, emma: Browser) -> None:
        emma.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "nl"
        begin(world, emma)
        assert methods(world)[0].mandate_text.startswith("Door deze machtiging te ondertekenen")

    @pytest.mark.parametrize(
        ("typed", "notice"),
        list(product((IBAN, {"decision": "refuse"}), ("before", "after", "thrice", "never"))),
    )
    def test_the_end_is_right_whenever_the_bank_tells(
        self, world: World, emma: Browser, typed: dict[str, str], notice: str
    ) -> None:
        way_back(emma, begin(world, emma), typed, notice)
        with clock.frozen(START + timedelta(seconds=30)):
            world.work()
        agreed = typed is IBAN
        (method,) = methods(world)
        assert method.status is (MethodStatus.VALID if agreed else MethodStatus.INVALID)
        assert events(world) == ["method.begun", f"method.{method.status.value}"]

    def test_who_never_comes_back_is_known_by_the_webhook(self, world: World, emma: Browser) -> None:
        decide(emma, begin(world, emma), IBAN, "before")
        world.work()
        assert [method.status for method in methods(world)] == [MethodStatus.VALID]

    def test_without_webhook_and_return_the_bank_is_asked(self, world: World, emma: Browser) -> None:
        decide(emma, begin(world, emma), IBAN, "never")
        for minutes, status in ((5, MethodStatus.PENDING), (11, MethodStatus.VALID)):
            run(world, timedelta(minutes=minutes))
            assert [method.status for method in methods(world)] == [status]

    def test_what_nobody_agrees_to_is_given_up_on_both_sides(self, world: World, emma: Browser) -> None:
        late = emma.aim(begin(world, emma), {**IBAN, "notice": "never"})
        run(world, timedelta(hours=23))
        assert [method.status for method in methods(world)] == [MethodStatus.PENDING]
        run(world, timedelta(hours=25))
        assert [method.status for method in methods(world)] == [MethodStatus.INVALID]
        assert at_bank(world) == [MandateStatus.REVOKED]
        assert late().status_code == 409

    def test_undecided_at_the_return_one_may_go_on(self, world: World, emma: Browser) -> None:
        page = begin(world, emma)
        (method,) = methods(world)
        place = f"{LIST}/{method.public_id}"
        seen = emma.get(emma.get(f"{place}/return").location)
        assert "has not confirmed this yet" in text_of(seen)
        assert emma.post(place, {}, to=f"{place}/continue").location == page

    def test_one_may_stop(self, world: World, emma: Browser) -> None:
        begin(world, emma)
        place = f"{LIST}/{methods(world)[0].public_id}"
        assert "You stopped" in text_of(emma.get(emma.post(place, {}, to=f"{place}/stop").location))
        world.work()
        assert [method.status for method in methods(world)] == [MethodStatus.INVALID]
        assert at_bank(world) == [MandateStatus.REVOKED]

    def test_who_stops_after_the_bank_confirmed_keeps_it(self, world: World, emma: Browser) -> None:
        page = begin(world, emma)
        place = f"{LIST}/{methods(world)[0].public_id}"
        click = emma.aim(place, {}, to=f"{place}/stop")
        decide(emma, page, IBAN, "before")
        world.work()
        assert "so it was saved" in text_of(emma.get(click().location))
        assert [method.status for method in methods(world)] == [MethodStatus.VALID]

    def test_agreed_at_the_last_moment_it_is_taken_back_there(self, world: World, emma: Browser) -> None:
        """Given up here while the customer agreed at the bank: nothing may stay valid that nobody knows of."""
        page = begin(world, emma)
        place = f"{LIST}/{methods(world)[0].public_id}"
        click = emma.aim(place, {}, to=f"{place}/stop")
        decide(emma, page, IBAN, "never")
        click()
        world.work()
        assert [method.status for method in methods(world)] == [MethodStatus.INVALID]
        assert at_bank(world) == [MandateStatus.REVOKED]

    def test_stopped_while_the_bank_was_asked_it_is_ended_there(
        self, world: World, emma: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In another window, between the two transactions: nobody may agree to what is over here."""
        other = emma.aim(NEW, {"kind": "sepa", "account": account_of(world)})
        record = saving._record

        def stopped(method_id: int, *args: Any, **options: Any) -> Any:
            with monkeypatch.context() as before:
                before.setattr(saving, "_record", record)
                saving.give_up(
                    db.session.get_one(PaymentMethod, method_id),
                    reason="stopped",
                    actor=Actor.system(),
                    now=START,
                )
                db.session.flush()
            return record(method_id, *args, **options)

        monkeypatch.setattr(saving, "_record", stopped)
        answer = other()
        assert answer.status_code == 409 and "was stopped elsewhere" in text_of(answer)
        world.work()
        assert [method.status for method in methods(world)] == [MethodStatus.INVALID]
        assert at_bank(world) == [MandateStatus.REVOKED]

    def test_ended_at_the_bank_it_can_no_longer_be_charged(self, world: World, emma: Browser) -> None:
        page = begin(world, emma)
        way_back(emma, page, IBAN)
        decide(emma, page, {"decision": "end"}, "before")
        world.work()
        (method,) = methods(world)
        assert method.status is MethodStatus.INVALID and not method.is_default
        assert "can no longer be charged" in text_of(emma.get(f"{LIST}/{method.public_id}"))


class TestTwice:
    def test_a_second_click_lands_on_the_same_page(self, world: World, emma: Browser) -> None:
        assert begin(world, emma) == begin(world, emma)
        assert len(methods(world)) == len(at_bank(world)) == 1
        assert begin(world, emma, "card") != begin(world, emma)

    def test_two_clicks_at_once_are_one(self, world: World, login: Login) -> None:
        clicks = []
        for _ in range(2):
            browser = world.browser(login("emma", now=clock.now()))
            clicks.append(browser.aim(NEW, {"kind": "sepa", "account": account_of(world)}))
        pages: list[Any] = []
        threads = [threading.Thread(target=lambda click=click: pages.append(click())) for click in clicks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [page.status_code for page in pages] == [303, 303]
        assert len({page.location for page in pages}) == 1
        assert len(methods(world)) == len(at_bank(world)) == 1

    @pytest.mark.parametrize(("kind", "typed"), [("sepa", IBAN), ("card", CARD)])
    def test_the_same_number_is_valid_once(
        self, world: World, emma: Browser, kind: str, typed: dict[str, str]
    ) -> None:
        way_back(emma, begin(world, emma, kind), typed)
        seen = way_back(emma, begin(world, emma, kind), typed)
        assert "saved before already" in text_of(seen)
        world.work()
        assert [method.status for method in methods(world)] == [MethodStatus.VALID, MethodStatus.INVALID]
        assert at_bank(world) == [MandateStatus.VALID, MandateStatus.REVOKED]

    def test_another_number_and_another_account_are_no_twins(
        self, world: World, emma: Browser, login: Login
    ) -> None:
        way_back(emma, begin(world, emma), IBAN)
        way_back(emma, begin(world, emma), {**IBAN, "iban": "NL20INGB0001234567"})
        jan = world.browser(login("jan", now=clock.now()))
        answer = jan.post(NEW, {"kind": "sepa", "account": account_of(world, "jan_account")})
        way_back(jan, str(answer.location), IBAN)
        assert [method.status for method in methods(world)] == [MethodStatus.VALID] * 3
        assert [method.is_default for method in methods(world)] == [True, False, True]

    def test_after_it_was_revoked_it_can_be_saved_again(self, world: World, emma: Browser) -> None:
        way_back(emma, begin(world, emma), IBAN)
        place = f"{LIST}/{methods(world)[0].public_id}/revoke"
        assert emma.post(place, {"successor": "none"}).status_code == 303
        world.work()
        way_back(emma, begin(world, emma), IBAN)
        assert [method.status for method in methods(world)] == [MethodStatus.REVOKED, MethodStatus.VALID]
        assert at_bank(world) == [MandateStatus.REVOKED, MandateStatus.VALID]

    def test_too_often_is_refused(self, world: World, emma: Browser) -> None:
        for _ in range(saving.TRIES_AN_HOUR):
            begin(world, emma)
            place = f"{LIST}/{methods(world)[-1].public_id}"
            emma.post(place, {}, to=f"{place}/stop")
        answer = emma.post(NEW, {"kind": "sepa", "account": account_of(world)})
        assert answer.status_code == 422 and "tried very often" in text_of(answer)


class TestTheBankIsAway:
    def test_nothing_is_saved_and_the_next_click_goes_on(self, world: World, emma: Browser) -> None:
        away(world)
        answer = emma.post(NEW, {"kind": "sepa", "account": account_of(world)})
        assert answer.status_code == 422 and "cannot be reached" in text_of(answer)
        back_again(world)
        begin(world, emma)
        assert [method.status for method in methods(world)] == [MethodStatus.PENDING]

    def test_a_return_without_the_bank_waits(self, world: World, emma: Browser) -> None:
        decide(emma, begin(world, emma), IBAN)
        away(world)
        place = f"{LIST}/{methods(world)[0].public_id}"
        assert "has not confirmed" in text_of(emma.get(emma.get(f"{place}/return").location))
        back_again(world)
        run(world, timedelta(minutes=15))
        assert [method.status for method in methods(world)] == [MethodStatus.VALID]

    def test_revoking_is_told_when_it_is_back(self, world: World, emma: Browser) -> None:
        way_back(emma, begin(world, emma), IBAN)
        (method,) = methods(world)
        away(world)
        assert emma.post(f"{LIST}/{method.public_id}/revoke", {"successor": "none"}).status_code == 303
        world.work()
        assert methods(world)[0].status is MethodStatus.REVOKED and at_bank(world) == [MandateStatus.VALID]
        back_again(world)
        with clock.frozen(START + timedelta(minutes=2)):
            world.work()
        assert at_bank(world) == [MandateStatus.REVOKED]

    def test_it_is_told_after_a_charge_that_is_on_its_way(self, world: World, emma: Browser) -> None:
        """The charge was promised before: were the mandate ended first, the bank would refuse it without a word."""
        way_back(emma, begin(world, emma), IBAN)
        (method,) = methods(world)
        with world.scope():
            unsent = make_charge(
                world.ids.emma_account, method.id, PaymentStatus.CREATED, provider_ref=None, created_at=START
            )
            db.session.commit()
            unsent_id = unsent.id
        emma.post(f"{LIST}/{method.public_id}/revoke", {"successor": "none"})
        world.work()
        assert at_bank(world) == [MandateStatus.VALID]
        with world.scope():
            db.session.get_one(Payment, unsent_id).provider_ref = "sbp_sent"
            db.session.commit()
        with clock.frozen(START + timedelta(minutes=5)):
            world.work()
        assert at_bank(world) == [MandateStatus.REVOKED]

    def test_a_refusal_ends_it(self, world: World, emma: Browser) -> None:
        world.app.config["SANDBOX_TRANSPORT"] = lambda request: HttpResponse(422, b"{}")
        answer = emma.post(NEW, {"kind": "sepa", "account": account_of(world)})
        assert answer.status_code == 422 and "refused this" in text_of(answer)
        assert [method.status for method in methods(world)] == [MethodStatus.INVALID]


class TestForm:
    @pytest.mark.parametrize("kind", ["", "paypal", "SEPA", "x" * 5000, "\0"])
    def test_only_what_is_offered(self, world: World, emma: Browser, kind: str) -> None:
        answer = emma.post(NEW, {"kind": kind, "account": account_of(world)})
        assert answer.status_code == 422 and methods(world) == []

    def test_the_account_that_was_looked_at(self, world: World, emma: Browser) -> None:
        answer = emma.post(NEW, {"kind": "sepa", "account": account_of(world, "jan_account")})
        assert answer.status_code == 409 and methods(world) == []

    def test_a_live_shop_has_no_test_bank(self, world: World, emma: Browser) -> None:
        click = emma.aim(NEW, {"kind": "sepa", "account": account_of(world)})
        world.change_shop(mode=Mode.LIVE)
        assert "Nothing can be saved here" in text_of(emma.get(NEW))
        answer = click()
        assert answer.status_code == 422 and "cannot be saved here" in text_of(answer)
        assert methods(world) == []


def answer_of(
    method: PaymentMethod, status: ProviderStatus, *, valid: bool, reference: str | None = None
) -> ProviderPayment:
    ref = str(method.provider_ref)
    return ProviderPayment(
        provider_ref=ref,
        status=status,
        amount=Money(0, "EUR"),
        reference=reference or method.public_id,
        saved=SavedMethod(
            ref=SavedRef("c", ref), kind=Method.SEPA, valid=valid, masked="NL91 •••• 4300", holder="E"
        ),
    )


@pytest.mark.parametrize(("before", "said"), list(product(MethodStatus, ProviderStatus)))
def test_every_report_in_every_status(world: World, before: MethodStatus, said: ProviderStatus) -> None:
    """What the provider may say, wherever the method is: a report that is late or repeated never revives anything."""
    over = (ProviderStatus.FAILED, ProviderStatus.CANCELLED, ProviderStatus.EXPIRED)
    expected = before
    if before is MethodStatus.PENDING and said is ProviderStatus.PAID:
        expected = MethodStatus.VALID
    if before in (MethodStatus.PENDING, MethodStatus.VALID) and said in over:
        expected = MethodStatus.INVALID
    with world.scope():
        method = make_method(world.ids.emma_account, status=before)
        for _ in range(2):
            saving.apply(
                method.id,
                answer_of(method, said, valid=said is ProviderStatus.PAID),
                actor=Actor.provider("sandbox"),
                now=START,
            )
        assert method.status is expected
        changes = db.session.query(AuditEntry).filter(AuditEntry.subject_type == "payment_methods").count()
        assert changes == (1 if expected is not before else 0)


def test_an_answer_about_another_method_changes_nothing(world: World) -> None:
    with world.scope():
        method = make_method(world.ids.emma_account, status=MethodStatus.PENDING)
        answer = answer_of(method, ProviderStatus.PAID, valid=True, reference="another")
        saving.apply(method.id, answer, actor=Actor.provider("sandbox"), now=START)
        assert method.status is MethodStatus.PENDING


def test_a_provider_that_answers_nonsense_is_not_believed() -> None:
    for values in ({"masked": "x" * 41}, {"holder": "x" * 201}, {"fingerprint": "x" * 65}, {"masked": "a\0"}):
        with pytest.raises(ProviderError):
            SavedMethod(
                **{
                    "ref": SavedRef("c", "m"),
                    "kind": Method.SEPA,
                    "valid": True,
                    "masked": "",
                    "holder": "",
                    **values,
                }
            )


def run(world: World, later: timedelta) -> None:
    """The clock goes by, and what is due is done."""
    with clock.frozen(START + later):
        with world.scope():
            saving_jobs.ask_pending(now=clock.now())
            db.session.commit()
        world.work()
        world.work()


def test_the_run_by_the_clock_is_registered() -> None:
    assert "payments.ask_methods" in {each.name for each in schedule.registered()}
    assert outbox.handler_of(saving.END) is not None
