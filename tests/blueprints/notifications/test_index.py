"""The bell and the list of notices: what is unread, what opening it does, and a colour of its own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.core import brand, clock
from portal.domain.notices.models import NoticeMark, NoticeType
from portal.domain.people.models import Membership, Person, Role
from portal.extensions import db
from tests.cast import START
from tests.page_client import find_all, parse
from tests.pages import neighbour, text, words
from tests.rows import HOSTILE, make_notice
from tests.statements import counted

PAGE = "/customer/notifications"
ELSEWHERE = "/customer/orders"


def open_page(client: Any, path: str = PAGE, at: Any = START) -> Any:
    """A page as a browser gets it: read to its end, after which the traces are written."""
    with clock.frozen(at):
        response = client.get(path)
        response.close()
    return response


def titles(response: Any) -> list[str]:
    page = parse(response.text)
    return [words(p) for p in find_all(page, "p") if p.attrib.get("class") == "notice-title"]


def bell(response: Any) -> tuple[str, str]:
    """What the bell is called, and the number on it."""
    page = parse(response.text)
    (found,) = [
        a for a in find_all(page, "a") if a.attrib.get("href") == PAGE and a.attrib.get("class") == "tool"
    ]
    return found.attrib["aria-label"], words(found)


def in_sidebar(response: Any) -> str:
    (aside,) = [e for e in find_all(parse(response.text), "aside") if e.attrib.get("id") == "sidebar"]
    return next(words(a) for a in find_all(aside, "a") if a.attrib["href"] == PAGE)


def pills(response: Any) -> list[tuple[str, str]]:
    main = find_all(parse(response.text), "main")[0]
    return [
        (words(e), e.attrib["class"])
        for e in find_all(main, "span")
        if e.attrib.get("class", "").startswith("status")
    ]


def test_without_notices_the_page_says_what_will_be_there(login: Any) -> None:
    response = open_page(login("emma", now=START))
    assert titles(response) == [] and "No notifications" in text(response)
    assert bell(response) == ("Notifications", "")


def test_one_notice_with_its_type_its_text_and_its_age(login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice(
            type=NoticeType.VACATION,
            title="Closed",
            body="Back on **Tuesday**.\n\n- coffee\n- tea",
            starts_at=START - timedelta(hours=2),
        )
    response = open_page(login("emma", now=START))
    # Seven in the morning in UTC; the shop is in Amsterdam.
    assert re.search(
        r"Closed Vacation New 1 Nov\w* 2026, 08:00 · 2 hours ago Back on Tuesday . coffee tea", text(response)
    )
    assert "<strong>Tuesday</strong>" in response.text and "<li>coffee</li>" in response.text


@pytest.mark.parametrize(
    ("type_", "tone"),
    [
        (NoticeType.ANNOUNCEMENT, "azure"),
        (NoticeType.PRICE_CHANGE, "yellow"),
        (NoticeType.VACATION, "yellow"),
        (NoticeType.PROBLEM, "red"),
    ],
)
def test_each_type_has_its_colour(login: Any, on_stage: Any, type_: NoticeType, tone: str) -> None:
    with on_stage():
        make_notice(type=type_)
    response = open_page(login("emma", now=START))
    assert pills(response)[0] == (str(type_.label), f"status tone-{tone}")
    assert f'<li class="tone-{tone}">' in response.text and "/tone-" not in response.text


def test_what_is_unread_is_counted_until_somebody_looks(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_notice(title="one")
        make_notice(title="two", is_permanent=True)
        make_notice(title="tomorrow", starts_at=START + timedelta(days=1))
        make_notice(title="yesterday", expires_at=START)
        make_notice(title="of Jan", customers=(ids.jan_account,))
        make_notice(title="off", is_active=False)
    emma, bram = login("emma", now=START), login("bram", now=START)
    before = open_page(emma, ELSEWHERE)
    assert bell(before) == ("Notifications, 2 unread", "2") and in_sidebar(before) == "Notifications 2"

    opened = open_page(emma)
    # Who is reading is not told that there is something to read.
    assert bell(opened) == ("Notifications", "") and in_sidebar(opened) == "Notifications"
    assert [pill for pill, _ in pills(opened)].count("New") == 2

    after = open_page(emma, ELSEWHERE)
    assert bell(after) == ("Notifications", "") and in_sidebar(after) == "Notifications"
    again = open_page(emma)
    assert titles(again) == titles(opened) and ("New", "status tone-green") not in pills(again)
    # Each for themselves, and in every session of theirs.
    assert bell(open_page(bram, ELSEWHERE))[1] == "2"
    assert bell(open_page(login("emma", now=START), ELSEWHERE))[1] == ""
    # What begins later is new again.
    tomorrow = START + timedelta(days=1)
    assert bell(open_page(login("emma", now=tomorrow), ELSEWHERE, tomorrow))[1] == "1"


def test_opening_writes_one_mark_however_often(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_notice()
        make_notice(customers=(ids.jan_account,))
    emma = login("emma", now=START)
    for _ in range(3):
        open_page(emma)
    with on_stage():
        (mark,) = db.session.scalars(sa.select(NoticeMark))
        assert (mark.person_id, mark.read_at, mark.dismissed_at) == (ids.emma, START, None)


def test_a_get_writes_nothing_before_its_answer(app: Any, login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice()
    emma = login("emma", now=START)
    with clock.frozen(START), counted(app) as statements:
        emma.get(PAGE)
    assert not [each for each in statements if not each.startswith("SELECT")]


def test_another_page_reads_nothing(login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice()
    emma = login("emma", now=START)
    for _ in range(2):
        assert bell(open_page(emma, ELSEWHERE))[1] == "1"


def test_putting_one_away_takes_it_from_list_bell_and_banners(login: Any, on_stage: Any) -> None:
    with on_stage():
        path = f"{PAGE}/{make_notice(title='gone').public_id}/dismiss"
        make_notice(title="kept", is_permanent=True, starts_at=START - timedelta(days=2))
    emma = login("emma", now=START)
    page = open_page(emma)
    assert titles(page) == ["gone", "kept"] and page.text.count("/dismiss") == 1
    with clock.frozen(START):
        answer = emma.send(path, headers={"Referer": f"https://{emma.host}{PAGE}"})
    assert (answer.status_code, answer.location) == (303, PAGE)
    assert titles(open_page(emma)) == ["kept"]
    assert titles(open_page(login("bram", now=START))) == ["gone", "kept"]


def test_what_was_put_away_unread_is_not_counted(login: Any, on_stage: Any) -> None:
    with on_stage():
        path = f"{PAGE}/{make_notice().public_id}/dismiss"
    emma = login("emma", now=START)
    with clock.frozen(START):
        emma.send(path)
    assert bell(open_page(emma, ELSEWHERE))[1] == ""


def test_banners_do_not_say_it_twice_on_the_page(login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice(title="Once only")
    emma = login("emma", now=START)
    assert open_page(emma).text.count("Once only") == 2  # the list, and the name of its button
    assert 'class="banner ' in open_page(emma, ELSEWHERE).text


def test_twenty_six_are_two_pages_and_all_of_them_are_read(login: Any, on_stage: Any) -> None:
    with on_stage():
        for hour in range(26):
            make_notice(title=f"hour {hour}", starts_at=START - timedelta(hours=30 - hour // 2))
    emma = login("emma", now=START)
    first = open_page(emma)
    assert titles(first) == [f"hour {hour}" for hour in range(25, 0, -1)]
    second = open_page(emma, neighbour(first, "next"))
    assert titles(second) == ["hour 0"]
    assert titles(open_page(emma, neighbour(second, "prev"))) == titles(first)
    assert bell(open_page(emma, ELSEWHERE))[1] == ""


def test_more_than_the_bell_can_count(login: Any, on_stage: Any) -> None:
    with on_stage():
        for _ in range(100):
            make_notice()
    emma = login("emma", now=START)
    assert bell(open_page(emma, ELSEWHERE)) == ("Notifications, 100 unread", "99+")


def test_a_page_is_four_statements_for_one_and_for_many(app: Any, login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice()
    emma = login("emma", now=START)
    open_page(emma)
    with clock.frozen(START), counted(app) as few:
        emma.get(PAGE)
    with on_stage():
        for _ in range(30):
            make_notice()
    with clock.frozen(START), counted(app) as many:
        emma.get(PAGE)
    # One for the session, two for the frame, one for the list.
    assert len(few) == len(many) == 4, "\n\n".join(many)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_notices(login: Any, on_stage: Any, ids: Any, role: Role) -> None:
    with on_stage():
        make_notice()
        db.session.query(Membership).filter_by(person_id=ids.bram).one().role = role
    bram = login("bram", now=START)
    assert bell(open_page(bram, ELSEWHERE if role is not Role.SUPPORT else "/customer/support"))[1] == "1"
    assert titles(open_page(bram)) == ["Closed on Monday"]


def test_strangers_have_their_own_and_a_visitor_none(
    login: Any, on_stage: Any, ids: Any, client: Any
) -> None:
    with on_stage():
        make_notice(customers=(ids.emma_account,))
    with on_stage(ids.other_shop):
        make_notice(title="next door")
    assert titles(open_page(login("jan", now=START))) == []
    assert titles(open_page(login("dora", now=START))) == ["next door"]
    assert client.get(PAGE).status_code == 303


def test_it_is_the_chosen_account_that_counts(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_notice(title="for Jan's", customers=(ids.jan_account,))
        db.session.add(
            Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.SUPPORT, created_at=START)
        )
    assert titles(open_page(login("emma", now=START))) == []
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count(NoticeMark.id))) == 0


@pytest.mark.parametrize("typed", ["#7A3B12", "#7a3b12", "#000000", "#ffffff", "#ffe600"])
def test_a_colour_of_its_own_is_a_sheet_that_may_be_kept(login: Any, on_stage: Any, typed: str) -> None:
    with on_stage():
        make_notice(colour=typed)
        make_notice(colour=typed, type=NoticeType.PROBLEM)
    name = typed[1:].lower()
    emma = login("emma", now=START)
    for path in (PAGE, ELSEWHERE):
        page = parse(open_page(emma, path).text)
        sheets = [e.attrib["href"] for e in find_all(page, "link") if "/tone-" in e.attrib["href"]]
        assert sheets == [f"/tone-{name}.css"]
        tinted = [e for e in page.iter() if f"tone-own tone-{name}" in e.attrib.get("class", "")]
        assert len(tinted) == (4 if path == PAGE else 2)
    sheet = emma.get(sheets[0])
    assert sheet.mimetype == "text/css" and "immutable" in sheet.headers["Cache-Control"]
    assert sheet.text == brand.tone_css(name)


@pytest.mark.parametrize("odd", ["red", "#12", "#ggg", "</sty"])
def test_what_is_no_colour_is_that_of_the_type(login: Any, on_stage: Any, odd: str) -> None:
    with on_stage():
        make_notice(colour=odd, type=NoticeType.PROBLEM)
    response = open_page(login("emma", now=START))
    assert pills(response)[0] == ("Problem", "status tone-red") and "/tone-" not in response.text


@pytest.mark.parametrize("name", ["7A3B12", "7a3b1", "7a3b123", "zzzzzz", "%00"])
def test_there_is_no_sheet_of_what_is_no_colour(client: Any, name: str) -> None:
    assert client.get(f"/tone-{name}.css").status_code == 404


def test_hostile_text_is_shown_as_typed(login: Any, on_stage: Any) -> None:
    with on_stage():
        make_notice(
            title=HOSTILE,
            body=f"{HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://evil.example/y.png)\n\n"
            + "\U0001f600\u202e" * 9000,
        )
    response = open_page(login("emma", now=START))
    assert titles(response) == [HOSTILE]
    assert "<script>alert" not in response.text and "<img" not in response.text
    assert 'href="javascript:' not in response.text


def test_in_dutch_nothing_of_the_page_is_english(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        make_notice(title="T", body="B")
        make_notice(title="P", body="B", is_permanent=True, type=NoticeType.PRICE_CHANGE)
        db.session.get_one(Person, ids.emma).language = "nl"
    emma = login("emma", now=START)
    elsewhere = open_page(emma, ELSEWHERE)
    assert bell(elsewhere)[0] == "Berichten, 2 ongelezen"
    response = open_page(emma)
    assert "Berichten" in text(response) and "Nieuw" in text(response)
    for english in ("Notifications", "Dismiss", "New", "Announcement", "Price change", "unread", "See your"):
        assert english not in re.sub(r'"[^"]*/[^"]*"', "", response.text)
