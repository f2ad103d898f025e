"""The list of subscriptions and the page of one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.core import clock
from portal.domain.catalog.models import IntervalUnit
from portal.domain.people.models import Membership, Role
from portal.domain.shops.models import Mode
from portal.domain.subscriptions.models import (
    ChangeKind,
    ChangeStatus,
    SubscriptionChange,
    SubscriptionStatus,
)
from portal.extensions import db
from tests.cast import START, make_invoice
from tests.page_client import find_all, parse
from tests.pages import links, neighbour, text, words
from tests.rows import HOSTILE, make_method, make_subscription
from tests.statements import counted

LIST = "/customer/subscriptions"
TODAY = START.date()


def names(response: Any) -> list[str]:
    """The names in the list, in order."""
    page = parse(response.get_data(as_text=True))
    return [words(a) for a in find_all(page, "a") if a.attrib.get("class") == "row-link"]


def visit(login: Any, address: str, who: str = "emma", **options: Any) -> Any:
    """The page as it is on the day on which the cast was put on stage."""
    with clock.frozen(START):
        return login(who, now=START).get(address, **options)


def test_without_subscriptions_the_page_says_what_will_be_there(login: Any) -> None:
    response = login("emma").get(LIST)
    assert names(response) == []
    assert "No subscriptions yet" in text(response)


@pytest.mark.parametrize(
    ("unit", "count", "interval"),
    [
        (IntervalUnit.DAY, 1, "day"),
        (IntervalUnit.DAY, 10, "10 days"),
        (IntervalUnit.WEEK, 1, "week"),
        (IntervalUnit.WEEK, 2, "2 weeks"),
        (IntervalUnit.MONTH, 1, "month"),
        (IntervalUnit.MONTH, 6, "6 months"),
        (IntervalUnit.QUARTER, 1, "quarter"),
        (IntervalUnit.QUARTER, 2, "2 quarters"),
        (IntervalUnit.YEAR, 1, "year"),
        (IntervalUnit.YEAR, 3, "3 years"),
    ],
)
def test_the_price_names_its_interval(
    login: Any, on_stage: Any, ids: Any, unit: IntervalUnit, count: int, interval: str
) -> None:
    with on_stage():
        make_subscription(ids.emma_account, interval_unit=unit, interval_count=count)
    assert f"€ 24.50 / {interval} " in text(visit(login, LIST))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"status": SubscriptionStatus.ACTIVE}, "Next 15 November 2026"),
        (
            {"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY + timedelta(days=6)},
            "Trial ends in 5 days",
        ),
        (
            {"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY + timedelta(days=2)},
            "Trial ends in 1 day",
        ),
        # The first bill is of the day after its last.
        (
            {"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY + timedelta(days=1)},
            "Trial ends today",
        ),
        ({"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY}, "Trial ends today"),
        (
            {"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY - timedelta(days=2)},
            "Trial ends today",
        ),
        ({"status": SubscriptionStatus.PAUSED, "resume_on": date(2027, 2, 1)}, "Resumes 1 February 2027"),
    ],
)
def test_what_happens_next(login: Any, on_stage: Any, ids: Any, options: dict[str, Any], said: str) -> None:
    with on_stage():
        address = f"{LIST}/{make_subscription(ids.emma_account, **options).public_id}"
    assert said in text(visit(login, LIST))
    assert said in text(visit(login, address))


@pytest.mark.parametrize("trial", [False, True])
def test_one_that_is_cancelled_says_until_when_it_runs(
    login: Any, on_stage: Any, ids: Any, trial: bool
) -> None:
    options: dict[str, Any] = {"status": SubscriptionStatus.TRIAL, "trial_ends_on": TODAY} if trial else {}
    with on_stage():
        subscription = make_subscription(ids.emma_account, next_billing_on=None, **options)
        plan(subscription, ChangeKind.CANCEL)
        plan(subscription, ChangeKind.CANCEL, status=ChangeStatus.WITHDRAWN, effective_on=date(2026, 11, 2))
        address = f"{LIST}/{subscription.public_id}"
    for path in (LIST, address, "/customer"):
        seen = text(visit(login, path))
        assert "Last day 7 November 2026" in seen and "Trial ends" not in seen and "Next 15" not in seen


def test_what_is_paid_before_the_end_stays_in_sight(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        subscription = make_subscription(ids.emma_account)
        plan(subscription, ChangeKind.CANCEL, effective_on=date(2026, 12, 8))
        address = f"{LIST}/{subscription.public_id}"
    for path in (LIST, address, "/customer"):
        assert "Next 15 November 2026 · Last day 7 December 2026" in text(visit(login, path))


@pytest.mark.parametrize(
    "status",
    [
        SubscriptionStatus.PENDING_MANDATE,
        SubscriptionStatus.PAUSED,
        SubscriptionStatus.SUSPENDED,
        SubscriptionStatus.FAILED,
        SubscriptionStatus.COMPLETED,
        SubscriptionStatus.CANCELLED,
    ],
)
def test_no_next_bill_is_promised_where_nothing_is_billed(
    login: Any, on_stage: Any, ids: Any, status: SubscriptionStatus
) -> None:
    with on_stage():
        address = f"{LIST}/{make_subscription(ids.emma_account, status=status).public_id}"
    for path in (LIST, address):
        seen = text(visit(login, path))
        assert str(status.label) in seen
        assert "15 November" not in seen


def test_archived_ones_are_nowhere(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        archived = make_subscription(ids.emma_account, status=SubscriptionStatus.ARCHIVED)
        address = f"{LIST}/{archived.public_id}"
    emma = login("emma")
    assert names(emma.get(LIST)) == names(emma.get(f"{LIST}?status=active")) == []
    assert emma.get(address).status_code == 404


def test_the_filter_active_counts_trials(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for status in SubscriptionStatus:
            make_subscription(ids.emma_account, name=status.value, status=status)
    emma = login("emma")
    everything = [status.value for status in SubscriptionStatus if status.value != "archived"]
    assert sorted(names(emma.get(LIST))) == sorted(everything)
    assert sorted(names(emma.get(f"{LIST}?status=active"))) == ["active", "trial"]
    for odd in ("paused", "archived", "%00", "a" * 500):
        assert sorted(names(emma.get(f"{LIST}?status={odd}"))) == sorted(everything)


def test_an_empty_filter_offers_all(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_subscription(ids.emma_account, status=SubscriptionStatus.CANCELLED)
    assert "No subscription has this status" in text(login("emma").get(f"{LIST}?status=active"))


def test_twenty_six_are_two_pages_the_youngest_first(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        for number in range(26):
            make_subscription(ids.emma_account, name=f"number {number}")
    emma = login("emma")
    first = emma.get(f"{LIST}?status=active")
    assert names(first) == [f"number {number}" for number in range(25, 0, -1)]
    second = emma.get(neighbour(first, "next"))
    assert names(second) == ["number 0"]
    assert names(emma.get(neighbour(second, "prev"))) == names(first)


def test_everybody_sees_their_own_only(login: Any, on_stage: Any, ids: Any, client: Any) -> None:
    with on_stage():
        emmas = make_subscription(ids.emma_account, name="of Emma")
        address = f"{LIST}/{emmas.public_id}"
        make_subscription(ids.jan_account, name="of Jan")
    with on_stage(ids.other_shop):
        make_subscription(ids.dora_account, name="of Dora")
    assert names(login("emma").get(LIST)) == names(login("bram").get(LIST)) == ["of Emma"]
    assert names(login("jan").get(LIST)) == ["of Jan"]
    assert names(login("dora").get(LIST)) == ["of Dora"]
    assert login("emma").get(address).status_code == login("bram").get(address).status_code == 200
    assert login("jan").get(address).status_code == 404
    assert login("dora").get(address).status_code == 404
    assert client.get(address).status_code == client.get(LIST).status_code == 303


def test_who_has_no_right_gets_403_on_list_and_page(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_subscription(ids.emma_account).public_id}"
        bram = db.session.query(Membership).filter_by(person_id=ids.bram).one()
        bram.role = Role.SUPPORT
    client = login("bram")
    assert client.get(LIST).status_code == client.get(address).status_code == 403


def test_the_other_mode_is_not_there(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_subscription(ids.emma_account, mode=Mode.LIVE).public_id}"
    emma = login("emma")
    assert names(emma.get(LIST)) == []
    assert emma.get(address).status_code == 404


def test_the_page_of_a_subscription(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        method = make_method(ids.emma_account)
        subscription = make_subscription(
            ids.emma_account,
            quantity=Decimal("2.5"),
            payment_method_id=method.id,
            period_start=TODAY,
            period_end=TODAY + timedelta(days=13),
            answers=[{"label": "Grind", "value": "Fine"}],
        )
        invoice = make_invoice(ids.emma_account, subscription_id=subscription.id)
        billed, billed_at = invoice.number, f"/customer/invoices/{invoice.public_id}"
        unrelated = make_invoice(ids.emma_account).number
        address = f"{LIST}/{subscription.public_id}"
    response = visit(login, address)
    seen = text(response)
    for part in (
        "€ 24.50 / 2 weeks",
        "Next 15 November 2026",
        "Since 1 Nov 2026",
        "Quantity 2.5",
        "Current period 1 Nov 2026 – 14 Nov 2026",
        "Paid with Direct debit NL•• •••• •••• 4300",
        "Grind Fine",
    ):
        assert part in seen, part
    assert links(response)[billed_at] == billed
    assert unrelated not in seen


def test_the_orders_role_comes_to_the_invoice_and_back(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        subscription = make_subscription(ids.emma_account)
        invoice = make_invoice(ids.emma_account, subscription_id=subscription.id)
        number, address = invoice.number, f"{LIST}/{subscription.public_id}"
        billed_at = f"/customer/invoices/{invoice.public_id}"
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = Role.ORDERS
    assert links(visit(login, address, "bram"))[billed_at] == number
    response = visit(login, billed_at, "bram")
    assert response.status_code == 200 and address in links(response)
    assert "/customer/invoices" not in links(response), "the list is not theirs to see"


def test_a_method_of_another_account_is_not_shown(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        method = make_method(ids.jan_account)
        address = f"{LIST}/{make_subscription(ids.emma_account, payment_method_id=method.id).public_id}"
    assert "4300" not in text(visit(login, address))


def test_planned_changes_are_told(login: Any, on_stage: Any, ids: Any) -> None:
    kinds = [
        (
            ChangeKind.CANCEL,
            {"asked_on": "2026-10-09"},
            "Last day: 7 November 2026 You cancelled it on 9 October 2026. Nothing is billed for the time after it.",
        ),
        (ChangeKind.CANCEL, {}, "Last day: 7 November 2026 Nothing is billed for the time after it."),
        (ChangeKind.PAUSE, {}, "Pauses on 8 November 2026"),
        (ChangeKind.RESUME, {}, "Resumes on 8 November 2026"),
        (ChangeKind.PRICE, {"amount_minor": 2650}, "New price from 15 November 2026 € 26.50 / 2 weeks"),
        (ChangeKind.PRICE, {}, "New price from 8 November 2026"),
        (ChangeKind.SWITCH, {"name": "Two kilos"}, "New plan from 8 November 2026 Two kilos"),
    ]
    addresses = []
    with on_stage():
        for kind, data, _said in kinds:
            subscription = make_subscription(ids.emma_account)
            plan(subscription, kind, data=data)
            plan(subscription, kind, status=ChangeStatus.WITHDRAWN, effective_on=date(2026, 12, 24))
            addresses.append(f"{LIST}/{subscription.public_id}")
    for address, (_kind, _data, said) in zip(addresses, kinds, strict=True):
        seen = text(visit(login, address))
        assert said in seen
        assert "24 December" not in seen


def test_nothing_is_told_of_the_time_after_its_end(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        subscription = make_subscription(ids.emma_account)
        for kind, day in (
            (ChangeKind.PAUSE, date(2026, 11, 7)),
            (ChangeKind.CANCEL, date(2026, 11, 8)),
            (ChangeKind.PRICE, date(2026, 11, 8)),
            (ChangeKind.SWITCH, date(2026, 12, 1)),
        ):
            plan(subscription, kind, effective_on=day)
        address = f"{LIST}/{subscription.public_id}"
    seen = text(visit(login, address))
    assert "Pauses on 7 November 2026" in seen and "Last day: 7 November 2026" in seen
    assert "New price" not in seen and "New plan" not in seen


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any, ids: Any) -> None:
    long = (HOSTILE * 10)[:200]
    with on_stage():
        method = make_method(ids.emma_account, masked=HOSTILE[:40])
        subscription = make_subscription(
            ids.emma_account,
            name=long,
            icon='x"><script>',
            payment_method_id=method.id,
            answers=[{"label": HOSTILE, "value": HOSTILE}],
        )
        plan(subscription, ChangeKind.SWITCH, data={"name": HOSTILE})
        address = f"{LIST}/{subscription.public_id}"
    for path in (LIST, address):
        response = visit(login, path)
        html = response.get_data(as_text=True)
        assert "<script>" not in html and "<img" not in html
        assert long in text(response)


def test_in_dutch(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        subscription = make_subscription(ids.emma_account)
        plan(subscription, ChangeKind.CANCEL)
        address = f"{LIST}/{subscription.public_id}"
    response = visit(login, address, headers={"Accept-Language": "nl"})
    assert '<html lang="nl"' in response.get_data(as_text=True)
    assert all(part in text(response) for part in ("€ 24,50", "7 november 2026"))


@pytest.mark.parametrize(("page", "most"), [("list", 5), ("one", 6)])
def test_the_statements_of_a_page(
    app: Any, login: Any, on_stage: Any, ids: Any, page: str, most: int
) -> None:
    with on_stage():
        subscription = make_subscription(ids.emma_account)
        subscription_id = subscription.id
        address = f"{LIST}/{subscription.public_id}" if page == "one" else LIST
    emma = login("emma")
    emma.get(address)
    with counted(app) as few:
        emma.get(address)
    with on_stage():
        for _ in range(25):
            make_subscription(ids.emma_account)
            make_invoice(ids.emma_account, subscription_id=subscription_id)
            db.session.add(
                SubscriptionChange(
                    subscription_id=subscription_id,
                    kind=ChangeKind.PAUSE,
                    effective_on=TODAY,
                    created_at=START,
                )
            )
    with counted(app) as many:
        emma.get(address)
    assert len(few) == len(many) <= most, "\n\n".join(many)


def plan(subscription: Any, kind: ChangeKind, **options: Any) -> None:
    db.session.add(
        SubscriptionChange(
            **{
                "subscription_id": subscription.id,
                "kind": kind,
                "effective_on": date(2026, 11, 8),
                "created_at": START,
                **options,
            }
        )
    )
