"""The list of invoices, one invoice, paying it, and its PDF, as people of the account use them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask

import portal
from portal.core import clock, outbox, storage
from portal.core.mailer import MailMessage
from portal.core.polling import WAITS
from portal.core.references import format_rf, rf_reference
from portal.domain.invoices import rendering
from portal.domain.invoices.links import payment_url
from portal.domain.invoices.models import CreditEntry, CreditUse, Document, DocumentFile, DocumentKind
from portal.domain.methods.models import MethodKind, MethodStatus, PaymentMethod
from portal.domain.payments.models import Payment, PaymentStatus
from portal.domain.people.models import Membership, Person, Role
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import SubscriptionStatus
from portal.extensions import db
from portal.providers.sandbox import client
from tests import rows
from tests.cast import HOST, START, Ids, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.page_client import PageClient, find_all, parse
from tests.pages import links, neighbour, row_headers, text
from tests.payments_world import World
from tests.statements import counted

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

LIST = "/customer/invoices"
Stage = Callable[..., Any]
Login = Callable[..., PageClient]


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


def made(on_stage: Stage, ids: Ids, **options: Any) -> str:
    with on_stage():
        return make_invoice(ids.emma_account, **options).public_id


# The list.


def test_an_empty_list_says_so(login: Login) -> None:
    page = login("emma").get(LIST)
    assert page.status_code == 200 and row_headers(page) == []
    assert "invoice" in text(page).lower()


def test_the_list_shows_amounts_dates_and_one_badge(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        make_invoice(ids.emma_account, amount_minor=123456)
        late = make_invoice(ids.emma_account)
        late.due_date = START.date() - timedelta(days=3)
    page = login("emma").get(LIST)
    assert row_headers(page) == ["2026-0002", "2026-0001"]
    shown = text(page)
    assert "€ 1,234.56" in shown and "Overdue" in shown and "Unpaid" in shown


def test_filters_and_search_are_in_the_address(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.emma_account, amount_minor=0)
        make_invoice(ids.emma_account, kind=DocumentKind.COLLECTION_FEE)
    client = login("emma")
    assert row_headers(client.get(f"{LIST}?status=paid")) == ["2026-0002"]
    assert row_headers(client.get(f"{LIST}?status=unpaid")) == ["F2026-0001", "2026-0001"]
    assert row_headers(client.get(f"{LIST}?status=overdue")) == []
    assert row_headers(client.get(f"{LIST}?q=F2026")) == ["F2026-0001"]
    assert row_headers(client.get(f"{LIST}?status=paid&q=F2026")) == []
    printed = quote(format_rf(rf_reference("2026-0002")))
    assert row_headers(client.get(f"{LIST}?q={printed}")) == ["2026-0002"]
    assert row_headers(client.get(f"{LIST}?status=unpaid&q={printed}")) == []
    assert len(row_headers(client.get(f"{LIST}?status=nonsense"))) == 3
    searched = client.get(f"{LIST}?q=F2026")
    assert any("status=paid" in address and "q=F2026" in address for address in links(searched)), (
        "a filter keeps it"
    )


def test_pages_keep_filter_and_search(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        for _ in range(27):
            make_invoice(ids.emma_account)
    client = login("emma")
    first = client.get(f"{LIST}?status=unpaid&q=2026")
    assert len(row_headers(first)) == 25 and neighbour(first, "prev") == ""
    onward = neighbour(first, "next")
    assert "status=unpaid" in onward and "q=2026" in onward
    second = client.get(onward)
    assert row_headers(second) == ["2026-0002", "2026-0001"] and neighbour(second, "next") == ""
    assert row_headers(client.get(neighbour(second, "prev"))) == row_headers(first)


@pytest.mark.parametrize("count", [1, 25])
def test_a_list_costs_five_statements(
    app: Flask, login: Login, on_stage: Stage, ids: Ids, count: int
) -> None:
    with on_stage():
        for _ in range(count):
            make_invoice(ids.emma_account)
        rows.make_ticket(ids.emma_account)
    client = login("emma")
    client.get(LIST)
    with counted(app) as statements:
        assert client.get(LIST).status_code == 200
    assert len(statements) <= 5, "\n\n".join(statements)


@pytest.mark.parametrize("asked", ["", "?language=nl"])
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("count", [1, 25])
def test_a_page_costs_six_statements(
    app: Flask, login: Login, on_stage: Stage, ids: Ids, count: int, stored: bool, asked: str
) -> None:
    """Of an order and a subscription, to be paid, with and without its PDF: nothing of that costs one more."""
    with on_stage():
        order, subscription = rows.make_order(ids.emma_account), rows.make_subscription(ids.emma_account)
        document = make_invoice(
            ids.emma_account, lines=count, order_id=order.id, subscription_id=subscription.id
        )
        if stored:
            rendering.keep_file(document, document.language, b"%PDF-1.7", now=START)
        public_id = document.public_id
        for _ in range(count):
            make_invoice(ids.emma_account)
            rows.make_method(ids.emma_account)
    client = login("emma")
    path = f"{LIST}/{public_id}{asked}"
    client.get(path)
    with counted(app) as statements:
        assert client.get(path).status_code == 200
    assert len(statements) <= BUDGET, "\n\n".join(statements)


#: Session 1, frame 2, and the page's own.
BUDGET = 6


# One invoice.


def test_an_invoice_shows_lines_sums_and_the_way_to_pay(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids, amount_minor=24200, lines=2, note="Mind the cups")
    shown = text(login("emma").get(f"{LIST}/{public_id}"))
    for expected in (
        "Invoice 2026-0001",
        "Coffee beans, 1 kg",
        "€ 242.00",
        "21%",
        "Mind the cups",
        "RF",
        "iDEAL",
    ):
        assert expected in shown, expected


def test_a_credit_note_stands_with_its_invoice_and_has_a_page(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account)
        note = make_invoice(ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        note.original_id = invoice.id
        paths = f"{LIST}/{invoice.public_id}", f"{LIST}/{note.public_id}"
    client = login("emma")
    assert paths[1] in links(client.get(paths[0]))
    page = client.get(paths[1])
    assert "Credit note C2026-0001" in text(page) and "iDEAL" not in text(page)
    assert row_headers(client.get(LIST)) == ["2026-0001"]


def plain(response: Any) -> str:
    return text(response).replace("\xa0", " ")


def test_what_became_of_a_credit_note(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account)
        book(attempt(ids.emma_account, (invoice, 10000)), 10000)
        first, second = rows.make_credit_note(invoice, 5000), rows.make_credit_note(invoice, 1000)
        paths = [f"{LIST}/{each.public_id}" for each in (invoice, first, second)]
        numbers = [each.number for each in (invoice, first, second)]
    emma = login("emma")
    page = plain(emma.get(paths[0]))
    for words in (
        "€ 60.00 of this invoice was credited, by credit notes C2026-0001, C2026-0002.",
        "€ 21.00 taken off this invoice, € 29.00 added to your credit",
        "Taken off by credit notes \N{MINUS SIGN}€ 21.00",
        "Paid \N{MINUS SIGN}€ 100.00",
    ):
        assert words in page, (words, page)
    there = links(emma.get(paths[0]))
    assert all(f"{path}/pdf?save=1" in there and path in there for path in paths[1:])
    note = emma.get(paths[1])
    assert links(note)[paths[0]] == f"Invoice {numbers[0]}"
    for words in (
        "Total credited € 50.00",
        "Taken off the invoice € 21.00",
        "Added to your credit € 29.00",
        "use it when",
    ):
        assert words in plain(note), words
    for words in ("Nothing to pay", "Still to pay", "Reference", "Due", "is settled", "Invoice date"):
        assert words not in plain(note), words
    assert "Taken off the invoice" not in plain(emma.get(paths[2])), "all of it became credit"
    for path in paths:
        assert login("jan").get(path).status_code == 404


def test_one_that_is_credited_in_full_says_so(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        paid, never = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        book(attempt(ids.emma_account, (paid, 12100)), 12100)
        for each in (paid, never):
            rows.make_credit_note(each, 12100)
        pages = [(f"{LIST}/{each.public_id}", payment_url(each)) for each in (paid, never)]
    emma = login("emma")
    for path, link in pages:
        page = emma.get(path)
        assert "This invoice was credited in full." in plain(page) and "Credited" in plain(page)
        assert f"{path}/dispute" not in links(page)
        public = plain(emma.get(urlsplit(link).path))
        assert "is credited" in public and "is paid" not in public and "Thank you" not in public
    assert plain(emma.get(LIST)).count("Credited") == 2
    assert len(row_headers(emma.get(f"{LIST}?status=paid"))) == 2
    assert row_headers(emma.get(f"{LIST}?status=unpaid")) == []


def test_the_page_of_a_credit_note_asks_little(app: Flask, login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        invoice = make_invoice(ids.emma_account)
        paths = [f"{LIST}/{rows.make_credit_note(invoice, 1000).public_id}", f"{LIST}/{invoice.public_id}"]
    emma = login("emma")
    for path in paths:
        emma.get(path)
        with counted(app) as found:
            emma.get(path)
        assert len(found) <= 7, "\n\n".join(found)


def test_the_order_and_the_subscription_are_linked(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        order, subscription = rows.make_order(ids.emma_account), rows.make_subscription(ids.emma_account)
        document = make_invoice(ids.emma_account, order_id=order.id, subscription_id=subscription.id)
        path = f"{LIST}/{document.public_id}"
        expected = {
            f"/customer/orders/{order.public_id}": order.number,
            f"/customer/subscriptions/{subscription.public_id}": subscription.name,
        }
    there = links(login("emma").get(path))
    for address, label in expected.items():
        assert label in there[address]


def test_an_archived_subscription_is_not_linked(login: Login, on_stage: Stage, ids: Ids) -> None:
    with on_stage():
        gone = rows.make_subscription(ids.emma_account, status=SubscriptionStatus.ARCHIVED)
        document = make_invoice(ids.emma_account, subscription_id=gone.id)
        path, address = f"{LIST}/{document.public_id}", f"/customer/subscriptions/{gone.public_id}"
    assert address not in links(login("emma").get(path))


def test_who_may_not_pay_sees_no_form(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids)
    page = login("bram").get(f"{LIST}/{public_id}")
    assert "iDEAL" not in text(page) and "2026-0001" in text(page)


def test_an_invoice_of_another_account_of_ones_own_switches_the_page_to_it(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    """Emma also reads Jan's account: his invoice opens, with his frame and the rights she has there."""
    with on_stage():
        db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.READ_ONLY))
        theirs = make_invoice(ids.jan_account).public_id
        mine = make_invoice(ids.emma_account).public_id
    client = login("emma")
    page = client.get(f"{LIST}/{theirs}")
    assert page.status_code == 200 and "iDEAL" not in text(page)
    current = [b for b in find_all(parse(page.text), "button") if b.attrib.get("aria-current") == "true"]
    assert [" ".join("".join(b.itertext()).split()) for b in current] == ["Jan Jansen"]
    assert client.send(f"{LIST}/{theirs}/pay", {"method": "ideal"}).status_code == 403
    assert "iDEAL" in text(client.get(f"{LIST}/{mine}"))


def test_what_people_wrote_is_shown_and_not_run(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids, description=rows.HOSTILE, note=rows.HOSTILE)
    page = login("emma").get(f"{LIST}/{public_id}")
    assert "<script>alert" not in page.text and rows.HOSTILE.split(">")[0] in text(page)


# Paying.


def test_credit_is_shown(login: Login, on_stage: Stage, ids: Ids) -> None:
    assert "in credit" not in text(login("emma").get(LIST))
    with on_stage():
        db.session.add(
            CreditEntry(
                mode=Mode.TEST,
                customer_id=ids.emma_account,
                currency="EUR",
                amount_minor=10000,
                use=CreditUse.OVERPAID,
                created_at=START,
            )
        )
    assert "You have € 100.00 in credit" in text(login("emma").get(LIST)).replace("\xa0", " ")
    assert "in credit" not in text(login("jan").get(LIST))


def test_paying_leads_to_the_bank_and_back_to_a_paid_invoice(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    answer = browser.post(page, {"method": "ideal"}, to=f"{page}/pay")
    assert answer.status_code == 303 and "/sandbox/" in answer.location
    waiting = text(browser.get(page))
    assert "Continue" in waiting and "Start again" in waiting
    back = browser.return_to_shop(browser.decide(answer.location, "paid"))
    assert back.status_code == 303 and back.location.endswith(page)
    assert "Nothing to pay" in text(browser.get(page))
    world.check_books()


def test_a_second_click_continues_the_first(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    token = browser.client.token()
    answers = [
        browser._open(
            f"{page}/pay",
            method="POST",
            data={"method": "ideal", "csrf_token": token},
            headers={"Referer": f"https://{HOST}/"},
        ).location
        for _ in range(3)
    ]
    assert len(set(answers)) == 1 and world.payments() == [PaymentStatus.OPEN]


def test_another_way_while_one_is_started_is_a_conflict_with_words(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    token = browser.client.token()

    def pay(method: str) -> Any:
        return browser._open(
            f"{page}/pay",
            method="POST",
            data={"method": method, "csrf_token": token},
            headers={"Referer": f"https://{HOST}/"},
        )

    pay("ideal")
    refused = pay("card")
    assert refused.status_code == 409 and "start again" in text(refused).lower()
    assert browser.post(page, {}, to=f"{page}/restart").status_code == 303
    assert world.payments() == [PaymentStatus.CANCELLED]
    assert pay("card").status_code == 303


def test_a_saved_mandate_is_pending_at_once(world: World, login: Login) -> None:
    invoice, mandate = world.invoice(10000), world.mandate()
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    answer = browser.post(page, {"method": f"saved:{mandate}"}, to=f"{page}/pay")
    assert answer.status_code == 303 and answer.location.endswith(page)
    shown = text(browser.get(page))
    assert "Pending" in shown and "iDEAL" not in shown
    assert world.payments() == [PaymentStatus.PENDING]


def test_a_bank_that_is_away_is_told_in_words(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    world.app.config["SANDBOX_URL"] = "http://127.0.0.1:9"
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    refused = browser.post(page, {"method": "ideal"}, to=f"{page}/pay")
    assert refused.status_code == 422 and "Nothing was paid" in text(refused)


def test_a_part_is_paid_where_the_shop_allows_it(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    refused = browser.post(page, {"method": "ideal", "amount": "40"}, to=f"{page}/pay")
    assert refused.status_code == 422 and "in one go" in text(refused)
    world.change_shop(allow_part_payment=True)
    too_much = browser.post(page, {"method": "ideal", "amount": "100.01"}, to=f"{page}/pay")
    assert too_much.status_code == 422 and 'value="100.01"' in too_much.text
    answer = browser.post(page, {"method": "ideal", "amount": "40.00"}, to=f"{page}/pay")
    browser.return_to_shop(browser.decide(answer.location, "paid"))
    assert world.open_minor(invoice) == 6000
    assert "Partly paid" in text(browser.get(page))


def test_transfer_details_start_nothing(world: World, login: Login) -> None:
    invoice = world.invoice(12345)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    answer = browser.post(page, {"method": "transfer"}, to=f"{page}/pay")
    assert answer.status_code == 303 and answer.location.endswith("/transfer")
    shown = text(browser.get(answer.location))
    assert "€ 123.45" in shown and "NL91 ABNA 0417 1643 00" in shown and "RF" in shown
    assert world.payments() == []


def test_the_transfer_of_a_part_names_that_part(world: World, login: Login) -> None:
    invoice = world.invoice(7800)
    world.change_shop(allow_part_payment=True)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    answer = browser.post(page, {"method": "transfer", "amount": "20"}, to=f"{page}/pay")
    shown = text(browser.get(answer.location))
    assert "Amount € 20.00" in shown and "part of the € 78.00 that is open" in shown
    assert "Copy Amount" in browser.get(answer.location).text and "2026-0001" in shown
    for refused in ("0", "78.01", "-1", "x"):
        again = browser.post(page, {"method": "transfer", "amount": refused}, to=f"{page}/pay")
        assert again.status_code == 422 and f'value="{refused}"' in again.text
    for wrong in ("0", "78.01", "-1", "x", "20,00", "NaN", "9" * 400):
        answer = browser.get(f"{page}/transfer?amount={wrong}")
        assert answer.status_code == 303 and answer.location.endswith(page)
    world.change_shop(allow_part_payment=False)
    assert browser.get(f"{page}/transfer?amount=20.00").status_code == 303
    whole = browser.get(f"{page}/transfer?amount=78.00")
    assert "Amount € 78.00" in text(whole) and "that is open" not in text(whole)


@pytest.mark.parametrize(("typed", "language"), [("10,00", "en"), ("10,0", "en"), ("10.00", "nl")])
def test_an_amount_with_a_comma_for_a_point_is_what_it_can_only_mean(
    world: World, login: Login, typed: str, language: str
) -> None:
    invoice = world.invoice(100000)
    world.change_shop(allow_part_payment=True)
    client = login("emma", now=clock.now())
    client.send("/preferences", {"locale": language})
    browser = world.browser(client)
    page = f"{LIST}/{invoice.public_id}"
    assert browser.post(page, {"method": "ideal", "amount": typed}, to=f"{page}/pay").status_code == 303
    with world.scope():
        assert [payment.amount_minor for payment in db.session.query(Payment)] == [1000]


@pytest.mark.parametrize(("typed", "language"), [("10.000", "en"), ("1000,000", "en"), ("10,000", "nl")])
def test_an_amount_that_can_mean_two_is_refused_and_kept(
    world: World, login: Login, typed: str, language: str
) -> None:
    invoice = world.invoice(100000)
    world.change_shop(allow_part_payment=True)
    client = login("emma", now=clock.now())
    client.send("/preferences", {"locale": language})
    browser = world.browser(client)
    page = f"{LIST}/{invoice.public_id}"
    refused = browser.post(page, {"method": "ideal", "amount": typed}, to=f"{page}/pay")
    assert refused.status_code == 422 and f'value="{typed}"' in refused.text
    assert ("1,234.50" if language == "en" else "1.234,50") in text(refused)
    assert world.payments() == []


def test_the_button_never_names_another_amount_than_is_paid(world: World, login: Login) -> None:
    """Beside the whole amount it has words that fit any; the style sheet shows these once something is typed."""
    invoice = world.invoice(7800)
    browser = world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    assert "Pay € 78.00" in text(browser.get(page)) and "Pay this amount" not in text(browser.get(page))
    world.change_shop(allow_part_payment=True)
    shown = text(browser.get(page))
    assert "Pay this amount" in shown and "At most € 78.00." in shown
    sheet = (Path(portal.__file__).parent / "static" / "portal.css").read_text()
    typed, ticked = ".pay-form:has(#amount:not(:placeholder-shown))", ".pay-form:has(#credit:checked)"
    hidden = f".pay-part, .pay-rest, {ticked} .pay-whole, {ticked} .ways-spared {{ display: none; }}"
    shown_then = f"{ticked} .pay-rest {{ display: inline; }}"
    part = (
        f"{typed} :is(.pay-whole, .pay-rest) {{ display: none; }}\n{typed} .pay-part {{ display: inline; }}"
    )
    assert f"{hidden}\n{shown_then}\n{part}" in sheet, "what is typed is said last"


def test_the_address_of_a_refused_form_leads_to_the_invoice(world: World, login: Login) -> None:
    invoice = world.invoice(7800)
    client = login("emma", now=clock.now())
    page = f"{LIST}/{invoice.public_id}"
    answer = client.get(f"{page}/pay")
    assert answer.status_code == 303 and answer.location.endswith(page)


def test_a_payment_under_way_is_looked_at_until_it_ends(world: World, login: Login) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    browser.client.checks = False
    assert "hx-get" not in browser.get(page).text
    answer = browser.post(page, {"method": "ideal"}, to=f"{page}/pay")
    browser.return_to_shop(browser.decide(answer.location, "later"))
    whole = browser.get(page).text
    assert (
        f'data-hx-get="{page}/pay/progress?look=1" data-hx-trigger="every 2s"' in whole
        and 'href="">Look again' in whole
    )
    piece = browser.get(f"{page}/pay/progress?look=1")
    assert "<html" not in piece.text and "An iDEAL payment is under way." in piece.text
    assert "look=2" in piece.text and "HX-Refresh" not in piece.headers
    late = browser.get(f"{page}/pay/progress?look={len(WAITS)}").text
    assert "hx-get" not in late and "Look again" in late
    for nonsense in ("x", "-1", "9" * 50, "\u0663"):
        assert browser.get(f"{page}/pay/progress?look={nonsense}").status_code == 200
    browser.decide(answer.location, "paid")
    browser.get(world.bank()[-1].return_url)
    ended = browser.get(f"{page}/pay/progress?look=2")
    assert ended.status_code == 200 and ended.headers["HX-Refresh"] == "true" and ended.text == ""
    assert "Nothing to pay" in text(browser.get(page))


# Money under way for a part, what failed or was taken back, and what was merely started.


def field_of(page: Any, name: str) -> str | None:
    """What the pay form sends as this: the hidden field, or the one that is chosen."""
    for each in find_all(parse(page.text), "input"):
        is_chosen = each.attrib.get("type") != "radio" or "checked" in each.attrib
        if each.attrib.get("name") == name and is_chosen:
            return each.attrib.get("value")
    return None


def debited(world: World, browser: Any, invoice: Any, **typed: str) -> str:
    """A direct debit of a part, or of all, by the page of an invoice; the bank's page about it."""
    page = f"{LIST}/{invoice.public_id}"
    with world.scope():
        mandate = db.session.query(PaymentMethod).one_or_none()
        method = mandate.public_id if mandate is not None else None
    answer = browser.post(page, {"method": f"saved:{method or world.mandate()}", **typed}, to=f"{page}/pay")
    assert (answer.status_code, answer.location) == (303, page)
    return f"/sandbox/{world.bank()[-1].bank_id}"


def test_money_under_way_for_a_part_leaves_the_rest_to_pay(world: World, login: Login) -> None:
    world.change_shop(allow_part_payment=True)
    invoice, browser = world.invoice(8895), world.browser(login("emma", now=clock.now()))
    browser.client.checks = False
    page = f"{LIST}/{invoice.public_id}"
    debited(world, browser, invoice, amount="30.55")
    for address in (page, invoice.link):
        shown = browser.get(address)
        words = plain(shown)
        assert "€ 30.55 is under way" in words and "To pay € 58.40" in words, words
        assert "for that part you need not do anything" in words and "Pay € 58.40" in words
        assert "At most € 58.40" in words and field_of(shown, "under_way") == "3055"
        assert "pay/progress" not in shown.text, "somebody may be typing"
    assert browser.get(f"{page}/pay/progress").headers["HX-Refresh"] == "true"
    # A second click on the first page debits no second part.
    again = {"method": "ideal", "amount": "30.55"}
    for data in (again, {**again, "under_way": "3054"}, {**again, "under_way": "x"}):
        answer = browser.post(page, data, to=f"{page}/pay")
        assert answer.status_code in (409, 422) and field_of(answer, "under_way") == "3055"
        assert browser.post(invoice.link, data).status_code in (409, 422)
    too_much = {"method": "ideal", "amount": "58.41", "under_way": "3055"}
    assert browser.post(page, too_much, to=f"{page}/pay").status_code == 422
    assert browser.post(invoice.link, {**too_much, "method": "transfer"}).status_code == 422
    assert world.payments() == [PaymentStatus.PENDING]
    answer = browser.post(page, {"method": "ideal", "under_way": "3055"}, to=f"{page}/pay")
    assert answer.status_code == 303 and world.bank()[-1].amount_minor == 5840
    both = plain(browser.get(page))
    assert "€ 30.55 is under way" in both and "You started an iDEAL payment of € 58.40. You can" in both
    browser.return_to_shop(browser.decide(answer.location, "paid"))
    waiting = plain(browser.get(page))
    assert "Payment under way € 30.55" in waiting and "Pay €" not in waiting


def test_who_may_not_pay_sees_that_a_part_is_under_way(world: World, login: Login) -> None:
    world.change_shop(allow_part_payment=True)
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    debited(world, browser, invoice, amount="40")
    shown = plain(login("bram", now=clock.now()).get(f"{LIST}/{invoice.public_id}"))
    assert "€ 40.00 is under way" in shown and "Pay €" not in shown and "iDEAL" not in shown


@pytest.mark.parametrize("lang", ["en", "nl"])
def test_a_payment_that_failed_is_said_until_it_is_paid(world: World, login: Login, lang: str) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    browser.client.checks = False
    page = f"{LIST}/{invoice.public_id}"
    at_bank = debited(world, browser, invoice)
    said = "The direct debit of € 100.00 failed on 1 November 2026"
    assert said not in plain(browser.get(page))
    browser.decide(at_bank, "failed", "before")
    world.work()
    assert f"{said} So this is open again." in plain(browser.get(page))
    if lang == "nl":
        with world.scope():
            db.session.query(Person).filter(Person.id == world.ids.emma).one().language = "nl"
            db.session.commit()
        dutch = plain(browser.get(page))
        assert "De automatische incasso van € 100,00 is mislukt op 1 november 2026" in dutch
        return
    assert said not in plain(browser.get(invoice.link)), "a link has no history"
    assert said in plain(login("bram", now=clock.now()).get(page))
    checkout = browser.post(page, {"method": "ideal"}, to=f"{page}/pay").location
    assert said in plain(browser.get(page))
    browser.return_to_shop(browser.decide(checkout, "paid"))
    assert said not in plain(browser.get(page))


def test_a_payment_that_was_taken_back_is_said(world: World, login: Login) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    checkout = browser.post(page, {"method": "ideal"}, to=f"{page}/pay").location
    browser.return_to_shop(browser.decide(checkout, "paid"))
    browser.decide(checkout, "charge_back", "before")
    world.work()
    said = "Your bank took back your payment of € 100.00 on 1 November 2026"
    assert said in plain(browser.get(page)) and "Reversed" in plain(browser.get(page))
    browser.decide(checkout, "win_chargeback", "before")
    world.work()
    assert said not in plain(browser.get(page))


@pytest.mark.parametrize("decision", ["canceled", "failed"])
def test_what_ended_in_the_browser_is_no_setback(world: World, login: Login, decision: str) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    checkout = browser.post(page, {"method": "ideal"}, to=f"{page}/pay").location
    browser.return_to_shop(browser.decide(checkout, decision))
    browser.get(page)
    assert "open again" not in plain(browser.get(page))


def test_a_debit_that_the_bank_refuses_at_once_is_not_called_under_way(world: World, login: Login) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    page, mandate = f"{LIST}/{invoice.public_id}", world.mandate()

    def refusing(request: client.HttpRequest) -> client.HttpResponse:
        answer = client.over_http(request)
        return client.HttpResponse(
            answer.status, answer.body.replace(b'"status":"pending"', b'"status":"failed"')
        )

    world.app.config["SANDBOX_TRANSPORT"] = refusing
    answer = browser.post(page, {"method": f"saved:{mandate}"}, to=f"{page}/pay")
    assert answer.status_code == 303 and world.payments() == [PaymentStatus.FAILED]
    shown = plain(browser.get(page))
    assert "The bank refused this payment. Nothing was paid." in shown and "will see the outcome" not in shown
    with world.scope():
        assert db.session.query(MailMessage).count() == 0, "whoever pressed the button was told"


def test_a_started_part_says_how_much_it_is(world: World, login: Login) -> None:
    world.change_shop(allow_part_payment=True)
    invoice, browser = world.invoice(9431), world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    browser.post(page, {"method": "ideal", "amount": "15"}, to=f"{page}/pay")
    assert "You started an iDEAL payment of € 15.00. You can go on" in plain(browser.get(page))
    assert "You started a payment of € 15.00. You can go on" in plain(browser.get(invoice.link))


def test_the_default_method_is_preselected_where_it_can_pay(world: World, login: Login) -> None:
    invoice, browser = world.invoice(10000), world.browser(login("emma", now=clock.now()))
    page = f"{LIST}/{invoice.public_id}"
    method = f"saved:{world.mandate()}"
    assert field_of(browser.get(page), "method") == "ideal", "it is not the default"
    with world.scope():
        db.session.query(PaymentMethod).one().is_default = True
        db.session.commit()
    assert field_of(browser.get(page), "method") == method
    assert field_of(browser.get(invoice.link), "method") == "ideal", "nobody's on a link"
    refused = browser.post(page, {"method": "card", "amount": "x"}, to=f"{page}/pay")
    assert refused.status_code == 422 and field_of(refused, "method") == "card"
    nothing = browser.post(page, {"method": "", "amount": ""}, to=f"{page}/pay")
    assert nothing.status_code == 422 and field_of(nothing, "method") == method
    with world.scope():
        mandate = db.session.query(PaymentMethod).one()
        mandate.status, mandate.is_default = MethodStatus.INVALID, False
        db.session.commit()
    assert field_of(browser.get(page), "method") == "ideal"


def test_saved_methods_are_called_by_their_number(world: World, login: Login) -> None:
    invoice = world.invoice(10000)
    world.mandate()
    with world.scope():
        mandate = db.session.query(PaymentMethod).one()
        db.session.add(
            PaymentMethod(
                mode=mandate.mode,
                customer_id=mandate.customer_id,
                provider="sandbox",
                provider_ref="card",
                customer_ref="c",
                kind=MethodKind.CARD,
                status=MethodStatus.VALID,
                masked="Visa •••• 4242",
            )
        )
        db.session.commit()
    page = parse(login("emma", now=clock.now()).get(f"{LIST}/{invoice.public_id}").text)
    titles = [e.text for e in find_all(page, "span") if e.attrib.get("class") == "radio-title"]
    assert titles == ["iDEAL | Wero", "Credit card", "Visa •••• 4242", "NL91 •••• 4300", "Bank transfer"]


def test_transfer_details_of_what_is_paid_lead_back(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids, amount_minor=0)
    answer = login("emma").get(f"{LIST}/{public_id}/transfer")
    assert answer.status_code == 303 and answer.location.endswith(public_id)


def test_the_pay_page_allows_its_forms_to_lead_to_the_bank(world: World, login: Login) -> None:
    world.app.config["SANDBOX_ORIGIN"] = "https://bank.example.test"
    from portal import providers
    from portal.domain.payments import registry

    with registry.installed(providers.load_providers(world.app.config)):
        invoice = world.invoice(100)
        policy = (
            login("emma", now=clock.now())
            .get(f"{LIST}/{invoice.public_id}")
            .headers["Content-Security-Policy"]
        )
    assert "form-action 'self' https://bank.example.test;" in policy


# The PDF.


def test_without_the_queue_the_button_builds_the_pdf_at_once(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids)
    client = login("emma")
    path = f"{LIST}/{public_id}"
    assert client.get(f"{path}/pdf").status_code == 303
    assert any(
        f.attrib.get("action") == f"{path}/pdf" for f in find_all(parse(client.get(path).text), "form")
    )
    answer = client.send(f"{path}/pdf")
    assert answer.status_code == 303 and "/pdf" in answer.location
    file = client.get(answer.location)
    assert file.mimetype == "application/pdf" and file.get_data().startswith(b"%PDF-")
    assert "filename=invoice-2026-0001.pdf" in file.headers["Content-Disposition"].replace('"', "")
    assert file.headers["Cache-Control"] != "public"
    assert f"{path}/pdf?save=1" in links(client.get(path))
    with on_stage():
        assert db.session.query(DocumentFile).one().is_original


def test_a_translation_is_a_file_of_its_own(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids)
    client = login("emma")
    for language in ("en", "nl"):
        assert client.send(f"{LIST}/{public_id}/pdf", {"language": language}).status_code == 303
    with on_stage():
        files = db.session.query(DocumentFile).order_by(DocumentFile.id).all()
        assert [(file.language, file.is_original) for file in files] == [("en", True), ("nl", False)]
    name = client.get(f"{LIST}/{public_id}/pdf?language=nl&save=1").headers["Content-Disposition"]
    assert "attachment" in name and "factuur-2026-0001.pdf" in name


def test_the_other_language_is_one_click_away(login: Login, on_stage: Stage, ids: Ids) -> None:
    path = f"{LIST}/{made(on_stage, ids)}"
    client = login("emma")

    def actions(page: Any) -> list[str]:
        return [form.attrib.get("action", "") for form in find_all(parse(page.text), "form")]

    assert f"{path}/pdf?language=nl" in actions(client.get(path))
    for _ in range(2):
        answer = client.send(f"{path}/pdf?language=nl")
        assert answer.status_code == 303
        file = client.get(answer.location)
        assert file.mimetype == "application/pdf"
        assert file.headers["Content-Disposition"].startswith("attachment")
    there = client.get(f"{path}?language=nl")
    assert f"{path}/pdf?language=nl&save=1" in links(there) and f"{path}/pdf" in actions(there)
    assert client.get(f"{path}?language=xx").status_code == 200
    assert client.get(f"{path}/pdf?language=xx").status_code == 404


def test_with_the_queue_the_page_polls_until_the_file_is_there(
    login: Login, on_stage: Stage, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.core import jobs

    monkeypatch.setattr(jobs, "redis_state", lambda: "ok")
    monkeypatch.setattr(jobs, "ring", lambda lane: None)
    public_id = made(on_stage, ids)
    client, path = login("emma"), f"{LIST}/{public_id}"
    client.checks = False
    assert client.send(f"{path}/pdf").location.endswith(path)
    waiting = client.get(f"{path}/pdf/progress").text
    assert f"{path}/pdf/progress" in waiting and "<html" not in waiting
    with on_stage():
        document = db.session.query(Document).one()
        rendering.keep_file(document, "en", b"%PDF-1.7", now=START)
    ready = client.get(f"{path}/pdf/progress").text
    assert f'href="{path}/pdf?save=1" data-fetch' in ready and "progress" not in ready
    assert "data-fetch" not in client.get(path).text, "only what was waited for comes by itself"


def test_the_page_waits_for_the_pdf_in_the_language_it_was_asked_in(
    login: Login, on_stage: Stage, ids: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.core import jobs

    monkeypatch.setattr(jobs, "redis_state", lambda: "ok")
    monkeypatch.setattr(jobs, "ring", lambda lane: None)
    with on_stage():
        document, other = make_invoice(ids.emma_account), make_invoice(ids.emma_account)
        db.session.query(outbox.OutboxRow).delete()
        # Other work under the key that the PDF of the second one would have.
        db.session.add(
            outbox.OutboxRow(
                job="invoices.other",
                lane="documents",
                payload={},
                key=rendering.build_key(other, "en"),
                due_at=START,
                created_at=START,
            )
        )
        path, beside = f"{LIST}/{document.public_id}", f"{LIST}/{other.public_id}"
    client = login("emma")
    client.checks = False
    client.send(f"{path}/pdf?language=nl")
    assert "pdf/progress" in client.get(f"{path}?language=nl").text
    assert "pdf/progress" not in client.get(path).text
    assert "pdf/progress" not in client.get(beside).text
    client.send(f"{path}/pdf")
    assert "pdf/progress" in client.get(path).text


def test_a_file_that_was_lost_is_built_again(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids)
    client, path = login("emma"), f"{LIST}/{public_id}"
    client.send(f"{path}/pdf")
    with on_stage():
        db.session.query(DocumentFile).delete()
        row = db.session.query(outbox.OutboxRow).filter_by(job="invoices.build_pdf").one()
        row.state = outbox.OutboxState.DONE
    assert client.send(f"{path}/pdf").status_code == 303
    assert client.get(f"{path}/pdf").get_data().startswith(b"%PDF-")


def test_a_stored_file_that_is_gone_is_no_error(login: Login, on_stage: Stage, ids: Ids, app: Flask) -> None:
    with on_stage():
        document = make_invoice(ids.emma_account)
        file = rendering.keep_file(document, "en", b"%PDF-1.7 x", now=START)
        file.storage_key = "documents/gone.pdf"
        public_id = document.public_id
        assert not storage.exists("documents/gone.pdf")
    assert login("emma").get(f"{LIST}/{public_id}/pdf").status_code == 303


def test_a_get_writes_nothing(login: Login, on_stage: Stage, ids: Ids) -> None:
    public_id = made(on_stage, ids)
    with on_stage():
        version = db.session.query(Document).one().version
    client = login("emma")
    for path in (LIST, f"{LIST}/{public_id}", f"{LIST}/{public_id}/transfer", f"{LIST}/{public_id}/pdf"):
        client.get(path)
    with on_stage():
        assert db.session.query(Payment).count() == 0
        assert db.session.query(Document).one().version == version


# Who sees to orders and subscriptions.


def test_the_orders_role_reads_a_linked_invoice_and_pays_nothing(
    login: Login, on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        order = rows.make_order(ids.emma_account)
        document = make_invoice(ids.emma_account, order_id=order.id)
        rendering.keep_file(document, document.language, b"%PDF-1.7 linked", now=START)
        unlinked = f"{LIST}/{make_invoice(ids.emma_account).public_id}"
        address, number = f"{LIST}/{document.public_id}", document.number
        order_address = f"/customer/orders/{order.public_id}"
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = Role.ORDERS
    bram = login("bram")
    page = bram.get(address)
    assert page.status_code == 200 and str(number) in text(page)
    shown = parse(page.get_data(as_text=True))
    assert not any(each.get("name") == "method" for each in find_all(shown, "input")), "nothing to pay with"
    assert not any(str(each.get("action")).startswith(f"{address}/pay") for each in find_all(shown, "form"))
    assert order_address in links(page) and LIST not in links(page)
    assert bram.get(f"{address}/pdf").get_data() == b"%PDF-1.7 linked"
    for refused in (LIST, unlinked, f"{unlinked}/pdf", f"{address}/transfer"):
        assert bram.get(refused).status_code == 403, refused
    assert login("jan").get(address).status_code == 404
