"""Banners on top of every page: who sees which, and putting one away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import clock
from portal.domain.notices.models import NoticeMark, NoticeType
from portal.domain.people.models import Customer, Membership, Role
from portal.extensions import db
from tests.cast import HOST, START
from tests.page_client import find_all, parse
from tests.pages import words
from tests.rows import HOSTILE, make_notice
from tests.statements import counted

PAGE = "/customer/orders"


def banners(client: Any, path: str = PAGE, at: Any = START) -> list[str]:
    """The titles of the banners on a page."""
    with clock.frozen(at):
        response = client.get(path)
    page = parse(response.get_data(as_text=True))
    return [words(p) for p in find_all(page, "p") if p.attrib.get("class") == "banner-title"]


def address(notice: Any) -> str:
    return f"/customer/notifications/{notice.public_id}/dismiss"


def dismiss(client: Any, path: str, **options: Any) -> Any:
    with clock.frozen(START):
        return client.send(path, **options)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, True),
        ({"starts_at": START}, True),
        ({"starts_at": START + timedelta(seconds=1)}, False),
        ({"expires_at": START + timedelta(seconds=1)}, True),
        ({"expires_at": START}, False),
        ({"is_active": False}, False),
        ({"is_permanent": True}, True),
    ],
)
def test_when_a_notice_is_shown(login: Any, on_stage: Any, options: dict[str, Any], shown: bool) -> None:
    with on_stage():
        make_notice(**options)
    assert banners(login("emma", now=START)) == (["Closed on Monday"] if shown else [])


def test_a_price_change_leads_to_the_subscriptions_it_is_about(login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice(title="Coffee gets dearer", type=NoticeType.PRICE_CHANGE)

    def link(client: Any) -> list[str]:
        with clock.frozen(START):
            page = parse(client.get("/customer/orders").get_data(as_text=True))
        (banner,) = [e for e in find_all(page, "section") if e.attrib.get("class") == "banners"]
        return [a.attrib["href"] for a in find_all(banner, "a")]

    assert link(login("emma", now=START)) == ["/customer/subscriptions"]


def test_the_latest_stands_on_top_on_every_page(login: Any, on_stage: Any) -> None:
    with on_stage():
        for hour in range(3):
            make_notice(title=f"hour {hour}", starts_at=START - timedelta(hours=9 - hour))
    emma = login("emma", now=START)
    for path in ("/customer", PAGE, "/customer/subscriptions", "/customer/support", "/customer/invoices"):
        assert banners(emma, path) == ["hour 2", "hour 1", "hour 0"]


def test_all_some_and_tags(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_notice(title="for all", starts_at=START - timedelta(hours=1))
        make_notice(title="for Jan", customers=(ids.jan_account,), starts_at=START - timedelta(hours=2))
        make_notice(title="for tags", tags=("café", 'a"b'), starts_at=START - timedelta(hours=3))
    emma, jan, dora = (login(who, now=START) for who in ("emma", "jan", "dora"))
    assert banners(emma) == ["for all"]
    assert banners(jan) == ["for all", "for Jan"]
    assert banners(dora) == []
    tag(on_stage, ids.emma_account, "wholesale", "café")
    assert banners(emma) == ["for all", "for tags"]
    tag(on_stage, ids.emma_account, 'a"b')
    assert banners(emma) == ["for all", "for tags"]
    tag(on_stage, ids.emma_account, "caf", "café-2", "a", "b")
    assert banners(emma) == ["for all"]


def test_another_shop_has_notices_of_its_own(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage(ids.other_shop):
        path = address(make_notice(title="next door", tags=("vip",)))
        make_notice(title="for all next door")
    tag(on_stage, ids.emma_account, "vip")
    emma = login("emma", now=START)
    assert banners(emma) == []
    assert dismiss(emma, path).status_code == 404
    assert banners(login("dora", now=START)) == ["for all next door"]


def test_a_visitor_sees_none(client: Any, on_stage: Any) -> None:
    with on_stage():
        path = address(make_notice())
    assert banners(client, "/") == []
    assert client.send(path).status_code == 303
    assert client.get(path).status_code in (303, 405)


@pytest.mark.parametrize("type_", list(NoticeType))
def test_the_colour_follows_the_type(login: Any, on_stage: Any, type_: NoticeType) -> None:
    with on_stage():
        make_notice(type=type_)
    with clock.frozen(START):
        html = login("emma", now=START).get(PAGE).get_data(as_text=True)
    assert f'class="banner tone-{type_.tone}"' in html


def test_putting_one_away_is_for_good_and_for_oneself(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        path = address(make_notice())
    emma, bram = login("emma", now=START), login("bram", now=START)
    response = dismiss(emma, path)
    assert (response.status_code, response.location) == (303, "/")
    assert banners(emma) == banners(login("emma", now=START)) == []
    assert banners(bram) == ["Closed on Monday"]
    assert dismiss(emma, path).status_code == 303
    with on_stage():
        mark = db.session.scalars(sa.select(NoticeMark)).one()
        assert (mark.person_id, mark.dismissed_at) == (ids.emma, START)
    # Whoever may only read puts banners away too: it is their own screen.
    assert dismiss(bram, path).status_code == 303
    assert banners(bram) == []


def test_one_that_was_read_before_can_be_put_away(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        notice = make_notice()
        path = address(notice)
        db.session.add(NoticeMark(notice_id=notice.id, person_id=ids.emma, read_at=START))
    emma = login("emma", now=START)
    assert banners(emma) == ["Closed on Monday"]
    assert dismiss(emma, path).status_code == 303
    assert banners(emma) == []


def test_a_permanent_one_stays(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        notice = make_notice(is_permanent=True)
        path = address(notice)
        # Put away before it became permanent.
        db.session.add(NoticeMark(notice_id=notice.id, person_id=ids.bram, dismissed_at=START))
    emma = login("emma", now=START)
    with clock.frozen(START):
        assert "dismiss" not in emma.get(PAGE).get_data(as_text=True)
    assert dismiss(emma, path).status_code == 409
    assert banners(emma) == banners(login("bram", now=START)) == ["Closed on Monday"]
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count(NoticeMark.id))) == 1


def test_one_for_others_or_of_tomorrow_cannot_be_put_away(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        jans = address(make_notice(customers=(ids.jan_account,)))
        tagged = address(make_notice(tags=("vip",)))
        db.session.get_one(Customer, ids.jan_account).tags = ["vip"]
        tomorrow = address(make_notice(starts_at=START + timedelta(days=1)))
    emma = login("emma", now=START)
    for path in (jans, tagged, tomorrow, "/customer/notifications/unknown/dismiss"):
        assert dismiss(emma, path).status_code == 404
    for path in (jans, tagged):
        assert dismiss(login("jan", now=START), path).status_code == 303


def test_one_that_ended_meanwhile_is_put_away_without_a_fuss(login: Any, on_stage: Any) -> None:
    with on_stage():
        path = address(make_notice(expires_at=START - timedelta(hours=1), is_active=False))
    assert dismiss(login("emma", now=START), path).status_code == 303


@pytest.mark.parametrize(
    ("referrer", "back"),
    [
        (f"https://{HOST}/customer/orders?status=paid", "/customer/orders?status=paid"),
        (f"https://{HOST}/customer/invoices/x", "/customer/invoices/x"),
        (f"https://{HOST}//evil.example/", "/customer"),
    ],
)
def test_it_goes_back_to_the_page_it_was_on(login: Any, on_stage: Any, referrer: str, back: str) -> None:
    with on_stage():
        path = address(make_notice())
    response = dismiss(login("emma", now=START), path, headers={"Referer": referrer})
    assert (response.status_code, response.location) == (303, back)


def test_a_post_without_a_token_does_nothing(login: Any, on_stage: Any) -> None:
    with on_stage():
        path = address(make_notice())
    emma = login("emma", now=START)
    with clock.frozen(START):
        assert emma.post(path).status_code == 400
    assert banners(emma) == ["Closed on Monday"]


def test_of_several_accounts_it_is_the_one_that_the_notice_is_for(
    login: Any, on_stage: Any, ids: Any
) -> None:
    with on_stage():
        db.session.add(
            Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.SUPPORT, created_at=START)
        )
        path = address(make_notice(customers=(ids.jan_account,)))
    emma = login("emma", now=START)
    assert banners(emma) == []
    assert dismiss(emma, path).status_code == 303


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any) -> None:
    title = (HOSTILE * 10)[:200]
    with on_stage():
        make_notice(title=title, body=HOSTILE * 50)
    emma = login("emma", now=START)
    assert banners(emma) == [title]
    with clock.frozen(START):
        html = emma.get(PAGE).get_data(as_text=True)
    assert "<script>alert" not in html and "<img" not in html


def test_the_frame_is_two_statements_however_much_there_is(
    app: Any, login: Any, on_stage: Any, ids: Any
) -> None:
    from tests.cast import make_invoice
    from tests.rows import make_ticket

    emma = login("emma", now=START)
    emma.get(PAGE)
    with clock.frozen(START), counted(app) as few:
        emma.get(PAGE)
    with on_stage():
        for number in range(10):
            make_notice(tags=(f"tag {number}",))
            make_notice()
            make_ticket(ids.emma_account)
            make_invoice(ids.emma_account)
    tag(on_stage, ids.emma_account, *(f"tag {number}" for number in range(10)))
    with clock.frozen(START), counted(app) as many:
        emma.get(PAGE)
    # One for the session, two for the frame, one for the list.
    assert len(few) == len(many) == 4, "\n\n".join(many)


def tag(on_stage: Any, customer_id: int, *tags: str) -> None:
    with on_stage():
        db.session.get_one(Customer, customer_id).tags = list(tags)
