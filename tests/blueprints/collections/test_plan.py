"""Asking for a payment plan: choice, summary, sending; and choosing what pays it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from portal.core.mailer import MailMessage
from portal.domain.collections.models import CaseStatus, CollectionCase, PaymentPlan, PlanStatus
from portal.domain.invoices.models import Document
from portal.domain.people.models import Membership, Role
from portal.domain.tickets.models import Ticket, TicketMessage
from portal.extensions import db
from tests.domain.invoices.paying import attempt, book
from tests.page_client import find_all, parse
from tests.pages import links, row_headers, text
from tests.rows import HOSTILE, make_case, make_method

LIST = "/customer/collections"
ASKED = {"instalments": "3", "total": "12100"}
MAY_ASK = {Role.OWNER, Role.BILLING}


@pytest.fixture
def case(on_stage: Any, ids: Any) -> str:
    """The page of a case of Emma's."""
    with on_stage():
        return f"{LIST}/{make_case(ids.emma_account, number='K-1001').public_id}"


@pytest.fixture
def agreed(on_stage: Any, ids: Any, case: str) -> str:
    """Where Emma chooses what pays the plan that the shop agreed to."""
    with on_stage():
        found = db.session.scalars(sa.select(CollectionCase)).one()
        found.status = CaseStatus.WITH_PLAN
        db.session.add(
            PaymentPlan(
                case_id=found.id,
                status=PlanStatus.PENDING_MANDATE,
                instalment_count=3,
                currency="EUR",
                total_minor=12100,
            )
        )
    return f"{case}/method"


def asked(on_stage: Any) -> list[tuple[PlanStatus, int, int]]:
    with on_stage():
        rows = db.session.scalars(sa.select(PaymentPlan).order_by(PaymentPlan.id))
        return [(plan.status, plan.instalment_count, plan.total_minor) for plan in rows]


def hidden(response: Any, name: str) -> str:
    fields = find_all(parse(response.get_data(as_text=True)), "input")
    (found,) = [each for each in fields if each.attrib.get("name") == name]
    return found.attrib["value"]


def test_the_choice_says_what_each_month_comes_to(login: Any, case: str) -> None:
    shown = text(login("emma").get(f"{case}/plan"))
    for said in (
        "2 instalments € 60.50 a month",
        "3 instalments € 40.33 a month, the last € 40.34",
        "6 instalments € 20.16 a month, the last € 20.20",
        "12 instalments € 10.08 a month, the last € 10.12",
    ):
        assert said in shown


def test_the_summary_names_every_instalment_and_sends_nothing(login: Any, on_stage: Any, case: str) -> None:
    page = login("emma").get(f"{case}/plan?instalments=12")
    assert row_headers(page) == [f"{number} of 12" for number in range(1, 13)]
    assert text(page).count("€ 10.08") == 11 and "€ 10.12" in text(page) and "Total € 121.00" in text(page)
    assert (hidden(page, "instalments"), hidden(page, "total")) == ("12", "12100")
    assert asked(on_stage) == []


@pytest.mark.parametrize("odd", ["", "4", "x", "-3", "%00", "9" * 400, "3.0", "Ⅷ"])
def test_another_number_is_chosen_again(login: Any, on_stage: Any, case: str, odd: str) -> None:
    emma = login("emma")
    page = emma.get(f"{case}/plan?instalments={odd}")
    assert page.status_code == 200 and "In how many instalments?" in text(page)
    answer = emma.send(f"{case}/plan", {**ASKED, "instalments": odd.replace("%00", "\0")})
    assert answer.status_code == 422 and "Choose in how many instalments" in text(answer)
    assert asked(on_stage) == []


def test_sending_asks_and_says_so(login: Any, on_stage: Any, case: str) -> None:
    emma = login("emma")
    answer = emma.send(f"{case}/plan", {**ASKED, "message": "I lost my job."})
    assert (answer.status_code, answer.location) == (303, case)
    assert asked(on_stage) == [(PlanStatus.REQUESTED, 3, 12100)]
    page = emma.get(case)
    assert "We have asked the shop." in text(page)
    assert "You asked for a payment plan in 3 instalments" in text(page)
    (talk,) = [url for url, words in links(page).items() if words == "Read the conversation"]
    assert "I lost my job." in text(emma.get(talk))
    # Nothing is asked for a second time, from whichever page.
    assert emma.get(f"{case}/plan").location == emma.get(f"{case}/plan?instalments=2").location == case
    for _click in range(2):
        assert emma.send(f"{case}/plan", {**ASKED, "instalments": "2"}).location == case
    assert asked(on_stage) == [(PlanStatus.REQUESTED, 3, 12100)]
    with on_stage():
        assert db.session.query(Ticket).count() == 1
        mails = db.session.scalars(sa.select(MailMessage.name).order_by(MailMessage.id)).all()
        assert mails == ["plan_requested", "ticket_received"]


def test_what_changed_meanwhile_is_looked_at_again(login: Any, on_stage: Any, ids: Any, case: str) -> None:
    with on_stage():
        book(attempt(ids.emma_account, (db.session.scalars(sa.select(Document)).one(), 2100)), 2100)
    emma = login("emma")
    answer = emma.send(f"{case}/plan", {**ASKED, "message": "Please."})
    assert answer.status_code == 409 and "changed meanwhile" in text(answer)
    assert hidden(answer, "total") == "10000" and "Please." in answer.text
    assert asked(on_stage) == []
    assert emma.send(f"{case}/plan", {**ASKED, "total": "10000"}).status_code == 303
    assert asked(on_stage) == [(PlanStatus.REQUESTED, 3, 10000)]


@pytest.mark.parametrize("total", ["", "x", "-1", "1.5", "9" * 400, "12100\0", "\u0661"])
def test_a_total_that_no_page_sent(login: Any, on_stage: Any, case: str, total: str) -> None:
    assert login("emma").send(f"{case}/plan", {**ASKED, "total": total}).status_code in (409, 422)
    assert asked(on_stage) == []


def test_where_the_shop_does_not_allow_it_nothing_is_asked(login: Any, on_stage: Any, case: str) -> None:
    with on_stage():
        db.session.execute(sa.update(CollectionCase).values(allow_plan=False))
    emma = login("emma")
    assert "Ask for a payment plan" not in text(emma.get(case))
    assert emma.get(f"{case}/plan").location == case
    assert emma.send(f"{case}/plan", ASKED).location == case
    assert "cannot be asked for here" in text(emma.get(case))
    assert asked(on_stage) == []


@pytest.mark.parametrize(
    ("message", "status"),
    [("x" * 2000, 303), ("x" * 2001, 422), ("a\0b", 422), (HOSTILE, 303), ("\U0001f600 مرحبا", 303)],
)
def test_a_message(login: Any, on_stage: Any, case: str, message: str, status: int) -> None:
    assert login("emma").send(f"{case}/plan", {**ASKED, "message": message}).status_code == status
    with on_stage():
        bodies = db.session.scalars(sa.select(TicketMessage.body)).all()
        assert [message in body for body in bodies] == ([True] if status == 303 else [])


def test_a_form_of_another_session_is_sent_again(login: Any, on_stage: Any, case: str) -> None:
    answer = login("emma").post(f"{case}/plan", data={**ASKED, "message": "Please."})
    assert answer.status_code == 422 and "open for too long" in text(answer) and "Please." in answer.text
    assert asked(on_stage) == []


def test_choosing_what_pays_the_plan(login: Any, on_stage: Any, ids: Any, case: str, agreed: str) -> None:
    emma = login("emma")
    assert "No payment method yet" in text(emma.get(agreed))
    with on_stage():
        method, other = make_method(ids.emma_account), make_method(ids.jan_account, masked="of Jan")
        mine, his = method.public_id, other.public_id
    page = emma.get(agreed)
    assert "NL•• •••• •••• 4300" in text(page) and "of Jan" not in text(page)
    for odd in ("", his, "x", "x" * 31, "a\0b"):
        assert emma.send(agreed, {"method": odd}).status_code == 422
    assert asked(on_stage) == [(PlanStatus.PENDING_MANDATE, 3, 12100)]
    for _click in range(2):
        answer = emma.send(agreed, {"method": mine})
        assert (answer.status_code, answer.location) == (303, case)
    assert asked(on_stage) == [(PlanStatus.ACTIVE, 3, 12100)]
    assert "collected from this from now on" in text(emma.get(case))


def test_without_an_agreed_plan_there_is_nothing_to_choose(login: Any, case: str) -> None:
    emma = login("emma")
    assert (
        emma.get(f"{case}/method").location == emma.send(f"{case}/method", {"method": "x"}).location == case
    )


@pytest.mark.parametrize("role", Role)
def test_what_each_role_may_do(login: Any, on_stage: Any, ids: Any, case: str, role: Role) -> None:
    with on_stage():
        db.session.execute(sa.update(Membership).where(Membership.person_id == ids.bram).values(role=role))
    bram = login("bram")
    answers = {
        "choose": bram.get(f"{case}/plan").status_code,
        "ask": bram.send(f"{case}/plan", ASKED).status_code,
        "method": bram.get(f"{case}/method").status_code,
        "pay with": bram.send(f"{case}/method", {"method": "x"}).status_code,
    }
    may = role in MAY_ASK
    assert set(answers.values()) == ({200, 303} if may else {403}), answers
    assert len(asked(on_stage)) == may


@pytest.mark.parametrize("who", ["jan", "dora"])
def test_to_a_stranger_there_is_nothing(login: Any, on_stage: Any, case: str, who: str) -> None:
    stranger = login(who)
    for path in (f"{case}/plan", f"{case}/method"):
        assert stranger.get(path).status_code == stranger.send(path, ASKED).status_code == 404
    assert asked(on_stage) == []


def test_the_wrong_method(login: Any, case: str) -> None:
    emma = login("emma")
    for path in (LIST, case):
        assert emma.send(path, {}).status_code == 405
    for path in (f"{case}/plan", f"{case}/method"):
        assert emma.delete(path).status_code in (400, 405)


def test_in_dutch(login: Any, case: str) -> None:
    emma, dutch = login("emma"), {"Accept-Language": "nl"}
    assert "3 termijnen € 40,33 per maand, de laatste € 40,34" in text(
        emma.get(f"{case}/plan", headers=dutch)
    )
    assert "1 van 3" in text(emma.get(f"{case}/plan?instalments=3", headers=dutch))
