"""Several documents in one payment, and credit with it: through the test bank, whatever happens on the way."""

from __future__ import annotations

import contextvars
import threading
from datetime import timedelta
from functools import partial

import pytest

from portal.core import clock, database
from portal.core.audit import Actor
from portal.core.errors import Conflict, DomainError
from portal.core.mailer import MailMessage
from portal.domain.invoices.balance import find_imbalances
from portal.domain.invoices.booking import Share
from portal.domain.invoices.models import CreditEntry, CreditUse, Document, DocumentKind
from portal.domain.payments import actions, choices, queries, starting
from portal.domain.payments.actions import Wish
from portal.domain.payments.models import Payment, PaymentMethodKind, PaymentStatus
from portal.domain.people.models import Customer
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from portal.providers.sandbox import client
from portal.providers.sandbox.client import HttpRequest, HttpResponse
from tests import cast
from tests.payments_world import START, Invoice, World


def give_credit(world: World, amount_minor: int, **options: object) -> None:
    """Credit that fell from the sky."""
    with world.scope():
        entry = {
            "mode": Mode.TEST,
            "customer_id": world.ids.emma_account,
            "currency": "EUR",
            "use": CreditUse.OVERPAID,
            "created_at": START,
            **options,
        }
        db.session.add(CreditEntry(amount_minor=amount_minor, **entry))
        db.session.commit()


def documents(invoices: tuple[Invoice, ...]) -> list[Document]:
    return [db.session.get_one(Document, invoice.id) for invoice in invoices]


def start(world: World, *invoices: Invoice, way: str = "ideal", credit_minor: int = 0) -> starting.Outcome:
    """Presses Pay for several as a signed-in customer would, without a browser."""

    def go() -> starting.Outcome:
        with world.scope():
            wish = choices.wish_for_all(documents(invoices), way, locale="en", credit_minor=credit_minor)
            return starting.start_payment(
                world.ids.shop,
                wish,
                actor=Actor.visitor(),
                now=clock.now(),
                transaction=partial(database.writing, db.session),
            )

    return contextvars.Context().run(go)


def use_credit(world: World, *invoices: Invoice, credit_minor: int) -> None:
    def go() -> None:
        with world.scope():
            wish = choices.wish_for_credit(documents(invoices), credit_minor)
            starting.pay_with_credit(
                world.ids.shop,
                wish,
                actor=Actor.visitor(),
                now=clock.now(),
                transaction=partial(database.writing, db.session),
            )

    contextvars.Context().run(go)


def cancel(world: World, payment_id: int) -> None:
    """Presses "Start again"."""
    with world.scope():
        starting.cancel_attempt(
            payment_id,
            actor=Actor.visitor(),
            now=clock.now(),
            transaction=partial(database.writing, db.session),
        )


def away(request: HttpRequest) -> HttpResponse:
    raise ConnectionRefusedError("nobody is there")


def mails(world: World, name: str) -> list[tuple[str, int]]:
    """The numbers and what is still open, of the mails of a name."""
    with world.scope():
        found = db.session.query(MailMessage).filter_by(name=name).order_by(MailMessage.id)
        return [(mail.context["numbers"], mail.context["open_minor"]) for mail in found]


def fee(world: World, amount_minor: int) -> Invoice:
    with world.scope():
        document = cast.make_invoice(
            world.ids.emma_account,
            amount_minor=amount_minor,
            kind=DocumentKind.COLLECTION_FEE,
            now=clock.now(),
        )
        db.session.commit()
        return Invoice(document.id, document.public_id, "")


def test_one_payment_pays_them_all_in_paying_order(world: World) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    costs = fee(world, 4000)
    outcome = start(world, first, second, costs)
    (row,) = world.bank()
    assert row.amount_minor == 19000
    with world.scope():
        shares = queries.shares_of(outcome.payment_id)
        assert shares == [Share(costs.id, 4000), Share(first.id, 10000), Share(second.id, 5000)]
    world.browser().decide(str(outcome.checkout_url), "paid", "before")
    world.work()
    assert [world.open_minor(each) for each in (first, second, costs)] == [0, 0, 0]
    assert mails(world, "payment_confirmation") == [("2026-0001, 2026-0002, F2026-0001", 0)]
    world.check_books()


@pytest.mark.parametrize("decision", ["failed", "canceled", "expired"])
def test_what_came_to_nothing_leaves_all_of_them_to_be_paid(world: World, decision: str) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    outcome = start(world, first, second)
    world.browser().decide(str(outcome.checkout_url), decision, "before")
    world.work()
    assert (world.open_minor(first), world.open_minor(second)) == (10000, 5000)
    assert start(world, second).status is PaymentStatus.OPEN


def test_part_of_it_settled_meanwhile_makes_credit_of_the_excess(world: World) -> None:
    """Paid by the link of one of them, which was opened before."""
    first, second = world.invoice(10000), world.invoice(5000)
    outcome = start(world, first, second)
    with world.scope():
        # As a bank transfer that the shop enters.
        payment = Payment(
            mode=Mode.TEST, customer_id=world.ids.emma_account, provider="manual", provider_ref="t1",
            method=PaymentMethodKind.TRANSFER, currency="EUR", amount_minor=10000, received_minor=10000,
            idempotency_key="t1", status=PaymentStatus.PENDING, created_at=START,
        )  # fmt: skip
        db.session.add(payment)
        db.session.flush()
        actions.booking.plan(payment.id, [Share(first.id, 10000)])
        actions.move(payment, actions.Move.PAY, source="staff", actor=Actor.system(), now=START)
        db.session.commit()
    world.browser().decide(str(outcome.checkout_url), "paid", "before")
    world.work()
    assert (world.open_minor(first), world.open_minor(second), world.credit()) == (0, 0, 10000)


def test_credit_goes_first_and_the_bank_gets_the_rest(world: World) -> None:
    give_credit(world, 7000)
    first, costs = world.invoice(10000), fee(world, 4000)
    outcome = start(world, first, costs, credit_minor=7000)
    (row,) = world.bank()
    assert row.amount_minor == 7000 and world.credit() == 0
    assert (world.open_minor(costs), world.open_minor(first)) == (0, 7000)
    world.browser().decide(str(outcome.checkout_url), "paid", "before")
    world.work()
    assert (world.open_minor(first), world.credit()) == (0, 0)
    assert mails(world, "credit_used") == [("2026-0001, F2026-0001", 7000)]
    assert mails(world, "payment_confirmation") == [("2026-0001", 0)]


def test_credit_that_covers_everything_asks_no_bank(world: World) -> None:
    give_credit(world, 20000)
    first, second = world.invoice(10000), world.invoice(5000)
    use_credit(world, first, second, credit_minor=15000)
    assert (world.open_minor(first), world.open_minor(second), world.credit()) == (0, 0, 5000)
    assert world.bank() == [] and world.payments() == []
    assert mails(world, "credit_used") == [("2026-0001, 2026-0002", 0)]
    with pytest.raises(DomainError, match="Nothing is left"):
        use_credit(world, first, second, credit_minor=5000)
    assert world.credit() == 5000


def test_credit_stays_used_when_the_payment_failed(world: World) -> None:
    give_credit(world, 3000)
    invoice = world.invoice(10000)
    outcome = start(world, invoice, credit_minor=3000)
    world.browser().decide(str(outcome.checkout_url), "failed", "before")
    world.work()
    assert (world.open_minor(invoice), world.credit()) == (7000, 0)


def test_the_same_click_again_spends_nothing_more(world: World) -> None:
    give_credit(world, 7000)
    invoice = world.invoice(10000)
    first = start(world, invoice, credit_minor=3000)
    assert start(world, invoice, credit_minor=3000) == first
    assert start(world, invoice) == first
    assert world.credit() == 4000 and len(world.bank()) == 1
    with pytest.raises(Conflict):
        start(world, invoice, credit_minor=4000)
    assert world.credit() == 4000


def test_clicks_at_once_spend_credit_once(world: World) -> None:
    give_credit(world, 6000)
    invoices = world.invoice(10000), world.invoice(5000)
    gate, ends = threading.Barrier(4), []

    def click() -> None:
        gate.wait()
        try:
            ends.append(start(world, *invoices, credit_minor=3000).checkout_url)
        except Exception as error:
            ends.append(error)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ends)) == 1 and isinstance(ends[0], str), ends
    assert world.credit() == 3000 and len(world.bank()) == 1


def test_an_attempt_on_a_part_is_not_taken_for_one_with_credit(world: World) -> None:
    """It is about the same money at the bank, and nothing was spent with it."""
    world.change_shop(allow_part_payment=True)
    give_credit(world, 3000)
    invoice = world.invoice(10000)
    with world.scope():
        document = db.session.get_one(Document, invoice.id)
        wish = choices.wish_for(document, "ideal", locale="en", via_link=False, amount_minor=7000)
        starting.start_payment(
            world.ids.shop, wish, actor=Actor.visitor(), now=START,
            transaction=partial(database.writing, db.session),
        )  # fmt: skip
    with pytest.raises(Conflict):
        start(world, invoice, credit_minor=3000)
    assert world.credit() == 3000


@pytest.mark.parametrize("why", ["started", "under way"])
def test_credit_waits_for_a_payment_that_was_begun(world: World, why: str) -> None:
    give_credit(world, 10000)
    first, second, mandate = world.invoice(10000), world.invoice(5000), world.mandate()
    start(world, first, way=f"saved:{mandate}" if why == "under way" else "card")
    with pytest.raises(Conflict):
        use_credit(world, second, first, credit_minor=10000)
    with pytest.raises(Conflict):
        start(world, second, first, credit_minor=10000)
    assert world.credit() == 10000 and mails(world, "credit_used") == []


@pytest.mark.parametrize("permanent", [True, False])
def test_a_bank_that_is_away_says_that_credit_was_used(world: World, permanent: bool) -> None:
    give_credit(world, 3000)
    invoice = world.invoice(10000)
    refuses = HttpResponse(422, b'{"error": "no"}')
    world.app.config["SANDBOX_TRANSPORT"] = (lambda request: refuses) if permanent else away
    with pytest.raises(DomainError, match="Only your credit was used"):
        start(world, invoice, credit_minor=3000)
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    assert (world.open_minor(invoice), world.credit()) == (7000, 0)
    start(world, invoice)
    assert [row.amount_minor for row in world.bank()] == [7000]


def test_starting_again_frees_every_document_of_the_attempt(world: World) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    start(world, first, second)
    with world.scope():
        attempt = queries.find_started_attempt(second.id)
        assert attempt is not None
        attempt_id = attempt.id
    cancel(world, attempt_id)
    start(world, first, way="card")
    start(world, second)
    assert world.payments() == [PaymentStatus.CANCELLED, PaymentStatus.OPEN, PaymentStatus.OPEN]


def refused(world: World, *shares: Share, match: str, **options: object) -> None:
    with world.scope():
        wish = Wish(
            **{
                "customer_id": world.ids.emma_account,
                "shares": shares,
                "kind": PaymentMethodKind.IDEAL,
                "locale": "en",
                **options,
            }  # type: ignore[arg-type]
        )
        shop = db.session.get_one(Shop, world.ids.shop)
        with pytest.raises(DomainError, match=match):
            actions.prepare_payment(shop, wish, actor=Actor.visitor(), now=START)
        db.session.rollback()
        assert db.session.query(Payment).count() == 0


def test_what_cannot_be_paid_together_is_refused(world: World) -> None:
    mine, theirs, settled = world.invoice(), world.invoice(account=world.ids.jan_account), world.invoice(0)
    dollars = world.invoice()
    with world.scope():
        db.session.get_one(Document, dollars.id).currency = "USD"
        db.session.commit()
    give_credit(world, 50000)
    refused(world, Share(mine.id, 10000), Share(theirs.id, 10000), match="nothing to pay")
    refused(world, Share(mine.id, 10000), Share(settled.id, 1), match="Nothing is left")
    refused(world, Share(mine.id, 10000), Share(dollars.id, 10000), match="two currencies")
    refused(world, Share(mine.id, 10000), Share(mine.id, 10000), match="nothing to pay")
    refused(world, Share(mine.id, 10000), match="nothing to pay", credit_minor=10001)
    refused(world, Share(mine.id, 10000), match="nothing to pay", credit_minor=-1)
    refused(world, Share(mine.id, 10000), match="nothing to pay", credit_minor=5, via_link=True)
    refused(world, Share(dollars.id, 10000), match="credit was used", credit_minor=5)
    assert world.credit() == 50000


def test_who_wants_no_confirmation_gets_none_for_credit_either(world: World) -> None:
    with world.scope():
        db.session.get_one(Customer, world.ids.emma_account).mail_payment_confirmation = False
        db.session.commit()
    give_credit(world, 10000)
    use_credit(world, world.invoice(), credit_minor=10000)
    assert mails(world, "credit_used") == []


def test_a_mail_names_the_first_of_many(world: World) -> None:
    """A hundred numbers are no subject."""
    give_credit(world, 1000)
    use_credit(world, *(world.invoice(100) for _ in range(10)), credit_minor=1000)
    ((numbers, _open),) = mails(world, "credit_used")
    assert numbers == ", ".join(f"2026-{number:04}" for number in range(1, 9)) + " and 2 more"


def test_a_chargeback_takes_back_what_a_customer_spent(world: World) -> None:
    """Paid twice, the excess spent on another invoice, and then the bank takes the second payment back."""
    invoice, other, browser = world.invoice(10000), world.invoice(6000), world.browser()
    first = start(world, invoice)
    world.app.config["SANDBOX_TRANSPORT"] = away
    cancel(world, first.payment_id)
    world.app.config["SANDBOX_TRANSPORT"] = client.over_http
    for each in (start(world, invoice, way="card"), first):
        browser.decide(str(each.checkout_url), "paid", "before")
        world.work()
    assert (world.open_minor(invoice), world.credit()) == (0, 10000)
    use_credit(world, other, credit_minor=6000)
    assert (world.open_minor(other), world.credit()) == (0, 4000)
    browser.decide(str(first.checkout_url), "charge_back", "before")
    world.work()
    assert (world.open_minor(invoice), world.open_minor(other), world.credit()) == (0, 6000, 0)
    with world.scope():
        assert find_imbalances() == []


def test_nobody_tries_without_end(world: World) -> None:
    """The limit on tries counts attempts on any of the documents."""
    first, second = world.invoice(), world.invoice()
    for _ in range(actions.TRIES_AN_HOUR):
        outcome = start(world, first, second)
        cancel(world, outcome.payment_id)
    give_credit(world, 500)
    with pytest.raises(DomainError, match="very often"):
        start(world, second, credit_minor=500)
    assert world.credit() == 500
    with clock.frozen(START + timedelta(minutes=61)):
        start(world, second, credit_minor=500)
