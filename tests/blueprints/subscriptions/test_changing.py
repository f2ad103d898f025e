"""Cancelling, pausing, resuming, switching and choosing what pays, as a customer does it in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.blueprints.payment_methods.forms import NOBODY
from portal.core import clock
from portal.domain.catalog.models import CancelMode, Product
from portal.domain.invoices import taking_back
from portal.domain.invoices.models import CreditEntry, Document
from portal.domain.people.models import Customer, CustomerKind, Membership, Role
from portal.domain.people.permissions import PERMISSIONS, Permission
from portal.domain.subscriptions.models import (
    ChangeStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.domain.tickets.models import Ticket, TicketMessage, TicketType
from portal.extensions import db
from tests.cast import START
from tests.domain.invoices.test_taking_back import take
from tests.page_client import PageClient, find_all, parse
from tests.pages import links, text
from tests.rows import HOSTILE, make_billed, make_contact, make_method, make_plan, make_subscription
from tests.statements import counted

LIST = "/customer/subscriptions"
#: 10 November 2026, noon in Amsterdam.
NOW = START + timedelta(days=9, hours=2)
ACTS = ("cancel", "pause", "resume", "switch", "method", "withdraw", "keep")


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


@pytest.fixture
def make(on_stage: Any, ids: Any) -> Any:
    """The address of a subscription of Emma's that was billed € 30 for November."""

    def made(**options: Any) -> str:
        with on_stage():
            return f"{LIST}/{make_billed(ids.emma_account, **options)[0].public_id}"

    return made


def emma(login: Any, who: str = "emma") -> PageClient:
    client: PageClient = login(who, now=clock.now())
    return client


def hidden(response: Any) -> dict[str, str]:
    """What the form of a page that changes something sends along unseen."""
    for form in find_all(parse(response.get_data(as_text=True)), "form"):
        fields = {
            e.attrib["name"]: e.attrib.get("value", "") for e in find_all(form, "input") if "name" in e.attrib
        }
        if form.attrib.get("method") == "post" and "told" in fields:
            return {name: value for name, value in fields.items() if name != "csrf_token"}
    raise AssertionError("no form that confirms anything")


def stored(on_stage: Any, address: str) -> dict[str, Any]:
    """The columns of a subscription and the state of its last change."""
    with on_stage():
        row = db.session.query(Subscription).filter_by(public_id=address.rpartition("/")[2]).one()
        change = (
            db.session.query(SubscriptionChange)
            .filter_by(subscription_id=row.id)
            .order_by(SubscriptionChange.id.desc())
            .first()
        )
        return {
            "status": row.status, "resume_on": row.resume_on, "next": row.next_billing_on,
            "method": row.payment_method_id, "change": change and (change.kind.value, change.status),
        }  # fmt: skip


def told(response: Any, client: PageClient) -> str:
    """The page that a change leads to."""
    assert response.status_code == 303, response.get_data(as_text=True)
    return text(client.get(response.location))


def test_with_notice(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(), emma(login)
    asked = client.get(f"{address}/cancel")
    for part in (
        "Last day 9 December 2026",
        "Last charge € 8.71 on 1 December 2026, for 1 Dec 2026 – 9 Dec 2026",
    ):
        assert part in text(asked)
    data = {**hidden(asked), "reason": "too_expensive", "message": "Sorry"}
    seen = told(client.send(f"{address}/cancel", data), client)
    assert "Its last day is 9 December 2026." in seen
    assert "Last day: 9 December 2026 You cancelled it on 10 November 2026." in seen
    assert "Next 1 December 2026 · Last day 9 December 2026" in seen and "10 December" not in seen
    assert "Withdraw cancellation" in seen and "Cancel subscription" not in seen
    with on_stage():
        ticket = db.session.query(Ticket).one()
        assert ticket.type is TicketType.CANCEL_SUBSCRIPTION
        ticket_at = f"/customer/support/{ticket.public_id}"
    page = client.get(address)
    assert links(page)[ticket_at] == "See the conversation"
    # A second click, in another window, ends quietly.
    again = client.send(f"{address}/cancel", data)
    assert "cancelled already" in told(again, client)
    # And it is taken back, once.
    assert "was taken back" in told(client.send(f"{address}/withdraw"), client)
    assert stored(on_stage, address)["change"] == ("cancel", ChangeStatus.WITHDRAWN)
    assert "no cancellation to take back" in told(client.send(f"{address}/withdraw"), client)


def test_at_once_with_what_is_given_back(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(plan={"cancel_mode": CancelMode.IMMEDIATE}), emma(login)
    asked = client.get(f"{address}/cancel")
    for part in (
        "Last day today, 10 November 2026",
        "Still to be charged Nothing",
        "Charged last € 30.00, for 1 Nov 2026 – 30 Nov 2026",
        "You get back € 20.00",
        "Taken off invoice",
    ):
        assert part in text(asked)
    assert "Why do you cancel?" not in text(asked)
    seen = told(client.send(f"{address}/cancel", hidden(asked)), client)
    assert "is cancelled." in seen and "Last day 10 Nov 2026" in seen
    assert "cancelled already" in told(client.send(f"{address}/cancel", hidden(asked)), client)
    with on_stage():
        assert db.session.query(Ticket).count() == db.session.query(CreditEntry).count() == 0


def test_what_changed_between_looking_and_clicking_is_shown_again(
    login: Any, make: Any, on_stage: Any
) -> None:
    address, client = make(), emma(login)
    data = {**hidden(client.get(f"{address}/cancel")), "reason": "other"}
    with clock.frozen(NOW + timedelta(days=1)):
        client = emma(login)
        answer = client.send(f"{address}/cancel", data)
        assert answer.status_code == 409
        assert "changed meanwhile" in text(answer) and "10 December 2026" in text(answer)
        again = client.send(f"{address}/cancel", {**hidden(answer), "reason": "other"})
        assert "Its last day is 10 December 2026" in told(again, client)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "I cancel this subscription."),
        ({"reason": ""}, "I cancel this subscription."),
        ({"reason": "", "message": "Bye"}, "I cancel this subscription.\n\nBye"),
        ({"reason": "not_needed"}, "Reason: I no longer need it"),
    ],
)
def test_nobody_need_say_why(login: Any, make: Any, on_stage: Any, given: dict[str, str], said: str) -> None:
    address, client = make(), emma(login)
    asked = client.get(f"{address}/cancel")
    assert "Why do you cancel? (optional)" in text(asked)
    assert "Its last day is" in told(client.send(f"{address}/cancel", {**hidden(asked), **given}), client)
    with on_stage():
        assert [message.body for message in db.session.query(TicketMessage)] == [said]
        change = db.session.query(SubscriptionChange).one()
        assert change.data["reason"] == (given.get("reason") or None)


def test_days_that_were_credited_already_give_nothing_back_again(
    login: Any, make: Any, on_stage: Any, ids: Any
) -> None:
    address = make(plan={"cancel_mode": CancelMode.IMMEDIATE})
    with on_stage():
        bill = db.session.scalars(sa.select(Document)).one()
        take(ids, bill, [each.position for each in taking_back.lines_left(bill)])
    with clock.frozen(datetime(2026, 11, 11, 12, tzinfo=UTC)):
        asked = text(login("emma").get(f"{address}/cancel"))
        dutch = text(login("emma").get(f"{address}/cancel", headers={"Accept-Language": "nl"}))
    assert "You get back Nothing, as the days after that were credited already" in asked
    assert "no day after that is paid for" not in asked
    assert "Niets: de dagen daarna zijn al gecrediteerd" in dutch


def test_what_is_paid_for_to_the_last_day_gives_nothing_back(login: Any, make: Any, on_stage: Any) -> None:
    address = make(plan={"cancel_mode": CancelMode.IMMEDIATE})
    with clock.frozen(datetime(2026, 11, 30, 12, tzinfo=UTC)):
        asked = text(login("emma").get(f"{address}/cancel"))
    assert "Last day today, 30 November 2026" in asked
    assert "You get back Nothing, as no day after that is paid for" in asked


@pytest.mark.parametrize("reason", ["bored", " ", "\t"])
def test_a_reason_that_there_is_not_is_refused(login: Any, make: Any, on_stage: Any, reason: str) -> None:
    address, client = make(), emma(login)
    data = {**hidden(client.get(f"{address}/cancel")), "reason": reason, "message": "kept"}
    answer = client.send(f"{address}/cancel", data)
    assert answer.status_code == 422 and "kept" in text(answer)
    assert stored(on_stage, address)["change"] is None


def test_a_pause_until_a_day_and_going_on_by_hand(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(), emma(login)
    open_ended = client.get(f"{address}/pause")
    assert "Paid days kept 20" in text(open_ended) and "When you resume it" in text(open_ended)
    asked = client.get(f"{address}/pause?until=2026-12-05")
    for part in (
        "Goes on 5 December 2026",
        "Paid already until 24 December 2026",
        "First bill € 6.77 on 25 December 2026, for 25 Dec 2026 – 31 Dec 2026",
        "Then € 30.00 on 1 January 2027",
    ):
        assert part in text(asked)
    seen = told(client.send(f"{address}/pause", hidden(asked)), client)
    assert "is paused until 5 December 2026." in seen and "Resumes 5 December 2026" in seen
    assert stored(on_stage, address)["resume_on"] == date(2026, 12, 5)
    assert "not possible" in told(client.send(f"{address}/pause", hidden(asked)), client)
    resuming = client.get(f"{address}/resume")
    # The day of the pause was used, and yet it goes on at once.
    assert "Goes on today, 10 November 2026 Paid already until 30 November 2026" in text(resuming)
    assert "First bill € 30.00 on 1 December 2026" in text(resuming)
    assert "goes on." in told(client.send(f"{address}/resume", hidden(resuming)), client)
    assert stored(on_stage, address)["next"] == date(2026, 12, 1)
    assert "is not paused" in told(client.send(f"{address}/resume", hidden(resuming)), client)


def test_a_pause_without_an_end(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(), emma(login)
    data = hidden(client.get(f"{address}/pause"))
    assert data["until"] == ""
    assert "is paused." in told(client.send(f"{address}/pause", data), client)
    assert stored(on_stage, address)["status"] is SubscriptionStatus.PAUSED


@pytest.mark.parametrize(
    "day", ["2026-11-10", "2020-01-01", "2030-01-01", "2026-02-30", "tomorrow", "%00", "x" * 999]
)
def test_a_day_that_cannot_be_is_refused_where_it_is_chosen(
    login: Any, make: Any, on_stage: Any, day: str
) -> None:
    address, client = make(), emma(login)
    asked = client.get(f"{address}/pause?until={day}")
    assert "Choose a day" in text(asked) or "characters that cannot be used" in text(asked)
    assert hidden(asked)["until"] == "", "what is confirmed is the pause without it"
    answer = client.send(f"{address}/pause", {**hidden(asked), "until": "2020-01-01" if "%" in day else day})
    assert answer.status_code == 422
    assert stored(on_stage, address)["status"] is SubscriptionStatus.ACTIVE


def test_another_plan_and_quantity_with_the_difference_first(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(plan={"switch_group": "coffee", "most_quantity": 3}), emma(login)
    with on_stage():
        own = db.session.query(Product).one().public_id
        other = make_plan(name="Two kilos", switch_group="coffee").public_id
    choice = client.get(f"{address}/switch")
    assert "Two kilos € 24.50 / 2 weeks" in text(choice) and "What changes" not in text(choice)
    asked = client.get(f"{address}/switch?plan={other}&quantity=1")
    for part in (
        "Now Coffee beans, 1 kg: € 30.00 / month",
        "From 1 December 2026 Two kilos: € 24.50 / 2 weeks",
        "Difference on the next bill € 5.50 less",
        "Difference in a year € 278.75 more",
    ):
        assert part in text(asked)
    seen = told(client.send(f"{address}/switch", hidden(asked)), client)
    assert "New plan from 1 December 2026 Two kilos: € 24.50 / 2 weeks" in seen
    more = client.get(f"{address}/switch?plan={own}&quantity=3")
    assert "3 × Coffee beans, 1 kg: € 90.00 / month" in text(more)
    assert "Difference in a year" not in text(more), "the interval is the same"
    assert "3 × Coffee beans, 1 kg: € 90.00" in told(client.send(f"{address}/switch", hidden(more)), client)
    assert "stays as it is" in told(client.send(f"{address}/keep"), client)
    assert stored(on_stage, address)["change"] == ("switch", ChangeStatus.WITHDRAWN)


def test_of_what_is_sold_once_there_is_one(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(plan={"switch_group": "coffee"}), emma(login)
    with on_stage():
        own = db.session.query(Product).one().public_id
        make_plan(name="Two kilos", switch_group="coffee")
    seen = text(client.get(f"{address}/switch?plan={own}&quantity=2"))
    assert "You can have only one of it." in seen and "Agree to this change" not in seen


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("plan=x&quantity=1", "Choose one of these plans."),
        ("quantity=1", "Choose one of these plans."),
        ("plan=OWN&quantity=99", "Choose a number from 1 to 3."),
        ("plan=OWN&quantity=0", "Choose a number from 1 to 3."),
        ("plan=OWN&quantity=one", "Choose a number."),
        ("plan=OWN&quantity=1", "This is what you have."),
    ],
)
def test_what_cannot_be_chosen_has_no_button(
    login: Any, make: Any, on_stage: Any, query: str, said: str
) -> None:
    address, client = make(plan={"switch_group": "coffee", "most_quantity": 3}), emma(login)
    with on_stage():
        query = query.replace("OWN", db.session.query(Product).one().public_id)
    answer = client.get(f"{address}/switch?{query}")
    assert said in text(answer) and "Agree to this change" not in text(answer)


def test_what_pays_it(login: Any, make: Any, on_stage: Any, ids: Any) -> None:
    address, client = make(), emma(login)
    assert "No valid payment method yet" in text(client.get(f"{address}/method"))
    with on_stage():
        method = make_method(ids.emma_account)
        make_method(ids.jan_account, masked="NL•• •••• •••• 9999")
        method_id, public_id = method.id, method.public_id
    page = text(client.get(f"{address}/method"))
    assert "4300" in page and "9999" not in page
    seen = told(client.send(f"{address}/method", {"method": public_id}), client)
    assert "is paid with Direct debit NL•• •••• •••• 4300 from now on" in seen
    assert stored(on_stage, address)["method"] == method_id
    refused = client.send(f"{address}/method", {"method": "x"})
    assert refused.status_code == 422 and "valid payment methods" in text(refused)


def test_who_pays_each_invoice_can_take_the_only_method_back(
    login: Any, make: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        method = make_method(ids.emma_account)
        method_id, method_at = method.id, f"/customer/payment-methods/{method.public_id}"
    address, client = make(payment_method_id=method_id), emma(login)
    refused = text(client.get(f"{method_at}/revoke"))
    assert "cannot be removed yet" in refused and "that you pay its invoices yourself" in refused
    assert "I pay each invoice myself" in text(client.get(f"{address}/method"))
    seen = told(client.send(f"{address}/method", {"method": "by-hand"}), client)
    assert "You pay the invoices of Coffee beans, 1 kg yourself from now on." in seen
    assert stored(on_stage, address)["method"] is None
    # A second click, in another window, ends quietly.
    assert "from now on" not in told(client.send(f"{address}/method", {"method": "by-hand"}), client)
    assert "cannot be removed" not in text(client.get(f"{method_at}/revoke"))
    assert client.send(f"{method_at}/revoke", {"successor": NOBODY}).status_code == 303
    assert "No valid payment method yet" in text(client.get(f"{address}/method"))


def test_what_waits_for_a_method_offers_no_other_way(login: Any, make: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_method(ids.emma_account)
    address = make(status=SubscriptionStatus.PENDING_MANDATE, next_billing_on=None)
    client = emma(login)
    assert "I pay each invoice myself" not in text(client.get(f"{address}/method"))
    answer = client.send(f"{address}/method", {"method": "by-hand"})
    assert answer.status_code == 409 and "only offered with a saved payment method" in text(answer)


#: What each setting of the product keeps from its customers.
OFF = {
    "allow_self_management": {"cancel", "pause", "resume", "switch"},
    "allow_pause": {"pause", "resume"},
    "allow_cancel": {"cancel"},
}


@pytest.mark.parametrize("setting", OFF)
@pytest.mark.parametrize("status", [SubscriptionStatus.ACTIVE, SubscriptionStatus.PAUSED])
def test_what_a_product_keeps_has_no_button_and_answers_403(
    login: Any, make: Any, on_stage: Any, setting: str, status: SubscriptionStatus
) -> None:
    address = make(status=status, plan={"most_quantity": 5, setting: False})
    client = emma(login)
    shown = set(links(client.get(address)))
    for act in ("cancel", "pause", "resume", "switch"):
        if act in OFF[setting]:
            assert f"{address}/{act}" not in shown
            for answer in (client.get(f"{address}/{act}"), client.send(f"{address}/{act}", {"told": "x"})):
                assert answer.status_code == 403
                assert "looks after changes of this subscription in person" in text(answer)
            type_ = {"cancel": "cancel_subscription", "switch": "general"}.get(act, "pause_subscription")
            ask = f"/customer/support/new?about=subscription:{address.rpartition('/')[2]}&type={type_}"
            assert ask in links(answer), act
            assert client.get(ask).status_code == 200
        elif client.get(f"{address}/{act}").status_code == 200:
            assert f"{address}/{act}" in shown
    assert stored(on_stage, address)["change"] is None


@pytest.mark.parametrize("plan", [{"allow_cancel": False}, {"allow_self_management": False}])
@pytest.mark.parametrize("kind", CustomerKind)
def test_where_there_is_no_button_one_reads_why_and_what_to_do(
    login: Any, make: Any, on_stage: Any, ids: Any, kind: CustomerKind, plan: dict[str, Any]
) -> None:
    """A consumer can always send a cancellation; a business is promised nothing."""
    promised = kind is CustomerKind.CONSUMER
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).kind = kind
    address, client = make(plan=plan), emma(login)
    page = client.get(address)
    assert "How to cancel" in text(page) and "so there is no button here." in text(page)
    assert ("It counts from the moment you send it." in text(page)) is promised
    assert ("You can cancel by a message." in text(client.get(f"{address}/cancel"))) is promised
    ask = f"/customer/support/new?about=subscription:{address.rpartition('/')[2]}&type=cancel_subscription"
    assert links(page)[ask] == "Ask to cancel"
    with on_stage():
        account = db.session.get_one(Customer, ids.emma_account).public_id
    about = f"subscription:{address.rpartition('/')[2]}"
    wish = {"type": "cancel_subscription", "about": about, "account": account, "priority": "medium"}
    sent = client.send("/customer/support/new", {**wish, "subject": "Stop", "body": "Please"})
    assert sent.status_code == 303, text(sent)
    with on_stage():
        ticket = db.session.query(Ticket).one()
        assert (ticket.type, ticket.subscription_id is None) == (TicketType.CANCEL_SUBSCRIPTION, False)
    over = make(plan=plan, status=SubscriptionStatus.CANCELLED)
    assert "How to cancel" not in text(client.get(over))
    usual = make()
    assert "How to cancel" not in text(client.get(usual))


def test_without_another_plan_there_is_nothing_to_switch(login: Any, make: Any, on_stage: Any) -> None:
    alone, client = make(plan={"switch_group": "coffee"}), emma(login)
    assert f"{alone}/switch" not in links(client.get(alone))
    assert client.get(f"{alone}/switch").status_code == 403
    with on_stage():
        other_id = make_plan(switch_group="coffee").id
    assert f"{alone}/switch" in links(client.get(alone))
    with on_stage():
        db.session.get_one(Product, other_id).archived_at = NOW
    assert f"{alone}/switch" not in links(client.get(alone))


@pytest.mark.parametrize("role", Role)
def test_who_may_do_what(login: Any, make: Any, on_stage: Any, ids: Any, role: Role) -> None:
    running = make(plan={"most_quantity": 5})
    paused = make(status=SubscriptionStatus.PAUSED)
    with on_stage():
        make_method(ids.emma_account)
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram = emma(login, "bram")
    for act in ACTS:
        address = paused if act == "resume" else running
        needed = Permission.METHODS_CHANGE if act == "method" else Permission.SUBSCRIPTIONS_CHANGE
        may = needed in PERMISSIONS[role]
        if act not in ("withdraw", "keep"):
            assert bram.get(f"{address}/{act}").status_code == (200 if may else 403)
            if Permission.SUBSCRIPTIONS in PERMISSIONS[role]:
                assert (f"{address}/{act}" in links(bram.get(address))) is may
        answer = bram.send(f"{address}/{act}", {"told": "x", "reason": "other", "plan": "x", "quantity": "2"})
        assert answer.status_code in ((303, 409, 422) if may else (403,)), act


@pytest.mark.parametrize("status", [s for s in SubscriptionStatus if s is not SubscriptionStatus.ARCHIVED])
def test_in_every_status_the_address_answers(login: Any, make: Any, status: SubscriptionStatus) -> None:
    """With the page where it makes sense, and back with a word where it does not; the button agrees."""
    address = make(status=status, plan={"most_quantity": 5})
    client = emma(login)
    shown = links(client.get(address))
    for act in ("cancel", "pause", "resume", "switch"):
        assert client.get(f"{address}/{act}").status_code == (200 if f"{address}/{act}" in shown else 303)


def test_a_trial_ends_with_its_last_day(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        trial = make_subscription(
            ids.emma_account,
            status=SubscriptionStatus.TRIAL,
            trial_ends_on=date(2026, 11, 15),
            next_billing_on=date(2026, 11, 15),
        )
        address = f"{LIST}/{trial.public_id}"
    assert "Last day of the trial 14 Nov 2026" in text(emma(login).get(address))
    seen = text(emma(login).get(f"{address}/cancel"))
    assert "Last day 14 November 2026" in seen and "Still to be charged Nothing" in seen


def test_in_dutch(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(plan={"most_quantity": 5}), emma(login)
    dutch = {"Accept-Language": "nl"}
    with on_stage():
        own = db.session.query(Product).one().public_id
    for path, parts in {
        "/cancel": ("opzeggen?", "Laatste dag", "9 december 2026", "€ 8,71"),
        "/pause?until=2026-12-05": ("pauzeren?", "Betaalde dagen die je houdt 20", "€ 6,77"),
        f"/switch?plan={own}&quantity=2": ("wijzigen", "€ 30,00 meer"),
        "/method": ("Waarmee wordt", "Nog geen geldige betaalmethode"),
    }.items():
        seen = text(client.get(address + path, headers=dutch))
        assert all(part in seen for part in parts), seen


def test_hostile_text_is_shown_as_typed(login: Any, make: Any, on_stage: Any) -> None:
    address, client = make(name=HOSTILE, plan={"most_quantity": 5}), emma(login)
    with on_stage():
        own = db.session.query(Product).one().public_id
    for path in ("/cancel", "/pause", "/method", f"/switch?plan={own}&quantity=2"):
        html = client.get(address + path).get_data(as_text=True)
        assert "<script>alert" not in html and "<img src=x" not in html
    data = {
        **hidden(client.get(f"{address}/cancel")),
        "reason": "other",
        "message": HOSTILE + "\N{RIGHT-TO-LEFT OVERRIDE}🙈",
    }
    told(client.send(f"{address}/cancel", data), client)
    with on_stage():
        ticket = db.session.query(Ticket).one().public_id
    assert "<script>alert" not in client.get(f"/customer/support/{ticket}").get_data(as_text=True)


def test_the_statements_of_a_page_stay_the_same(
    app: Any, login: Any, make: Any, on_stage: Any, ids: Any
) -> None:
    address, client = make(plan={"most_quantity": 5, "switch_group": "coffee"}), emma(login)
    pages = ("", "/cancel", "/pause?until=2026-12-05", "/method", "/switch")

    def count() -> list[int]:
        found = []
        for page in pages:
            client.get(address + page)
            with counted(app) as statements:
                client.get(address + page)
            found.append(len(statements))
        return found

    with on_stage():
        make_method(ids.emma_account)
    few = count()
    with on_stage():
        row = db.session.query(Subscription).filter_by(public_id=address.rpartition("/")[2]).one()
        for number in range(25):
            make_method(ids.emma_account, masked=f"number {number}")
            make_plan(switch_group="coffee", name=f"plan {number}")
            make_contact(ids.emma_account, email=f"{number}@example.net")
            db.session.add(
                SubscriptionChange(
                    subscription_id=row.id, kind="price", effective_on=date(2027, 1, 1), created_at=START
                )
            )
    many = count()
    assert few == many, dict(zip(pages, zip(few, many, strict=True), strict=True))
    assert many[0] <= 6 and max(many) <= 7, many


@pytest.mark.parametrize("act", ["cancel", "pause"])
def test_while_a_bill_is_due_the_page_says_so_and_nothing_happens(
    login: Any, make: Any, on_stage: Any, act: str
) -> None:
    address, client = make(plan={"cancel_mode": CancelMode.IMMEDIATE}), emma(login)
    data = hidden(client.get(f"{address}/{act}"))
    with clock.frozen(START + timedelta(days=40)):
        client = emma(login)
        asked = client.get(f"{address}/{act}")
        refused = client.send(f"{address}/{act}", data)
    assert (asked.status_code, refused.status_code) == (200, 409)
    for page in (asked, refused):
        assert text(page).count("A bill is due at this moment. Please try again tomorrow.") == 1
        assert "What happens then" not in text(page) and 'name="told" value="2' not in page.get_data(
            as_text=True
        )
        # Whoever wants to stop can say so today.
        assert ("type=cancel_subscription" in page.get_data(as_text=True)) is (act == "cancel")
    assert stored(on_stage, address)["status"] is SubscriptionStatus.ACTIVE
