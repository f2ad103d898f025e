"""Several invoices in one payment, and credit that goes first, as people of the account use them.

| what is asked | what happens |
| --- | --- |
| nothing ticked | back to the list, with a word about it |
| somebody else's among them, another account's, a credit note, not an id | 404 |
| without the right to pay | 403 |
| one settled meanwhile, one with money under way | the others are paid, and the page says which were left out |
| none of them to be paid | back to the list, with a word why |
| two currencies | one payment, and the way to the other |
| more than a hundred | the first hundred to pay, and a word about it |
| the amounts changed since the page was made | 409, with the new ones |
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.core import clock
from portal.domain.invoices import together
from portal.domain.invoices.models import CreditUse, Document, DocumentKind
from portal.domain.methods.models import PaymentMethod
from portal.domain.payments.models import PaymentStatus
from portal.domain.people.models import Membership, Person, Role
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests import rows
from tests.cast import HOST, START, Ids, make_invoice
from tests.domain.payments.test_jobs import run_at
from tests.domain.payments.test_several import fee, give_credit
from tests.page_client import PageClient, find_all, parse
from tests.pages import links, row_headers, text
from tests.payments_world import Browser, Invoice, World, world
from tests.statements import counted

__all__ = ["world"]

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

LIST = "/customer/invoices"
Login = Callable[..., PageClient]


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


@pytest.fixture
def emma(world: World, login: Login) -> Browser:
    return world.browser(login("emma", now=clock.now()))


def page_of(*invoices: Invoice) -> str:
    return f"{LIST}/pay?" + "&".join(f"invoice={each.public_id}" for each in invoices)


def shown(answer: TestResponse) -> str:
    return text(answer).replace("\xa0", " ")


def fields(answer: TestResponse) -> dict[str, str]:
    """What the pay form of a page posts as it stands: hidden fields, ticks and the first way to pay."""
    main = find_all(parse(answer.get_data(as_text=True)), "main")[0]
    (form,) = [each for each in find_all(main, "form") if each.attrib.get("class") == "pay-form"]
    return {
        each.attrib["name"]: each.attrib["value"]
        for each in find_all(form, "input")
        if each.attrib["name"] != "csrf_token"
        and (each.attrib.get("type") == "hidden" or "checked" in each.attrib)
    }


def press(browser: Browser, page: str, **changed: str | None) -> TestResponse:
    """Opens the page and presses its button, with some fields changed or taken away."""
    data = {**fields(browser.get(page)), **changed}
    return browser.post(page, {name: value for name, value in data.items() if value is not None})


# The list.


def test_what_is_to_be_paid_can_be_ticked(world: World, emma: Browser) -> None:
    first, second, settled = world.invoice(), world.invoice(), world.invoice(0)
    page = emma.get(LIST)
    main = find_all(parse(page.get_data(as_text=True)), "main")[0]
    ticks = [each.attrib for each in find_all(main, "input") if each.attrib.get("name") == "invoice"]
    assert {each["value"] for each in ticks} == {first.public_id, second.public_id} != {settled.public_id}
    assert all(each["aria-label"].startswith("Pay 2026-") for each in ticks)
    (form,) = [each for each in find_all(main, "form") if each.attrib.get("action") == f"{LIST}/pay"]
    assert form.attrib["method"] == "get" and len(find_all(form, "input")) == 2
    (everything,) = [address for address, words in links(page).items() if words == "Pay everything"]
    assert row_headers(emma.get(everything)) == ["2026-0001", "2026-0002"]


def test_everything_is_offered_where_there_is_more_than_one(world: World, emma: Browser) -> None:
    world.invoice()
    assert "Pay everything" not in shown(emma.get(LIST)) and "ticked" in shown(emma.get(LIST))
    world.invoice(0)
    assert "Pay everything" not in shown(emma.get(LIST))
    world.invoice()
    assert "Pay everything" in shown(emma.get(LIST))


def test_everything_is_not_what_somebody_objects_to(world: World, emma: Browser) -> None:
    first, objected, third = world.invoice(10000), world.invoice(2550), world.invoice(300)
    with world.scope():
        db.session.get_one(Document, objected.id).disputed_on = clock.now().date()
        db.session.commit()
    everything = emma.get(f"{LIST}/pay?all=1")
    assert row_headers(everything) == ["2026-0001", "2026-0003"]
    assert "2026-0002 is not in it: you objected to it." in shown(everything)
    assert "Pay all open invoices (€ 103.00) instead" in shown(emma.get(f"{LIST}/{first.public_id}"))
    chosen = emma.get(f"{LIST}/pay?invoice={objected.public_id}&invoice={first.public_id}")
    assert "2026-0002" in row_headers(chosen), "who ticks it means it"
    with world.scope():
        for each in (first, third):
            db.session.get_one(Document, each.id).disputed_on = clock.now().date()
        db.session.commit()
    assert "Pay everything" not in shown(emma.get(LIST))
    assert emma.get(f"{LIST}/pay?all=1").status_code == 303
    nothing = emma.get(LIST)
    assert "There is nothing else to pay now. 2026-0001, 2026-0002, 2026-0003 are not in it" in shown(nothing)


def test_who_may_not_pay_is_offered_nothing(world: World, login: Login) -> None:
    world.invoice(), world.invoice()
    page = login("bram", now=clock.now()).get(LIST)
    assert "ticked" not in text(page) and "Pay everything" not in text(page)
    assert len(row_headers(page)) == 2


def test_an_invoice_leads_to_all_of_them(world: World, emma: Browser) -> None:
    first = world.invoice(10000)
    assert "instead" not in shown(emma.get(f"{LIST}/{first.public_id}"))
    world.invoice(2550)
    page = emma.get(f"{LIST}/{first.public_id}")
    assert "Pay all open invoices (€ 125.50) instead" in shown(page)
    (everything,) = [address for address, words in links(page).items() if words.startswith("Pay all")]
    assert fields(emma.get(everything))["total"] == "12550"


def test_what_an_invoice_says_of_all_of_them_is_what_there_is(world: World, emma: Browser) -> None:
    """One that is being paid in part is left out, and one in another currency is no part of the sum."""
    world.change_shop(allow_part_payment=True)
    first, second, mandate = world.invoice(10000), world.invoice(2550), world.mandate()
    under_way, dollars = world.invoice(5000), [world.invoice(100), world.invoice(200)]
    with world.scope():
        for each in dollars:
            db.session.get_one(Document, each.id).currency = "USD"
        db.session.commit()
    page = f"{LIST}/{under_way.public_id}"
    data = {"method": f"saved:{mandate}", "amount": "20"}
    assert emma.post(page, data, to=f"{page}/pay").status_code == 303
    for invoice, total in ((first, "12550"), (second, "12550"), (dollars[0], "300")):
        offered = links(emma.get(f"{LIST}/{invoice.public_id}"))
        (everything,) = [address for address, words in offered.items() if words.startswith("Pay all")]
        assert fields(emma.get(everything))["total"] == total
        assert f"{int(total) / 100:.2f}" in offered[everything]


# The page.


def test_the_split_is_shown_in_paying_order(world: World, emma: Browser) -> None:
    give_credit(world, 7000)
    invoice, costs = world.invoice(10000), fee(world, 4000)
    page = emma.get(page_of(invoice, costs))
    assert [each.split()[0] for each in row_headers(page)] == ["F2026-0001", "2026-0001"]
    said = shown(page)
    for expected in (
        "€ 40.00 € 40.00 € 0.00",
        "€ 100.00 € 30.00 € 70.00",
        "Total € 140.00",
        "Your credit -€ 70.00",
        "Left to pay € 70.00",
        "Use € 70.00 of your credit",
        "as soon as you press",
    ):
        assert expected in said.replace("−", "-"), expected
    assert world.payments() == [] and world.credit() == 7000, "looking starts nothing"


def test_everything_is_what_is_open_now(world: World, emma: Browser) -> None:
    first, second, _settled = world.invoice(10000), world.invoice(5000), world.invoice(0)
    world.invoice(account=world.ids.jan_account)
    page = emma.get(f"{LIST}/pay?all=1")
    assert row_headers(page) == ["2026-0001", "2026-0002"] and fields(page)["total"] == "15000"
    assert first.id < second.id


def test_what_can_wait_takes_no_place_in_it(
    world: World, emma: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first due are objected to: as many of the others as one payment takes are in it, and it says if not all."""
    monkeypatch.setattr(together, "MOST", 3)
    wait, pay = [world.invoice(100) for _ in range(4)], [world.invoice(100) for _ in range(4)]
    with world.scope():
        for each in wait:
            db.session.get_one(Document, each.id).disputed_on = START.date()
        db.session.commit()
    page = emma.get(f"{LIST}/pay?all=1")
    assert fields(page)["total"] == "300" and "the 3 to pay first" in shown(page)
    assert "you objected to them" in shown(page)
    assert "instead" not in shown(emma.get(f"{LIST}/{pay[0].public_id}"))


def test_nothing_ticked_says_so(world: World, emma: Browser) -> None:
    for address in (f"{LIST}/pay", f"{LIST}/pay?all=1"):
        answer = emma.get(address)
        assert answer.status_code == 303 and answer.location == LIST
        assert "Tick the invoices" in shown(emma.get(LIST))


@pytest.mark.parametrize("other", ["jan", "dora", "note", "nobody", "draft"])
def test_what_is_not_ones_own_to_pay_is_not_found(world: World, emma: Browser, other: str) -> None:
    mine = world.invoice()
    if other == "note":
        with world.scope():
            made = make_invoice(world.ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
            db.session.commit()
            theirs = made.public_id
    elif other in ("jan", "dora"):
        theirs = world.invoice(account=getattr(world.ids, f"{other}_account")).public_id
    else:
        theirs = "A" * 22 if other == "nobody" else "x' OR 1=1"
    for ids in ((mine.public_id, theirs), (theirs,)):
        page = f"{LIST}/pay?" + "&".join(f"invoice={each}" for each in ids)
        assert emma.get(page).status_code == 404
        for address in (page, page.replace("/pay?", "/pay/restart?")):
            assert emma.post(LIST, {"method": "ideal", "total": "1"}, to=address).status_code == 404
    assert world.payments() == []


def test_two_accounts_of_ones_own_are_not_paid_at_once(world: World, emma: Browser) -> None:
    with world.scope():
        db.session.add(
            Membership(person_id=world.ids.emma, customer_id=world.ids.jan_account, role=Role.OWNER)
        )
        db.session.commit()
    mine, also_mine = world.invoice(), world.invoice(account=world.ids.jan_account)
    assert emma.get(page_of(mine, also_mine)).status_code == 404
    assert emma.get(page_of(also_mine)).status_code == 200


def test_the_right_is_asked_of_the_account_of_the_invoices(world: World, emma: Browser) -> None:
    """Emma has chosen her own account, of which she sees the orders; Jan's is hers to pay."""
    with world.scope():
        db.session.query(Membership).filter_by(person_id=world.ids.emma).one().role = Role.ORDERS
        theirs = Membership(person_id=world.ids.emma, customer_id=world.ids.jan_account, role=Role.OWNER)
        db.session.add(theirs)
        db.session.commit()
    first = world.invoice(10000, account=world.ids.jan_account)
    world.invoice(2550, account=world.ids.jan_account)
    mine = world.invoice(account=world.ids.emma_account), world.invoice(account=world.ids.emma_account)
    offered = links(emma.get(f"{LIST}/{first.public_id}"))
    page = next(address for address, words in offered.items() if words.startswith("Pay all"))
    assert row_headers(emma.get(page)) == ["2026-0001", "2026-0002"]
    assert press(emma, page).status_code == 303 and [row.amount_minor for row in world.bank()] == [12550]
    restart = page_of(first).replace("/pay?", "/pay/restart?")
    assert emma.post("/customer", {}, to=restart).status_code == 303
    assert world.payments() == [PaymentStatus.CANCELLED]
    for address in (page_of(*mine), f"{LIST}/pay?all=1", f"{LIST}/pay"):
        assert emma.get(address).status_code == 403
    for account in ("A" * 22, "%00", ""):
        assert emma.get(f"{LIST}/pay?all=1&account={account}").status_code == 404


@pytest.mark.parametrize("role", list(Role))
def test_who_may(world: World, login: Login, role: Role) -> None:
    invoice, second = world.invoice(), world.invoice()
    with world.scope():
        db.session.query(Membership).filter_by(person_id=world.ids.bram).one().role = role
        db.session.commit()
    browser = world.browser(login("bram", now=clock.now()))
    may = role in (Role.OWNER, Role.BILLING)
    page = page_of(invoice, second)
    assert browser.get(page).status_code == (200 if may else 403)
    data = {"method": "ideal", "total": "20000"}
    started = browser.post("/customer", data, to=page)
    assert started.status_code == (303 if may else 403)
    again = browser.post("/customer", {}, to=page.replace("/pay?", "/pay/restart?"))
    assert again.status_code == (303 if may else 403)
    assert world.payments() == ([PaymentStatus.CANCELLED] if may else [])


def test_what_was_settled_meanwhile_or_is_under_way_is_left_out(world: World, emma: Browser) -> None:
    open_, settled, under_way, mandate = (
        world.invoice(100),
        world.invoice(0),
        world.invoice(),
        world.mandate(),
    )
    page = f"{LIST}/{under_way.public_id}"
    assert emma.post(page, {"method": f"saved:{mandate}"}, to=f"{page}/pay").status_code == 303
    answer = emma.get(page_of(open_, settled, under_way))
    assert row_headers(answer) == ["2026-0001"]
    assert "Already settled: 2026-0002." in shown(answer)
    assert "money for it is under way: 2026-0003." in shown(answer)
    for alone, word in ((settled, "Nothing is left to pay"), (under_way, "under way")):
        for ask in (emma.get, lambda page: emma.post(LIST, {"method": "ideal"}, to=page)):
            answer = ask(page_of(alone))
            assert answer.status_code == 303 and answer.location == LIST
            assert word in shown(emma.get(LIST))


def test_another_currency_is_a_payment_of_its_own(world: World, emma: Browser) -> None:
    euros, dollars = world.invoice(), world.invoice()
    with world.scope():
        db.session.get_one(Document, dollars.id).currency = "USD"
        db.session.commit()
    give_credit(world, 5000)
    page = emma.get(page_of(dollars, euros))
    assert row_headers(page) == ["2026-0001"] and "another currency" in shown(page)
    other = next(address for address, words in links(page).items() if words == "Pay those")
    theirs = emma.get(other)
    assert row_headers(theirs) == ["2026-0002"] and "credit" not in shown(theirs), "that is in euros"
    assert press(emma, other).status_code == 303


def test_a_hundred_go_into_one_payment(world: World, emma: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "MOST", 2)
    invoices = [world.invoice(100) for _ in range(3)]
    for address in (f"{LIST}/pay?all=1", page_of(*invoices)):
        page = emma.get(address)
        assert len(row_headers(page)) == 2 and "the 2 to pay first" in shown(page)
    assert "instead" not in shown(emma.get(f"{LIST}/{invoices[0].public_id}"))
    assert press(emma, f"{LIST}/pay?all=1").status_code == 303
    assert [row.amount_minor for row in world.bank()] == [200]


@pytest.mark.parametrize("count", [2, 25])
def test_the_page_costs_no_more_for_more(
    app: Flask, world: World, login: Login, ids: Ids, count: int
) -> None:
    invoices = [world.invoice() for _ in range(count)]
    client = login("emma", now=clock.now())
    client.get(page_of(*invoices))
    with counted(app) as statements:
        assert client.get(page_of(*invoices)).status_code == 200
    assert len(statements) <= 8, "\n\n".join(statements)


def test_it_is_in_dutch(world: World, emma: Browser) -> None:
    give_credit(world, 5000)
    with world.scope():
        db.session.get_one(Person, world.ids.emma).language = "nl"
        db.session.commit()
    invoice, costs, settled = world.invoice(), fee(world, 100), world.invoice(0)
    said = shown(emma.get(page_of(invoice, costs, settled)))
    for word in (
        "Facturen betalen",
        "Gebruik € 50,00 van je tegoed",
        "Blijft over",
        "Al voldaan",
        "2 facturen",
    ):
        assert word in said, word
    assert "Betaal wat is aangevinkt" in shown(emma.get(LIST))


def test_what_a_hostile_customer_is_called_is_not_run(world: World, emma: Browser) -> None:
    first, second = world.invoice(), world.invoice()
    with world.scope():
        db.session.get_one(Document, first.id).number = rows.HOSTILE[:32]
        db.session.commit()
    assert "<script>alert" not in emma.get(page_of(first, second)).get_data(as_text=True)


# Paying.


def test_paid_together(world: World, emma: Browser) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    answer = press(emma, page_of(first, second))
    assert answer.status_code == 303 and "/sandbox/" in answer.location
    back = emma.return_to_shop(emma.decide(answer.location, "paid"))
    assert back.status_code == 303 and back.location == LIST
    assert "Your payment has arrived" in shown(emma.get(LIST))
    assert (world.open_minor(first), world.open_minor(second)) == (0, 0)
    for each, amount in ((first, "€ 100.00"), (second, "€ 50.00")):
        history = shown(emma.get(f"{LIST}/{each.public_id}"))
        assert "iDEAL | Wero" in history and amount in history and "reference sbp_" in history
    world.check_books()


@pytest.mark.parametrize("decision", ["failed", "canceled", "expired"])
def test_not_paid_leads_back_to_the_same_invoices(world: World, emma: Browser, decision: str) -> None:
    first, second, _third = world.invoice(10000), world.invoice(5000), world.invoice()
    answer = press(emma, page_of(first, second))
    back = emma.return_to_shop(emma.decide(answer.location, decision))
    assert back.status_code == 303
    again = emma.get(back.location)
    assert row_headers(again) == ["2026-0001", "2026-0002"]
    assert re.search("o money was taken", shown(again))
    assert press(emma, back.location).status_code == 303
    world.check_books()


def test_paid_later_is_shown_as_under_way(world: World, emma: Browser) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    answer = press(emma, page_of(first, second))
    emma.return_to_shop(emma.decide(answer.location, "later"))
    assert shown(emma.get(LIST)).count("Pending") >= 2 and "ticked" not in shown(emma.get(LIST))
    run_at(world, 30)
    assert (world.open_minor(first), world.open_minor(second)) == (0, 0)
    world.check_books()


def test_one_paid_by_its_link_meanwhile_leaves_credit(world: World, emma: Browser) -> None:
    first, second, friend = world.invoice(10000), world.invoice(5000), world.browser()
    by_link = friend.pay(first)
    page = page_of(first, second)
    assert "Continue" in shown(emma.get(page)), "it would be paid twice"
    assert emma.post(page, {}, to=page.replace("/pay?", "/pay/restart?")).status_code == 303
    answer = press(emma, page)
    friend.decide(by_link, "paid", "before")
    world.work()
    emma.return_to_shop(emma.decide(answer.location, "paid"))
    assert (world.open_minor(first), world.open_minor(second)) == (0, 0)
    world.check_books()


def test_a_saved_method_is_charged_for_all(world: World, emma: Browser) -> None:
    first, second, mandate = world.invoice(10000), world.invoice(5000), world.mandate()
    answer = press(emma, page_of(first, second), method=f"saved:{mandate}")
    assert answer.status_code == 303 and answer.location == LIST
    assert world.payments() == [PaymentStatus.PENDING]
    assert shown(emma.get(LIST)).count("Pending") >= 2


@pytest.mark.parametrize("method", ["transfer", "cash", "sepa", "saved:x", "IDEAL", "\0", None])
def test_other_ways_are_refused(world: World, emma: Browser, method: str | None) -> None:
    """A transfer of several has no reference that would say so: it is not offered, and not taken."""
    first, second = world.invoice(), world.invoice()
    page = emma.get(page_of(first, second))
    assert "transfer" not in {each.attrib.get("value") for each in find_all(parse(page.text), "input")}
    assert "open each invoice" in shown(page)
    refused = press(emma, page_of(first, second), method=method)
    assert refused.status_code == 422 and row_headers(refused) == ["2026-0001", "2026-0002"]
    assert world.payments() == []


@pytest.mark.parametrize("field", ["total", "credit"])
@pytest.mark.parametrize("value", ["1", "-1", "", "1e3", "9" * 400, "٣", "\0", "20000.0", "abc"])
def test_amounts_that_were_not_shown_are_refused(world: World, emma: Browser, field: str, value: str) -> None:
    """A credit that is smaller than offered hurts nobody, and none at all is no tick."""
    give_credit(world, 5000)
    first, second = world.invoice(), world.invoice()
    answer = press(emma, page_of(first, second), **{field: value})
    if field == "credit" and value in ("", "1"):
        assert answer.status_code == 303
        return
    assert answer.status_code in (409, 422) and world.payments() == [] and world.credit() == 5000


def test_what_changed_meanwhile_is_shown_again(world: World, emma: Browser) -> None:
    give_credit(world, 3000)
    first, second, friend = world.invoice(10000), world.invoice(5000), world.browser()
    page = page_of(first, second)
    click = emma.aim(page, fields(emma.get(page)))
    friend.decide(friend.pay(first), "paid", "before")
    world.work()
    answer = click()
    assert answer.status_code == 409 and "changed meanwhile" in shown(answer)
    assert fields(answer)["total"] == "5000" and world.credit() == 3000
    assert len(world.payments()) == 1


@pytest.mark.parametrize("clicks", [2, 4])
def test_clicks_at_once_lead_to_one_payment(world: World, emma: Browser, clicks: int) -> None:
    give_credit(world, 3000)
    first, second = world.invoice(10000), world.invoice(5000)
    page = page_of(first, second)
    aims = [emma.aim(page, fields(emma.get(page))) for _ in range(clicks)]
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda aim=aim: answers.append(aim())) for aim in aims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.status_code for each in answers} == {303} and len({each.location for each in answers}) == 1
    assert world.credit() == 0 and [row.amount_minor for row in world.bank()] == [12000]
    assert (
        emma.post(page, {"method": "ideal", "credit": "3000", "total": "15000"}, to=page).status_code == 303
    )
    assert world.payments() == [PaymentStatus.OPEN]


def test_two_browsers_with_different_choices_end_in_one_payment(
    world: World, emma: Browser, login: Login
) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    other = world.browser(login("emma", now=clock.now()))
    both, one = page_of(first, second), page_of(second)
    late = other.aim(one, fields(other.get(one)))
    assert press(emma, both).status_code == 303
    answer = late()
    assert answer.status_code == 409 and "started before" in shown(answer) and "Continue" in shown(answer)
    assert world.payments() == [PaymentStatus.OPEN]


def test_a_started_payment_is_continued_or_started_again(world: World, emma: Browser) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    page = page_of(first, second)
    at_bank = press(emma, page).location
    started = "payment of € 150.00. It is for 2 invoices together."
    for address in (page, page_of(second), f"{LIST}/{second.public_id}", second.link):
        waiting = emma.get(address)
        assert started in shown(waiting) and at_bank in links(waiting)
        assert "How do you want to pay?" not in shown(waiting)
    answer = emma.post(page, {}, to=page.replace("/pay?", "/pay/restart?"))
    assert answer.status_code == 303 and answer.location == page
    assert "was stopped" in shown(emma.get(page)) and world.payments() == [PaymentStatus.CANCELLED]
    assert press(emma, page, method="card").status_code == 303
    assert emma.post(LIST, {}, to=f"{LIST}/{second.public_id}/restart").status_code == 303
    assert world.payments() == [PaymentStatus.CANCELLED, PaymentStatus.CANCELLED]


def test_the_order_of_fees_is_explained_where_there_are_some(world: World, emma: Browser) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    assert "Fees are paid first" not in shown(emma.get(page_of(first, second)))
    assert "Fees are paid first" in shown(emma.get(page_of(first, fee(world, 4000))))


def test_the_default_method_is_preselected(world: World, emma: Browser) -> None:
    first, second, mandate = world.invoice(10000), world.invoice(5000), world.mandate()
    page = page_of(first, second)
    assert fields(emma.get(page))["method"] == "ideal"
    with world.scope():
        db.session.query(PaymentMethod).one().is_default = True
        db.session.commit()
    assert fields(emma.get(page))["method"] == f"saved:{mandate}"
    refused = press(emma, page, method="card", total="1")
    assert refused.status_code == 409 and fields(refused)["method"] == "card"


def test_starting_again_what_was_paid_says_so(world: World, emma: Browser) -> None:
    first, second = world.invoice(10000), world.invoice(5000)
    page = page_of(first, second)
    emma.decide(press(emma, page).location, "paid")
    assert emma.post(page, {}, to=page.replace("/pay?", "/pay/restart?")).status_code == 303
    assert world.payments() == [PaymentStatus.PAID]
    assert "had arrived after all" in shown(emma.get(LIST))


def test_a_token_that_does_not_fit_shows_the_page_again(world: World, emma: Browser) -> None:
    invoice = world.invoice()
    answer = emma.client.post(page_of(invoice), data={"method": "ideal"}, headers={"Referer": "https://x/"})
    assert answer.status_code == 422 and row_headers(answer) == ["2026-0001"] and world.payments() == []


# Credit.


def test_credit_is_used_first_and_the_bank_gets_the_rest(world: World, emma: Browser) -> None:
    give_credit(world, 12000)
    first, second = world.invoice(10000), world.invoice(5000)
    answer = press(emma, page_of(first, second))
    assert (world.open_minor(first), world.open_minor(second), world.credit()) == (0, 3000, 0)
    assert [row.amount_minor for row in world.bank()] == [3000]
    back = emma.return_to_shop(emma.decide(answer.location, "paid"))
    assert back.location.endswith(second.public_id), "what the payment was for"
    history = shown(emma.get(f"{LIST}/{first.public_id}"))
    assert "Your credit" in history and "iDEAL | Wero" not in history


def test_credit_without_its_tick_stays(world: World, emma: Browser) -> None:
    give_credit(world, 12000)
    first, second = world.invoice(10000), world.invoice(5000)
    press(emma, page_of(first, second), credit=None)
    assert world.credit() == 12000 and [row.amount_minor for row in world.bank()] == [15000]


def test_credit_for_all_of_it_asks_no_bank(world: World, emma: Browser) -> None:
    give_credit(world, 20000)
    first, second = world.invoice(10000), world.invoice(5000)
    page = page_of(first, second)
    assert "Pay with your credit" in shown(emma.get(page))
    again = emma.aim(page, fields(emma.get(page)))
    answer = press(emma, page)
    assert answer.status_code == 303 and answer.location == LIST
    assert "paid with your credit" in shown(emma.get(LIST))
    assert again().status_code == 303 and "Nothing is left" in shown(emma.get(LIST))
    assert world.credit() == 5000 and world.payments() == [] and world.bank() == []
    history = shown(emma.get(f"{LIST}/{first.public_id}"))
    assert "Your credit" in history and "Nothing to pay" in history


def test_credit_used_elsewhere_meanwhile_is_refused(world: World, emma: Browser) -> None:
    give_credit(world, 5000)
    first, second = world.invoice(10000), world.invoice(5000)
    late = emma.aim(page_of(first), fields(emma.get(page_of(first))))
    press(emma, page_of(second))
    assert world.open_minor(second) == 0
    answer = late()
    assert answer.status_code == 409 and "used for something else" in shown(answer)
    assert world.payments() == [] and "credit" not in fields(answer)


class TestOneInvoice:
    """The panel beside an invoice offers credit too."""

    def test_it_goes_first(self, world: World, emma: Browser) -> None:
        give_credit(world, 3000)
        invoice = world.invoice(10000)
        page = f"{LIST}/{invoice.public_id}"
        data = fields(emma.get(page))
        assert data == {"credit": "3000", "method": "ideal"}
        answer = emma.post(page, data, to=f"{page}/pay")
        assert answer.status_code == 303 and [row.amount_minor for row in world.bank()] == [7000]
        assert (world.open_minor(invoice), world.credit()) == (7000, 0)
        emma.return_to_shop(emma.decide(answer.location, "paid"))
        assert world.open_minor(invoice) == 0

    @pytest.mark.parametrize("method", ["ideal", "transfer"])
    def test_all_of_it(self, world: World, emma: Browser, method: str) -> None:
        give_credit(world, 30000)
        invoice = world.invoice(10000)
        page = f"{LIST}/{invoice.public_id}"
        answer = emma.post(page, {**fields(emma.get(page)), "method": method}, to=f"{page}/pay")
        assert answer.status_code == 303 and answer.location == page
        assert (world.open_minor(invoice), world.credit(), world.bank()) == (0, 20000, [])
        assert "Your credit was used." in shown(emma.get(page))

    @pytest.mark.parametrize(("part", "left"), [("", "€ 70.00"), ("40", "€ 10.00")])
    def test_a_transfer_is_of_the_rest(self, world: World, emma: Browser, part: str, left: str) -> None:
        world.change_shop(allow_part_payment=True)
        give_credit(world, 3000)
        invoice = world.invoice(10000)
        page = f"{LIST}/{invoice.public_id}"
        data = {**fields(emma.get(page)), "method": "transfer", "amount": part}
        answer = emma.post(page, data, to=f"{page}/pay")
        assert answer.status_code == 303 and f"Amount {left}" in shown(emma.get(answer.location))
        assert (world.open_minor(invoice), world.credit(), world.payments()) == (7000, 0, [])

    def test_a_part_holds_the_credit(self, world: World, emma: Browser) -> None:
        world.change_shop(allow_part_payment=True)
        give_credit(world, 3000)
        page = f"{LIST}/{world.invoice(10000).public_id}"
        emma.post(page, {**fields(emma.get(page)), "amount": "40"}, to=f"{page}/pay")
        assert [row.amount_minor for row in world.bank()] == [1000] and world.credit() == 0

    @pytest.mark.parametrize("method", ["ideal", "transfer"])
    def test_more_of_it_than_a_part_pays_just_that_part(
        self, world: World, emma: Browser, method: str
    ) -> None:
        world.change_shop(allow_part_payment=True)
        give_credit(world, 5000)
        invoice = world.invoice(10000)
        page = f"{LIST}/{invoice.public_id}"
        data = {**fields(emma.get(page)), "method": method, "amount": "20"}
        again = emma.aim(page, data, to=f"{page}/pay")
        answer = emma.post(page, data, to=f"{page}/pay")
        assert answer.status_code == 303 and answer.location == page
        assert (world.open_minor(invoice), world.credit(), world.bank()) == (8000, 3000, [])
        answer = again()
        assert answer.status_code == 409 and "used for something else" in shown(answer), "a second click"
        assert (world.open_minor(invoice), world.credit()) == (8000, 3000)

    @pytest.mark.parametrize("credit", ["3001", "10001", "-1", "x", "9" * 20])
    def test_more_than_there_is_is_refused(self, world: World, emma: Browser, credit: str) -> None:
        give_credit(world, 3000)
        page = f"{LIST}/{world.invoice(10000).public_id}"
        for method in ("ideal", "transfer"):
            answer = emma.post(page, {"method": method, "credit": credit}, to=f"{page}/pay")
            assert answer.status_code in (409, 422), method
        assert world.credit() == 3000 and world.payments() == []

    def test_a_link_offers_and_takes_none(self, world: World) -> None:
        give_credit(world, 3000)
        invoice, visitor = world.invoice(10000), world.browser()
        assert "credit" not in shown(visitor.get(invoice.link)).lower().replace("credit card", "")
        visitor.pay(invoice, credit="3000")
        assert world.credit() == 3000 and [row.amount_minor for row in world.bank()] == [10000]

    def test_credit_of_another_kind_is_not_offered(self, world: World, emma: Browser) -> None:
        give_credit(world, 3000, currency="USD")
        give_credit(world, 3000, mode=Mode.LIVE)
        give_credit(world, 3000, customer_id=world.ids.jan_account)
        give_credit(world, 3000)
        give_credit(world, -3000, use=CreditUse.REFUND)
        page = f"{LIST}/{world.invoice(10000).public_id}"
        assert "credit" not in fields(emma.get(page))


def test_the_books_are_right_after_all_of_it(world: World, emma: Browser, app: Flask) -> None:
    give_credit(world, 7000)
    invoices = [world.invoice(10000) for _ in range(3)]
    answer = press(emma, page_of(*invoices))
    emma.return_to_shop(emma.decide(answer.location, "paid"))
    emma.decide(answer.location, "charge_back", "before")
    world.work()
    checked = app.test_cli_runner().invoke(args=["invoice", "check", "--shop", HOST])
    assert checked.exit_code == 0, checked.output
