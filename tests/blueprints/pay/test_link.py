"""The public payment link: lines and amount for whoever has it, and nothing else for anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.core import clock
from portal.core.audit import Actor
from portal.domain.invoices.actions import replace_link
from portal.domain.invoices.links import payment_token
from portal.domain.invoices.models import Document
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.people.models import Customer
from portal.extensions import db
from tests import cast
from tests.pages import text as words
from tests.payments_world import START, Invoice, World, text_of

S = PaymentStatus


def settle(world: World, invoice: Invoice) -> None:
    """Pays an invoice by its link."""
    browser = world.browser()
    browser.return_to_shop(browser.decide(browser.pay(invoice), "paid"))


def test_it_shows_lines_and_amount_and_no_address(world: World) -> None:
    page = world.browser().get(world.invoice().link)
    text = text_of(page)
    assert page.status_code == 200
    assert "Coffee beans, 1 kg" in words(page) and "€ 100.00" in text
    for secret in ("Emma", "emma@example.com", "Lange Nieuwstraat", "3512 PH"):
        assert secret not in text
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers["Cache-Control"] == "no-store"


def test_a_customer_who_is_signed_in_as_somebody_else_sees_no_more(world: World, login: object) -> None:
    page = world.browser(login("jan")).get(world.invoice().link)  # type: ignore[operator]
    assert page.status_code == 200 and "Emma" not in text_of(page)


def test_what_is_objected_to_is_not_called_late_nor_told_to_whoever_has_the_link(world: World) -> None:
    invoice = world.invoice()
    with clock.frozen(START + timedelta(days=60)):
        late = words(world.browser().get(invoice.link))
        assert "days overdue" in late and "Overdue" in late
        with world.scope():
            db.session.get_one(Document, invoice.id).disputed_on = START.date()
            db.session.commit()
        shown = words(world.browser().get(invoice.link))
    assert "overdue" not in shown.lower() and "object" not in shown and "Unpaid" in shown


@pytest.mark.parametrize("path", ["", "/transfer"])
def test_a_wrong_token_is_404(world: World, path: str) -> None:
    token = world.invoice().token
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (flipped, token[:22], token + "x", "x" * 44, token.lower(), "%00" * 44, "return"):
        assert world.browser().get(f"/pay/{wrong}{path}").status_code == 404, wrong


def test_another_documents_proof_does_not_fit(world: World) -> None:
    first, second = world.invoice(), world.invoice()
    assert world.browser().get(f"/pay/{first.token[:22]}{second.token[22:]}").status_code == 404


def test_on_the_other_shops_host_it_is_404(world: World) -> None:
    invoice = world.invoice()
    assert world.browser(host=cast.OTHER_HOST).get(invoice.link).status_code == 404
    assert world.browser().get(invoice.link).status_code == 200


def test_a_replaced_link_is_404(world: World) -> None:
    invoice = world.invoice()
    with world.scope():
        document = db.session.get_one(Document, invoice.id)
        replace_link(document, now=START, actor=Actor.system())
        db.session.commit()
        anew = payment_token(document)
    assert world.browser().get(invoice.link).status_code == 404
    assert world.browser().get(f"/pay/{anew}").status_code == 200


def test_the_transfer_of_a_part_names_that_part(world: World) -> None:
    world.change_shop(allow_part_payment=True)
    invoice, browser = world.invoice(7800), world.browser()
    answer = browser.post(invoice.link, {"method": "transfer", "amount": "20"})
    page = text_of(browser.get(answer.location))
    assert "€ 20.00" in page and "part of the € 78.00 that is open" in page
    refused = browser.post(invoice.link, {"method": "transfer", "amount": "78.01"})
    assert refused.status_code == 422 and "at most what is open" in text_of(refused)
    for wrong in ("0", "-1", "78.01", "x"):
        assert browser.get(f"{invoice.link}/transfer?amount={wrong}").status_code == 303


def test_paying_goes_to_the_bank_and_back(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    page = browser.return_to_shop(browser.decide(browser.pay(invoice), "paid"))
    text = text_of(page)
    assert "Your payment has arrived" in text and invoice.link in text
    assert (world.payments(), world.open_minor(invoice)) == ([S.PAID], 0)
    with world.scope():
        assert db.session.query(Payment).one().via_link


def test_when_paid_it_shows_what_was_bought_and_no_form(world: World) -> None:
    invoice = world.invoice()
    settle(world, invoice)
    answer = world.browser().get(invoice.link)
    page = answer.get_data(as_text=True)
    assert "Coffee beans, 1 kg" in words(answer) and 'name="method"' not in page
    answer = world.browser().post(invoice.link, {"method": "ideal"})
    assert (answer.status_code, answer.headers["Location"]) == (303, invoice.link)
    assert world.payments() == [S.PAID]


def test_thirty_days_after_payment_it_asks_for_log_in(world: World) -> None:
    invoice = world.invoice()
    settle(world, invoice)
    with clock.frozen(START + timedelta(days=30)):
        assert world.browser().get(invoice.link).status_code == 200
    with clock.frozen(START + timedelta(days=30, seconds=1)):
        answer = world.browser().get(invoice.link)
        assert answer.status_code == 303 and answer.headers["Location"].startswith("/login")


def test_an_unpaid_link_does_not_end(world: World) -> None:
    invoice = world.invoice()
    with clock.frozen(START + timedelta(days=400)):
        assert world.browser().get(invoice.link).status_code == 200


def test_the_link_of_an_archived_account_still_works(world: World) -> None:
    invoice = world.invoice()
    with world.scope():
        db.session.get_one(Customer, world.ids.emma_account).archived_at = START
        db.session.commit()
    settle(world, invoice)
    assert world.open_minor(invoice) == 0


def test_showing_transfer_details_starts_nothing(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    answer = browser.post(invoice.link, {"method": "transfer"})
    assert answer.headers["Location"] == f"{invoice.link}/transfer"
    text = text_of(browser.get(f"{invoice.link}/transfer"))
    assert "NL91 ABNA 0417 1643 00" in text and "€ 100.00" in text and "<svg" in text
    with world.scope():
        reference = db.session.get_one(Document, invoice.id).reference
    assert reference in text.replace(" ", "")
    assert world.payments() == []


def test_transfer_details_of_a_paid_invoice_lead_back(world: World) -> None:
    invoice = world.invoice()
    settle(world, invoice)
    assert world.browser().get(f"{invoice.link}/transfer").headers["Location"] == invoice.link


def test_a_started_attempt_offers_to_continue_and_to_start_again(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    checkout = browser.pay(invoice)
    page = text_of(browser.get(invoice.link))
    assert f'href="{checkout}"' in page and f'action="{invoice.link}/restart"' in page
    assert 'name="method"' not in page
    answer = browser.post(invoice.link, {}, to=f"{invoice.link}/restart")
    assert (answer.status_code, answer.headers["Location"]) == (303, invoice.link)
    assert world.payments() == [S.CANCELLED]
    assert 'name="method"' in text_of(browser.get(invoice.link))
    assert browser.pay(invoice, "card") != checkout
    world.check_books()


def test_starting_again_when_it_was_paid_meanwhile_says_so(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.decide(browser.pay(invoice), "paid")
    browser.post(invoice.link, {}, to=f"{invoice.link}/restart")
    assert world.payments() == [S.PAID]
    assert "came through" in text_of(browser.get(invoice.link))


def test_starting_again_without_an_attempt_changes_nothing(world: World) -> None:
    invoice = world.invoice()
    assert world.browser().post(invoice.link, {}, to=f"{invoice.link}/restart").status_code == 303
    assert world.payments() == []


def test_money_under_way_hides_the_form_and_says_why(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    browser.return_to_shop(browser.decide(browser.pay(invoice), "later"))
    page = text_of(browser.get(invoice.link))
    assert "under way" in page and 'name="method"' not in page


@pytest.mark.parametrize(
    "typed",
    [
        {"method": ""},
        {"method": "gold"},
        {"method": "x" * 5000},
        {"method": "id\0eal"},
        {"method": "ideal", "amount": "-1"},
        {"method": "ideal", "amount": "abc"},
        {"method": "ideal", "amount": "0"},
        {"method": "ideal", "amount": "1e9"},
        {"method": "ideal", "amount": "999999999999"},
        {"method": "ideal", "amount": "1.001"},
        {"method": "ideal", "amount": "50.00"},
        {"method": "ideal", "amount": "9" * 500},
    ],
)
def test_bad_input_is_refused_with_a_message(world: World, typed: dict[str, str]) -> None:
    answer = world.browser().post(world.invoice().link, typed)
    assert answer.status_code == 422
    assert "Please look at this again" in text_of(answer)
    assert (world.payments(), world.bank()) == ([], [])


def test_without_a_token_of_the_form_nothing_is_started(world: World) -> None:
    invoice, browser = world.invoice(), world.browser()
    answer = browser._open(invoice.link, method="POST", data={"method": "ideal"})
    assert answer.status_code == 422 and "open for too long" in text_of(answer)
    assert browser._open(f"{invoice.link}/restart", method="POST").status_code == 400
    assert world.payments() == []


def test_a_part_can_be_paid_where_the_shop_allows_it(world: World) -> None:
    world.change_shop(allow_part_payment=True)
    invoice, browser = world.invoice(), world.browser()
    page = browser.return_to_shop(browser.decide(browser.pay(invoice, amount="40.00"), "paid"))
    assert "€ 40.00" in text_of(page)
    assert world.open_minor(invoice) == 6000
    assert "€ 60.00" in text_of(browser.get(invoice.link))


def test_a_bank_that_is_away_is_told_in_words(world: World) -> None:
    def away(request: object) -> object:
        raise ConnectionRefusedError

    world.app.config["SANDBOX_TRANSPORT"] = away
    answer = world.browser().post(world.invoice().link, {"method": "ideal"})
    assert answer.status_code == 422 and "cannot be reached" in text_of(answer)


def test_a_foreign_checkout_is_allowed_by_the_pages_own_policy(world: World) -> None:
    invoice = world.invoice()
    assert "form-action 'self';" in world.browser().get(invoice.link).headers["Content-Security-Policy"]
    world.app.config["SANDBOX_ORIGIN"] = "http://bank.example.test:8001"
    page = world.browser().get(invoice.link)
    assert "form-action 'self' http://bank.example.test:8001;" in page.headers["Content-Security-Policy"]
