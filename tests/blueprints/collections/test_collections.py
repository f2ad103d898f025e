"""The list of cases and the page of one: what is said, paid, and shown to whom."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.core.tenancy import every_shop
from portal.domain.collections.models import (
    CaseEvent,
    CaseStatus,
    CollectionCase,
    PaymentPlan,
    PlanInstalment,
    PlanStatus,
)
from portal.domain.collections.stages import STAGES
from portal.domain.collections.states import CASE_RUNNING
from portal.domain.invoices.booking import mark_pending
from portal.domain.invoices.models import Document, DocumentKind
from portal.domain.people.models import Customer, CustomerKind, Membership, Role
from portal.domain.shops.models import Mode
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.domain.invoices.paying import attempt, book
from tests.page_client import find_all, parse
from tests.pages import links, neighbour, row_headers, text
from tests.rows import HOSTILE, make_case, make_ticket
from tests.statements import counted, plans

LIST = "/customer/collections"
MAY_SEE = {Role.OWNER, Role.BILLING, Role.READ_ONLY}
MAY_PAY = {Role.OWNER, Role.BILLING}
#: The invoices of the cast are due two weeks after the start.
NOW = START + timedelta(days=14 + 46)


def visit(login: Any, address: str, who: str = "emma", **options: Any) -> Any:
    """A page 46 days after the invoice was due."""
    with clock.frozen(NOW):
        return login(who, now=NOW).get(address, **options)


def has_entry(page: Any) -> bool:
    return f'href="{LIST}"' in page.get_data(as_text=True).split("<main")[0]


def add_fee(
    case: CollectionCase, kind: DocumentKind = DocumentKind.COLLECTION_FEE, minor: int = 4000
) -> Document:
    fee = make_invoice(case.customer_id, amount_minor=minor, kind=kind)
    fee.case_id = case.id
    return fee


def add_plan(case: CollectionCase, status: PlanStatus, **options: Any) -> PaymentPlan:
    plan = PaymentPlan(
        case_id=case.id,
        status=status,
        instalment_count=3,
        currency="EUR",
        total_minor=12100,
        created_at=START,
        **options,
    )
    db.session.add(plan)
    db.session.flush()
    for position, amount in enumerate((4033, 4033, 4034), start=1):
        due_on = NOW.date() + timedelta(days=30 * (position - 2))
        db.session.add(PlanInstalment(plan_id=plan.id, position=position, due_on=due_on, amount_minor=amount))
    return plan


@pytest.fixture
def address(on_stage: Any, ids: Any) -> str:
    """The page of a case of Emma's."""
    with on_stage():
        return f"{LIST}/{make_case(ids.emma_account, number='K-1001').public_id}"


# The list, and its entry in the sidebar.


def test_without_a_case_there_is_no_entry_and_the_page_says_so(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_case(ids.jan_account)
    page = login("emma").get(LIST)
    assert row_headers(page) == [] and "No collection cases" in text(page)
    assert not has_entry(page)


@pytest.mark.parametrize("status", CaseStatus)
def test_the_entry_is_there_while_a_case_runs(
    login: Any, on_stage: Any, ids: Any, status: CaseStatus
) -> None:
    with on_stage():
        make_case(ids.emma_account, status=status)
        make_case(ids.emma_account, status=CaseStatus.ACTIVE, mode=Mode.LIVE)
    page = login("emma").get(LIST)
    assert has_entry(page) is (status in CASE_RUNNING)
    # What is over stays in the list.
    assert len(row_headers(page)) == 1


def test_a_row_says_how_late_and_how_much_with_fees(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, number="K-1001", stage=3)
        add_fee(case)
        number = db.session.get_one(Document, case.document_id).number
    shown = text(visit(login, LIST))
    assert f"K-1001 {number} 46 days Collection fees € 161.00" in shown


def test_twenty_six_are_two_pages_the_latest_first(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_case(ids.emma_account, number="K-00")
    emma = login("emma")
    emma.get(LIST)
    with counted(app) as few:
        emma.get(LIST)
    with on_stage():
        for number in range(1, 26):
            make_case(ids.emma_account, number=f"K-{number:02}")
    with counted(app) as many:
        first = emma.get(LIST)
    assert len(few) == len(many) <= 5, "\n\n".join(many)
    assert row_headers(first) == [f"K-{number:02}" for number in range(25, 0, -1)]
    second = emma.get(neighbour(first, "next"))
    assert row_headers(second) == ["K-00"]
    assert row_headers(emma.get(neighbour(second, "prev"))) == row_headers(first)
    for odd in ("after=x", "before=%00", "after=" + "a" * 3000):
        assert row_headers(emma.get(f"{LIST}?{odd}")) == row_headers(first)


def test_no_page_of_ten_thousand_is_sorted(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account)
        kept = (
            "shop_id",
            "mode",
            "customer_id",
            "document_id",
            "stage",
            "language",
            "allow_plan",
            "opened_on",
        )
        values = {name: getattr(case, name) for name in kept} | {"days_on_hold": 0, "version": 1}
        with every_shop():
            db.session.execute(
                sa.insert(CollectionCase),
                [
                    {
                        **values,
                        "public_id": f"case-{number:017}",
                        "number": f"X-{number}",
                        "status": CaseStatus.CLOSED,
                        "created_at": START,
                    }
                    for number in range(10_000)
                ],
            )
            # PostgreSQL does this by itself after a while; until then it takes a tenth of them for running.
            if db.engine.dialect.name == "postgresql":
                db.session.execute(sa.text("ANALYZE"))
    emma = login("emma")
    first = emma.get(LIST)
    assert len(row_headers(first)) == 25
    with plans(app) as found:
        emma.get(neighbour(first, "next"))
    # Where nearly all cases are hers PostgreSQL walks them by their key, which is the same order.
    (of_list,) = [plan for plan in found if re.search("(ix_collection_cases_list|pk_collection_cases)", plan)]
    of_frame = [plan for plan in found if re.search("(ix|uq)_collection_cases_(status|running)", plan)]
    assert set(of_frame) - {of_list}, "the sidebar reads what runs, and none of what is over"
    assert "TEMP B-TREE" not in of_list and "Sort" not in of_list


# The page.


@pytest.mark.parametrize("stage", range(5))
def test_each_stage_has_its_words_and_colour(login: Any, on_stage: Any, ids: Any, stage: int) -> None:
    with on_stage():
        case = make_case(ids.emma_account, stage=stage, number="K-1001")
        case_id = case.public_id
        number = db.session.get_one(Document, case.document_id).number
    page = visit(login, f"{LIST}/{case_id}")
    shown = text(page)
    assert f"{STAGES[stage].label}: please pay € 121.00" in shown
    assert str(STAGES[stage].meaning) in shown
    for said in ("Case K-1001", f"Invoice {number}", "46 days overdue", "Original amount € 121.00"):
        assert said in shown
    assert "Still to pay € 121.00" in shown and "Collection fees and interest" not in shown
    tree = parse(page.get_data(as_text=True))
    (now,) = [each for each in find_all(tree, "li") if each.attrib.get("aria-current") == "step"]
    assert "".join(now.itertext()) == str(STAGES[stage].label)
    (path,) = [each for each in find_all(tree, "ol") if each.attrib.get("class", "").startswith("stages")]
    assert path.attrib["class"] == f"stages tone-{STAGES[stage].tone}"
    assert len(find_all(path, "li")) == (5 if stage == 0 else 4)


@pytest.mark.parametrize("stage", range(1, 5))
def test_each_letter_has_its_day(login: Any, on_stage: Any, ids: Any, stage: int) -> None:
    sent = NOW.date() - timedelta(days=3)
    with on_stage():
        case = make_case(ids.emma_account, stage=stage, stage_since=sent)
        case_id = case.public_id
    shown = text(visit(login, f"{LIST}/{case_id}"))
    assert "28 December 2026" in shown
    assert f"{STAGES[stage].label} 28 Dec 2026" in shown
    assert ("Without extra costs until 13 Jan 2027" in shown) is (stage == 2)
    # Nobody has to act on these days while it is on hold.
    with on_stage():
        db.session.execute(sa.update(CollectionCase).values(status=CaseStatus.ON_HOLD))
    held = text(visit(login, f"{LIST}/{case_id}"))
    assert "Without extra costs until" not in held and "please pay" not in held


@pytest.mark.parametrize(
    ("days_ago", "kind", "said"),
    [
        (
            16,
            "consumer",
            "on 15 December 2026. Pay by 31 December 2026 at the latest and it costs nothing extra.",
        ),
        (
            17,
            "consumer",
            "on 14 December 2026. You could pay without extra costs up to and including 30 December 2026. The shop "
            "may add collection fees from now on; as long as it has not, what you see here is all there is to pay.",
        ),
        (16, "business", "on 15 December 2026. It says until when you can pay without extra costs."),
    ],
)
def test_the_formal_notice_says_until_when_a_consumer_pays_no_costs(
    login: Any, on_stage: Any, ids: Any, days_ago: int, kind: str, said: str
) -> None:
    """Sent on D it is taken as received on D+2, and its term is D+3 to D+16."""
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).kind = CustomerKind(kind)
        case = make_case(ids.emma_account, stage=2, stage_since=NOW.date() - timedelta(days=days_ago))
        case_id = case.public_id
    shown = text(visit(login, f"{LIST}/{case_id}"))
    assert f"You got a formal notice {said}" in shown
    assert ("Without extra costs until" in shown) is (kind == "consumer")


def test_what_is_disputed_is_not_asked_for(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, stage=2)
        case_id = case.public_id
        db.session.get_one(Document, case.document_id).disputed_on = NOW.date()
    page = visit(login, f"{LIST}/{case_id}")
    assert "You object to this invoice Until we have answered no letters are sent" in text(page)
    assert "please pay" not in text(page)
    assert "Pay now" in links(page).values(), "it can still be paid"


def test_a_plan_that_is_kept_is_not_late(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=CaseStatus.WITH_PLAN, number="K-1001")
        case_id, document_id = case.public_id, case.document_id
        add_plan(case, PlanStatus.ACTIVE)
    missed = visit(login, f"{LIST}/{case_id}")
    assert "An instalment of your payment plan is late € 40.33 was due on 1 December 2026." in text(missed)
    assert "30 days overdue" in text(missed)
    assert "30 days Payment plan" in text(visit(login, LIST))
    with on_stage():
        invoice = db.session.get_one(Document, document_id)
        source = attempt(ids.emma_account, (invoice, 4033))
        mark_pending(source.payment_id, now=START)
    under_way = visit(login, f"{LIST}/{case_id}")
    assert "1 of 3 1 Dec 2026 Pending" in text(under_way) and "overdue" not in text(under_way)
    with on_stage():
        book(source, 4033)
    kept = visit(login, f"{LIST}/{case_id}")
    assert "You pay this in instalments" in text(kept) and "overdue" not in text(kept)
    assert "next instalment 31 December 2026" in text(kept)
    assert 'class="big-note late"' not in kept.get_data(as_text=True)
    row = text(visit(login, LIST))
    assert "days" not in row.partition("K-1001")[2]


def test_fees_interest_and_what_was_paid(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, stage=3)
        case_id = case.public_id
        fee, interest = add_fee(case), add_fee(case, DocumentKind.INTEREST, 321)
        invoice = db.session.get_one(Document, case.document_id)
        book(attempt(ids.emma_account, (invoice, 2100)), 2100)
        documents = [each.public_id for each in (fee, interest, invoice)]
        number = str(invoice.number)
    page = visit(login, f"{LIST}/{case_id}")
    shown = text(page)
    assert "Collection fees and interest € 43.21 Paid −€ 21.00 Still to pay € 143.21" in shown
    # One payment for all of it, in the order in which it counts.
    (pay,) = [url for url, words in links(page).items() if words == "Pay now"]
    assert pay == "/customer/invoices/pay?" + "&".join(f"invoice={each}" for each in documents)
    several = visit(login, pay)
    assert "To pay € 143.21" in text(several)
    kinds = [header.partition(" ")[2] for header in row_headers(several)]
    assert kinds == ["Collection fee", "Interest", ""] and row_headers(several)[2] == number


def test_the_page_of_its_invoice_says_what_it_comes_to_with_fees(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, number="K-1001")
        case_key, case_id, other = case.id, case.public_id, make_invoice(ids.emma_account).public_id
        plain = db.session.get_one(Document, case.document_id).public_id
        over = make_case(ids.emma_account, status=CaseStatus.CLOSED)
        closed = db.session.get_one(Document, over.document_id).public_id
    page = visit(login, f"/customer/invoices/{plain}")
    assert "This is collected in case K-1001" in text(page) and f"{LIST}/{case_id}" in links(page)
    assert "came on top" not in text(page)
    with on_stage():
        fee = add_fee(db.session.get_one(CollectionCase, case_key)).public_id
    for document in (plain, fee):
        shown = text(visit(login, f"/customer/invoices/{document}"))
        assert "With everything that came on top, € 161.00 is to be paid." in shown
    for document in (other, closed):
        assert "collected in case" not in text(visit(login, f"/customer/invoices/{document}"))


def test_what_is_under_way_is_not_paid_again(login: Any, on_stage: Any, ids: Any, address: str) -> None:
    with on_stage():
        invoice = db.session.scalars(sa.select(Document)).one()
        invoice.pending_minor = invoice.open_minor
    page = visit(login, address)
    assert "The money for this is under way" in text(page)
    assert "Pay now" not in links(page).values() and "Ask for a payment plan" not in links(page).values()


SAID = {
    CaseStatus.ON_HOLD: "This case is on hold No letters are sent and no costs are added meanwhile. You can still pay.",
    CaseStatus.WITH_PLAN: "You pay this in instalments",
    CaseStatus.PAID: "Everything is paid. Thank you!",
    CaseStatus.WAIVED: "You need not pay the rest",
    CaseStatus.CLOSED: "This case is closed",
    CaseStatus.CANCELLED: "This case was cancelled",
}


@pytest.mark.parametrize("status", SAID)
def test_every_other_status_says_what_it_means(
    login: Any, on_stage: Any, ids: Any, status: CaseStatus
) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=status)
        case_id = case.public_id
        if status is CaseStatus.PAID:
            book(attempt(ids.emma_account, (db.session.get_one(Document, case.document_id), 12100)), 12100)
    page = visit(login, f"{LIST}/{case_id}")
    assert SAID[status] in text(page)
    assert any(url.startswith("/customer/invoices/pay?") for url in links(page)) is (status in CASE_RUNNING)
    assert "Ask for a payment plan" not in links(page).values()


def test_what_was_credited_whole_is_not_called_paid(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=CaseStatus.PAID)
        case_id, invoice = case.public_id, db.session.get_one(Document, case.document_id)
        invoice.credited_minor, invoice.open_minor = invoice.total_minor, 0
    shown = text(visit(login, f"{LIST}/{case_id}"))
    assert "Nothing is left to pay" in shown and "Everything is paid" not in shown
    assert "Credited −€ 121.00" in shown


def test_a_payment_that_was_taken_back_can_be_made_again(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=CaseStatus.PAID)
        case_id = case.public_id
    page = visit(login, f"{LIST}/{case_id}")
    assert "€ 121.00 is open again" in text(page) and "Pay now" in links(page).values()


@pytest.mark.parametrize(
    ("status", "case_status", "said"),
    [
        (PlanStatus.REQUESTED, CaseStatus.ACTIVE, "You asked for a payment plan in 3 instalments"),
        (PlanStatus.REFUSED, CaseStatus.ACTIVE, "The shop did not agree to the payment plan"),
        (PlanStatus.PENDING_MANDATE, CaseStatus.WITH_PLAN, "Choose what pays the instalments"),
        (PlanStatus.BROKEN, CaseStatus.ACTIVE, "The payment plan was broken off"),
    ],
)
def test_what_is_said_of_a_plan(
    login: Any, on_stage: Any, ids: Any, status: PlanStatus, case_status: CaseStatus, said: str
) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=case_status)
        case_id = case.public_id
        ticket_id = make_ticket(ids.emma_account).public_id
        add_plan(case, status, ticket_public_id=ticket_id)
    page = visit(login, f"{LIST}/{case_id}")
    assert said in text(page)
    talks = status in (PlanStatus.REQUESTED, PlanStatus.REFUSED)
    assert (f"/customer/support/{ticket_id}" in links(page)) is talks
    may_ask = status in (PlanStatus.REFUSED, PlanStatus.BROKEN)
    assert ("Ask for a payment plan" in links(page).values()) is may_ask
    # No word of it once everything is over.
    with on_stage():
        db.session.execute(sa.update(CollectionCase).values(status=CaseStatus.CLOSED))
    assert said not in text(visit(login, f"{LIST}/{case_id}"))


def test_a_plan_shows_progress_the_next_date_and_every_instalment(
    login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=CaseStatus.WITH_PLAN)
        case_id = case.public_id
        add_plan(case, PlanStatus.ACTIVE)
        invoice = db.session.get_one(Document, case.document_id)
        book(attempt(ids.emma_account, (invoice, 5000)), 5000)
    page = visit(login, f"{LIST}/{case_id}")
    shown = text(page)
    assert "€ 50.00 of € 121.00 paid Next: € 30.66 on 31 December 2026" in shown
    states = re.findall(r"\d of 3 \S+ \S+ \d{4} (?:€ \S+ (?:of € \S+ paid )?)?(Paid|Late|To come)", shown)
    assert states == ["Paid", "To come", "To come"]
    # What is left of each adds up to what is still to pay, and one that is paid in part says so.
    rows = re.findall(r"\d of 3 \S+ \S+ \d{4} .*?(?= \d of 3| What it is made of)", shown)
    assert rows == [
        "1 of 3 1 Dec 2026 € 40.33 Paid –",
        "2 of 3 31 Dec 2026 € 9.67 of € 40.33 paid To come € 30.66",
        "3 of 3 30 Jan 2027 To come € 40.34",
    ]
    assert "Still to pay € 71.00" in shown
    assert "Pay all of it now" in links(page).values()
    with on_stage():
        db.session.execute(
            sa.update(PlanInstalment)
            .where(PlanInstalment.position == 2)
            .values(due_on=NOW.date() - timedelta(days=1))
        )
    assert re.findall(
        r"\d of 3 \S+ \S+ \d{4} (?:€ \S+ (?:of € \S+ paid )?)?(Paid|Late|To come)",
        text(visit(login, f"{LIST}/{case_id}")),
    ) == [
        "Paid",
        "Late",
        "To come",
    ]


def test_what_a_credit_note_took_off_is_not_called_paid(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, status=CaseStatus.WITH_PLAN)
        case_id, invoice = case.public_id, db.session.get_one(Document, case.document_id)
        add_plan(case, PlanStatus.ACTIVE)
        invoice.credited_minor, invoice.open_minor = 6050, 6050
    shown = text(visit(login, f"{LIST}/{case_id}"))
    assert "€ 60.50 of € 121.00 paid or credited" in shown
    assert "€ 20.17 of € 40.33 paid or credited To come € 20.16" in shown
    states = re.findall(
        r"\d of 3 \S+ \S+ \d{4} (?:€ \S+ (?:of € \S+ paid or credited )?)?(Paid or credited|Paid|Late|To come)",
        shown,
    )
    assert states == ["Paid or credited", "To come", "To come"]
    assert "Credited −€ 60.50 Paid €" in shown
    shown = text(visit(login, f"{LIST}/{case_id}", headers={"Accept-Language": "nl"}))
    assert (
        "€ 60,50 van € 121,00 betaald of gecrediteerd" in shown
        and "2026 € 40,33 Betaald of gecrediteerd" in shown
    )


def test_what_happened_is_told_and_nothing_of_the_shops_own(
    login: Any, on_stage: Any, ids: Any, address: str
) -> None:
    with on_stage():
        case = db.session.scalars(sa.select(CollectionCase)).one()
        for kind, data in (
            ("letter_sent", {"stage": 1}),
            ("plan_requested", {"count": 3}),
            ("plan_refused", {}),
            ("note", {"text": "Difficult customer"}),
        ):
            db.session.add(CaseEvent(case_id=case.id, kind=kind, data=data, created_at=START))
    shown = text(visit(login, address))
    for said in ("Letter: Reminder", "Payment plan in 3 instalments asked for", "Payment plan not agreed to"):
        assert said in shown
    assert "Difficult" not in shown


def test_a_page_costs_the_same_with_everything_on_it(app: Any, login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        bare = make_case(ids.emma_account)
        full = make_case(ids.emma_account, status=CaseStatus.WITH_PLAN)
        add_plan(full, PlanStatus.ACTIVE)
        for _number in range(25):
            add_fee(full)
            db.session.add(
                CaseEvent(case_id=full.id, kind="letter_sent", data={"stage": 1}, created_at=START)
            )
        paths = [f"{LIST}/{case.public_id}" for case in (bare, full)]
    emma = login("emma")
    emma.get(paths[0])
    for path, most in zip(paths, (5, 6), strict=True):
        with counted(app) as seen:
            assert emma.get(path).status_code == 200
        assert len(seen) <= most, "\n\n".join(seen)


def test_a_hostile_number_is_shown_as_it_is(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, number=HOSTILE[:40])
        case_id = case.public_id
    for path in (LIST, f"{LIST}/{case_id}", f"{LIST}/{case_id}/plan"):
        assert "<script>alert" not in visit(login, path).text


# By whom.


@pytest.mark.parametrize("role", Role)
def test_what_each_role_sees_and_is_offered(
    login: Any, on_stage: Any, ids: Any, address: str, role: Role
) -> None:
    with on_stage():
        db.session.execute(sa.update(Membership).where(Membership.person_id == ids.bram).values(role=role))
    bram = login("bram")
    assert {bram.get(LIST).status_code, bram.get(address).status_code} == {200 if role in MAY_SEE else 403}
    assert has_entry(bram.get("/customer")) is (role in MAY_SEE)
    if role in MAY_SEE:
        offered = set(links(bram.get(address)).values()) & {"Pay now", "Ask for a payment plan"}
        assert offered == ({"Pay now", "Ask for a payment plan"} if role in MAY_PAY else set())


@pytest.mark.parametrize("who", ["jan", "dora"])
def test_to_a_stranger_there_is_no_case(login: Any, address: str, who: str) -> None:
    assert login(who).get(address).status_code == 404
    assert login(who).get(f"{LIST}/nobody").status_code == 404


def test_one_of_the_other_mode_is_not_there(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        case = make_case(ids.emma_account, mode=Mode.LIVE)
        case_id = case.public_id
    assert login("emma").get(f"{LIST}/{case_id}").status_code == 404
    assert row_headers(login("emma").get(LIST)) == []


def test_in_dutch(login: Any, address: str) -> None:
    shown = text(visit(login, address, headers={"Accept-Language": "nl"}))
    for said in ("Zaak K-1001", "Herinnering: betaal € 121,00", "46 dagen te laat", "Nu betalen"):
        assert said in shown
