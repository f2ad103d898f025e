"""An invoice that is paid in instalments: home, sidebar, list and page say what comes next, and shout of no delay."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.domain.collections.instalments import schedule
from portal.domain.collections.models import (
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.invoices.models import CreditEntry, CreditUse, Document
from portal.domain.people.models import Membership, Role
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.blueprints.home.test_home import needs
from tests.cast import START, make_invoice
from tests.pages import links, text
from tests.rows import make_case, make_ticket
from tests.statements import counted

#: A month before the first instalment, which is due on 31 January; the invoice itself was due on 15 November.
AGREED = START + timedelta(days=60)
MISSED = AGREED + timedelta(days=35)
PLACES = ("/customer", "/customer/invoices", "/customer/invoices?status=overdue")


def add_plan(ids: Any, status: PlanStatus = PlanStatus.ACTIVE, *, number: str = "K-1001") -> CollectionCase:
    case = make_case(ids.emma_account, number=number, status=CaseStatus.WITH_PLAN)
    plan = PaymentPlan(
        case_id=case.id,
        status=status,
        instalment_count=3,
        currency="EUR",
        total_minor=12100,
        created_at=AGREED,
    )
    db.session.add(plan)
    db.session.flush()
    for each in schedule(12100, 3, agreed_on=AGREED.date()):
        row = PlanInstalment(
            plan_id=plan.id, position=each.position, due_on=each.due_on, amount_minor=each.amount_minor
        )
        db.session.add(row)
    db.session.flush()
    return case


def visit(login: Any, address: str, at: Any = AGREED, who: str = "emma", **options: Any) -> Any:
    with clock.frozen(at):
        response = login(who, now=at).get(address, **options)
    assert response.status_code == 200
    return response


def page_of(case: CollectionCase) -> str:
    return f"/customer/invoices/{db.session.get_one(Document, case.document_id).public_id}"


@pytest.mark.parametrize("address", PLACES)
def test_a_plan_that_is_kept_does_not_look_late(login: Any, on_stage: Any, ids: Any, address: str) -> None:
    with on_stage():
        case = add_plan(ids)
        invoice, url = page_of(case), f"/customer/collections/{case.public_id}"
    for where in (address, invoice):
        response = visit(login, where)
        html = response.get_data(as_text=True)
        assert "days overdue" not in html and "is overdue" not in html
        assert '<span class="note">next instalment <time' in html, "the sidebar says what comes next"
        assert 'class="note late"' not in html
    assert url in links(visit(login, "/customer")) and url in links(visit(login, invoice))


def test_home_says_what_comes_next_and_what_else_is_open(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = add_plan(ids)
        url = f"/customer/collections/{case.public_id}"
    told = "You pay in instalments Next: € 40.33 on 31 January 2027 Show payment plan"
    assert needs(visit(login, "/customer")) == [told]
    with on_stage():
        late = make_invoice(ids.emma_account, amount_minor=8470)
        make_ticket(ids.emma_account, waits_for_customer=True)
        late_url = f"/customer/invoices/{late.public_id}"
    response = visit(login, "/customer")
    [first, second, third] = needs(response)
    assert first == "An invoice is 46 days overdue € 84.70 is to be paid. Pay € 84.70"
    assert second.startswith("1 conversation waits")
    assert third == told
    assert {late_url, url} <= set(links(response))


def test_the_list_says_so_and_its_filter_agrees_with_home(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = add_plan(ids)
        url = f"/customer/collections/{case.public_id}"
    response = visit(login, "/customer/invoices")
    assert "31 Jan 2027 instalment of € 40.33 Unpaid" in text(response)
    assert url in links(response)
    assert "No invoices found" in text(visit(login, "/customer/invoices?status=overdue"))
    assert "instalment of" in text(visit(login, "/customer/invoices?status=unpaid"))
    late = visit(login, "/customer/invoices?status=overdue", at=MISSED)
    assert "31 Jan 2027 instalment of € 40.33 Overdue" in text(late)


def test_a_missed_instalment_is_late_everywhere(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        invoice = page_of(add_plan(ids))
    told = "An instalment of your payment plan is late € 40.33 was due on 31 January 2027. Show payment plan"
    assert needs(visit(login, "/customer", at=MISSED)) == [told], "and the invoice is not told once more"
    page = text(visit(login, invoice, at=MISSED))
    assert (
        "An instalment of your payment plan is late € 40.33 was due on 31 January 2027. To the case" in page
    )
    assert "Overdue" in page and "4 days overdue" in page
    with on_stage():
        make_invoice(ids.emma_account, amount_minor=8470)
    [first, second] = needs(visit(login, "/customer", at=MISSED))
    assert first == "An invoice is 81 days overdue € 84.70 is to be paid. Pay € 84.70", "and not the plan's"
    assert second == told
    with on_stage():
        make_invoice(ids.emma_account, amount_minor=8470, now=MISSED)
    [first, second] = needs(visit(login, "/customer", at=MISSED))
    # The list, where this leads to, holds what the plan is about too.
    assert first == (
        "2 invoices are open, 1 is overdue Together: € 169.40, besides what you pay in instalments Show invoices"
    )
    assert second == told


def test_several_late_plans_are_counted_and_lead_to_the_cases(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        first, second = add_plan(ids), add_plan(ids, number="K-1002")
        urls = {f"/customer/collections/{each.public_id}" for each in (first, second)}
    response = visit(login, "/customer", at=MISSED)
    told = "2 payment plans are late The first missed instalment was due on 31 January 2027. Show cases"
    assert needs(response) == [told]
    assert "/customer/collections" in links(response)
    assert urls <= set(links(visit(login, "/customer/collections", at=MISSED)))
    response = visit(login, "/customer", at=MISSED, headers={"Accept-Language": "nl"})
    assert needs(response)[0].startswith("2 betalingsregelingen zijn te laat")


def test_one_that_is_late_is_told_beside_one_that_waits(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        add_plan(ids)
        add_plan(ids, PlanStatus.PENDING_MANDATE, number="K-1002")
    [first, second] = needs(visit(login, "/customer", at=MISSED))
    assert first.startswith("Choose how to pay your payment plan")
    assert second == "1 payment plan is late An instalment was due on 31 January 2027. Show cases"


def test_paying_several_shows_the_day_of_the_instalment(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = add_plan(ids)
        late = make_invoice(ids.emma_account, amount_minor=8470)
        number, late_page = late.number, f"/customer/invoices/{late.public_id}"
        chosen = f"{page_of(case)} {late_page}".replace("/customer/invoices/", "&invoice=").replace(" ", "")
    address = f"/customer/invoices/pay?{chosen[1:]}"
    html = visit(login, address).get_data(as_text=True)
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", html, re.S)
    assert len(rows) == 2
    for row in rows:
        assert ('class="late"' in row) is (f">{number}<" in row)
        assert ("instalment of" in row) is (f">{number}<" not in row)
    html = visit(login, address, at=MISSED).get_data(as_text=True)
    assert html.count('<td class="late"') == 2, "by then the instalment is late as well"


def test_home_and_pay_everything_leave_out_what_can_wait(login: Any, on_stage: Any, ids: Any) -> None:
    """What is paid in instalments and what is objected to: payable by themselves, and said to be left out."""
    with on_stage():
        case = add_plan(ids)
        planned = db.session.get_one(Document, case.document_id)
        first, second = (make_invoice(ids.emma_account, amount_minor=minor) for minor in (8470, 1000))
        objected = make_invoice(ids.emma_account, amount_minor=7700)
        objected.disputed_on = START.date()
        page, objected_page = (f"/customer/invoices/{each.public_id}" for each in (first, objected))
        ticked = [planned.public_id, objected.public_id]
        names = [each.number for each in (planned, objected)]
        first_id, second_id, second_page = first.id, second.id, f"/customer/invoices/{second.public_id}"
    [told, *_more] = needs(visit(login, "/customer"))
    assert told == (
        "2 invoices are overdue Together: € 94.70, besides what you object to or pay in instalments "
        "Show invoices"
    )
    assert "Pay all open invoices (€ 94.70) instead" in text(visit(login, page))
    everything = visit(login, "/customer/invoices/pay?all=1")
    assert "To pay € 94.70" in text(everything)
    for name, reason in zip(
        names,
        ("is not in it: you pay it in instalments.", "is not in it: you objected to it."),
        strict=True,
    ):
        assert f"{name} {reason}" in text(everything)
    dutch = text(visit(login, "/customer/invoices/pay?all=1", headers={"Accept-Language": "nl"}))
    assert "zit er niet bij: je hebt er bezwaar tegen gemaakt." in dutch
    assert "zit er niet bij: die betaal je in termijnen." in dutch
    chosen = visit(login, f"/customer/invoices/pay?invoice={ticked[0]}&invoice={ticked[1]}")
    assert "To pay € 198.00" in text(chosen) and "is not in it" not in text(chosen), "who ticks it means it"
    with on_stage():
        db.session.get_one(Document, first_id).disputed_on = START.date()
    assert "Pay everything" not in text(visit(login, "/customer/invoices")), "of one there is no everything"
    assert "Pay all open invoices" not in text(visit(login, second_page))
    with on_stage():
        db.session.get_one(Document, second_id).disputed_on = START.date()
    with clock.frozen(AGREED):
        emma = login("emma", now=AGREED)
        assert emma.get("/customer/invoices/pay?all=1").status_code == 303
        shown = text(emma.get(objected_page))
    assert "There is nothing else to pay now." in shown and "you pay it in instalments." in shown


def give_credit(customer_id: int, minor: int, currency: str = "EUR") -> None:
    db.session.add(
        CreditEntry(
            mode=Mode.TEST,
            customer_id=customer_id,
            currency=currency,
            amount_minor=minor,
            use=CreditUse.OVERPAID,
            created_at=START,
        )
    )


def test_what_is_open_is_told_with_the_credit_there_is_for_it(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        give_credit(ids.emma_account, 1000)
        give_credit(ids.emma_account, 9900, currency="USD")
        give_credit(ids.jan_account, 5000)
    assert needs(visit(login, "/customer")) == [], "credit alone needs nobody"
    with on_stage():
        make_invoice(ids.emma_account, amount_minor=600)
    told = "€ 6.00 is to be paid. You have € 10.00 in credit; use it when you pay. Pay € 6.00"
    assert needs(visit(login, "/customer"))[0].endswith(told)
    with on_stage():
        membership = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.emma)).one()
        membership.role = Role.READ_ONLY
    assert needs(visit(login, "/customer"))[0].endswith("€ 6.00 is to be paid. Show invoice"), (
        "who may not pay"
    )
    with on_stage():
        membership = db.session.scalars(sa.select(Membership).where(Membership.person_id == ids.emma)).one()
        membership.role = Role.OWNER
        make_invoice(ids.emma_account, amount_minor=100)
        add_plan(ids)
    told = "Together: € 7.00, besides what you pay in instalments. You have € 10.00 in credit"
    assert told in needs(visit(login, "/customer"))[0]
    dutch = needs(visit(login, "/customer", headers={"Accept-Language": "nl"}))[0]
    assert "in termijnen betaalt. Je hebt € 10,00 tegoed; gebruik het als je betaalt." in dutch
    with on_stage():
        give_credit(ids.emma_account, -1000)
    assert "in credit" not in needs(visit(login, "/customer"))[0]


def test_where_a_part_is_under_way_the_rest_is_asked_for(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        late = make_invoice(ids.emma_account, amount_minor=100000)
        late.pending_minor, late.due_date = 100, START.date() - timedelta(days=46)
    [told] = needs(visit(login, "/customer"))
    assert told == "An invoice is 106 days overdue € 999.00 is to be paid. Pay € 999.00"


def test_what_is_objected_to_is_not_called_late(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        objected = make_invoice(ids.emma_account, amount_minor=7700)
        objected.disputed_on = START.date()
        page = f"/customer/invoices/{objected.public_id}"
    home = visit(login, "/customer")
    assert needs(home) == [], "the shop is asked"
    with on_stage():
        others = [make_invoice(ids.emma_account, amount_minor=minor, now=AGREED) for minor in (100, 200)]
        ids_of_others = [each.id for each in others]
    [told] = needs(visit(login, "/customer"))
    assert told == "2 invoices are open Together: € 3.00, besides what you object to Show invoices"
    with on_stage():
        for each in ids_of_others:
            db.session.get_one(Document, each).disputed_on = AGREED.date()
    for address in ("/customer", "/customer/invoices", page):
        html = visit(login, address).get_data(as_text=True)
        assert (
            "days overdue" not in html
            and 'class="note late"' not in html
            and "Overdue<" not in html.replace(">Overdue</a>", "")
        ), address
    assert "you objected to it" in text(home)
    assert "No invoices found" in text(visit(login, "/customer/invoices?status=overdue"))
    assert "€ 77.00" in text(visit(login, "/customer/invoices?status=unpaid"))


def test_the_invoice_says_that_it_is_paid_in_instalments(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        invoice = page_of(add_plan(ids))
    page = text(visit(login, invoice))
    assert "You pay this in instalments Next: € 40.33 on 31 January 2027 To the case" in page
    assert "To pay € 121.00 next instalment 31 January 2027" in page, "it can still be paid at once"
    assert "is collected in case" not in page


def test_a_plan_that_waits_for_its_method_is_what_needs_me(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = add_plan(ids, PlanStatus.PENDING_MANDATE)
        url = f"/customer/collections/{case.public_id}"
        make_ticket(ids.emma_account, waits_for_customer=True)
    response = visit(login, "/customer")
    [first, second] = needs(response)
    assert first == (
        "Choose how to pay your payment plan The shop agreed to it. "
        "The first instalment of € 40.33 is due on 31 January 2027. Choose how to pay"
    )
    assert second.startswith("1 conversation waits")
    assert f"{url}/method" in links(response)
    # Who may not choose is led to the case.
    with on_stage():
        bram = sa.select(Membership).where(Membership.person_id == ids.bram)
        db.session.scalars(bram).one().role = Role.READ_ONLY
    response = visit(login, "/customer", who="bram")
    assert needs(response)[0].endswith("Show payment plan")
    assert url in links(response) and f"{url}/method" not in links(response)


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        add_plan(ids)
    response = visit(login, "/customer", headers={"Accept-Language": "nl"})
    assert needs(response) == [
        "Je betaalt in termijnen Volgende: € 40,33 op 31 januari 2027 Betalingsregeling bekijken"
    ]


def test_home_and_list_cost_as_many_statements_as_without_and_the_page_one_more(
    app: Any, login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        invoice = page_of(add_plan(ids))
    # The plan of an invoice is asked for where there is a case: every other page would pay for it more dearly.
    for address, most in (("/customer", 7), ("/customer/invoices", 5), (invoice, 7)):
        emma = login("emma", now=AGREED)
        with clock.frozen(AGREED):
            emma.get(address)
            with counted(app) as statements:
                emma.get(address)
        assert len(statements) <= most, statements
