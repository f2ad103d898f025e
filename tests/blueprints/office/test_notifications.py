"""Notifications in the office: written once, looked at first, changed by two at once, shown when and to whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import brand, clock
from portal.core.audit import AuditEntry
from portal.domain.notices import staff_queries
from portal.domain.notices.models import Audience, Notice, NoticeTarget, NoticeType
from portal.domain.notices.staff_queries import Shown
from portal.domain.people.models import Customer
from portal.extensions import db
from tests.cast import START
from tests.page_client import find_all, parse, text_of
from tests.rows import HOSTILE, make_notice
from tests.statements import counted, plans

LIST = "/office/notifications"
NEW = {
    "type": "vacation", "title": "Closed", "body": "Back on **Monday**.", "audience": "all",
    "starts_at": "2026-11-01T09:30", "is_active": "y", "key": "k" * 22,
}  # fmt: skip
SLOW = re.compile(r"TEMP B-TREE|SCAN (?!anon_|CONSTANT)|Sort|Seq Scan")


@pytest.fixture(autouse=True)
def now() -> Any:
    with clock.frozen(START):
        yield


def text(response: Any) -> str:
    return text_of(parse(response.get_data(as_text=True)))


def titles(response: Any) -> list[str]:
    return [
        text_of(cell)
        for cell in find_all(parse(response.get_data(as_text=True)), "th")
        if cell.attrib.get("scope") == "row"
    ]


def stored(on_stage: Any) -> list[Notice]:
    with on_stage():
        found = list(db.session.scalars(sa.select(Notice).order_by(Notice.id)))
        db.session.expunge_all()
    return found


def test_sent_twice_it_is_one_and_customers_see_it(login: Any, on_stage: Any) -> None:
    kees = login("kees")
    assert kees.get(f"{LIST}/new").status_code == 200
    for _twice in range(2):
        assert kees.send(f"{LIST}/new", NEW).status_code == 303
    [made] = stored(on_stage)
    assert (made.type, made.audience, made.is_permanent) == (NoticeType.VACATION, Audience.ALL, False)
    # Half past nine in Amsterdam is half past eight in UTC.
    assert made.starts_at == datetime(2026, 11, 1, 8, 30, tzinfo=UTC) and made.expires_at is None
    page = login("emma").get("/customer")
    assert "Closed" in text(page) and "<strong>Monday</strong>" in page.text
    with on_stage():
        assert db.session.scalars(sa.select(AuditEntry.event)).all() == ["notice.published"]


def test_before_its_time_nobody_sees_it_and_after_its_end_nobody_any_more(login: Any, on_stage: Any) -> None:
    window = {"starts_at": "2026-11-01T11:00", "expires_at": "2026-11-01T12:00"}
    login("kees").send(f"{LIST}/new", {**NEW, **window})
    emma = login("emma")
    for minutes, shown in ((0, False), (60, True), (119, True), (120, False)):
        with clock.frozen(START + timedelta(minutes=minutes)):
            assert ("Closed" in text(emma.get("/customer"))) is shown, minutes


def test_for_whoever_has_the_tag(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.jan_account).tags = ["baker"]
    login("kees").send(f"{LIST}/new", {**NEW, "audience": "tags", "tags": " baker, cook,, baker "})
    with on_stage():
        assert db.session.scalars(sa.select(NoticeTarget.tag).order_by(NoticeTarget.id)).all() == [
            "baker",
            "cook",
        ]
    assert "Closed" in text(login("jan").get("/customer"))
    assert "Closed" not in text(login("emma").get("/customer"))
    address = f"{LIST}/{stored(on_stage)[0].public_id}"
    assert 'value="baker, cook"' in login("kees").get(address).text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("expires_at", "2026-11-01T09:30", "It would end before it begins."),
        ("audience", "tags", "Fill in at least one tag."),
        ("starts_at", "tomorrow", "Fill in a day and a time."),
        ("colour", "red", "A colour is six digits"),
        ("colour", "", "A colour is six digits"),
        ("title", " ", "Fill in a title."),
    ],
)
def test_what_is_refused_is_shown_again(
    login: Any, on_stage: Any, field: str, value: str, words: str
) -> None:
    refused = login("kees").send(
        f"{LIST}/new", {**NEW, "colour_of": "own", "colour": "#123456", field: value}
    )
    assert refused.status_code == 422 and words in text(refused) and "Back on" in refused.text
    assert stored(on_stage) == []


def test_a_preview_without_a_script_and_with_one(login: Any, on_stage: Any) -> None:
    kees = login("kees")
    own = {
        **NEW,
        "colour_of": "own",
        "colour": "#00aa88",
        "body": f"**Bold** {HOSTILE}",
        "starts_at": "nonsense",
    }
    page, piece = kees.send(f"{LIST}/new", {**own, "preview": "1"}), kees.send(f"{LIST}/preview", own)
    for answer in (page, piece):
        assert answer.status_code == 200 and "<strong>Bold</strong>" in answer.text
        assert "tone-00aa88" in answer.text and "<script>alert" not in answer.text
    assert "<html" not in piece.text and stored(on_stage) == []
    assert 'data-hx-post="/office/notifications/preview"' in page.text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"colour_of": "own", "colour": "#00AA88"}, "#00aa88"),
        ({"colour_of": "own", "colour": "0a8"}, "#00aa88"),
        ({"colour_of": "type", "colour": "#00aa88"}, None),
        ({"colour_of": "type", "colour": "x"}, None),
        ({"colour": "#00aa88"}, None),
    ],
)
def test_the_colour_is_the_types_unless_it_is_its_own(
    login: Any, on_stage: Any, sent: dict[str, str], kept: str | None
) -> None:
    kees = login("kees")
    assert kees.send(f"{LIST}/new", {**NEW, **sent}).status_code == 303
    [made] = stored(on_stage)
    assert made.colour == kept
    page = kees.get(f"{LIST}/{made.public_id}")
    fields = find_all(parse(page.text), "input")
    (colour,) = [each.attrib for each in fields if each.attrib.get("name") == "colour"]
    ticked = [
        each.attrib["value"]
        for each in fields
        if each.attrib.get("name") == "colour_of" and "checked" in each.attrib
    ]
    assert (colour["type"], colour["value"]) == ("color", kept or brand.DEFAULT_COLOUR)
    assert ticked == ["own" if kept else "type"]


@pytest.mark.parametrize("colour", ["#ffffff", "#ffff00", "#000000", "#808080"])
def test_text_on_a_colour_of_its_own_can_be_read(login: Any, client: Any, colour: str) -> None:
    piece = login("kees").send(f"{LIST}/preview", {**NEW, "colour_of": "own", "colour": colour})
    sheet = client.get(re.findall(r'href="([^"]*/tone-[0-9a-f]{6}\.css)"', piece.text)[0]).text
    tones = dict(re.findall(r"--(tone-[a-z-]+):(#[0-9a-f]{6})", sheet))
    for theme, least in (("l", brand.ENOUGH_LIGHT), ("d", brand.ENOUGH_DARK)):
        text_on = brand.parse(tones[f"tone-{theme}"]), brand.parse(tones[f"tone-{theme}-bg"])
        assert brand.contrast(*text_on) >= least


def test_the_text_has_the_toolbar_of_a_ticket(login: Any) -> None:
    kees = login("kees")
    page = kees.get(f"{LIST}/new").text
    assert 'data-editor="body"' in page and "js/editor.js" in page
    (address,) = re.findall(r'data-url="([^"]+)"', page)
    shown = kees.send(address, {"body": f"**Bold** {HOSTILE}"})
    assert shown.status_code == 200 and shown.text.startswith("<p><strong>Bold</strong>")
    assert "<script>alert" not in shown.text and "banner" not in shown.text


def test_two_browsers_change_it(login: Any, on_stage: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_notice().public_id}"
    kees, changed = login("kees"), {**NEW, "version": "1", "title": "First"}
    assert kees.send(address, changed).status_code == 303
    late = kees.send(address, {**changed, "title": "Second"})
    assert late.status_code == 409 and "changed this notification meanwhile" in text(late)
    assert "Second" in late.text and stored(on_stage)[0].title == "First"
    version = next(
        e.attrib["value"] for e in find_all(parse(late.text), "input") if e.attrib.get("name") == "version"
    )
    assert kees.send(address, {**changed, "title": "Second", "version": version}).status_code == 303
    assert stored(on_stage)[0].title == "Second"


def test_who_it_was_for_by_name_stays(login: Any, on_stage: Any, ids: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_notice(customers=(ids.jan_account,)).public_id}"
    kees = login("kees")
    assert 'value="some"' in kees.get(address).text
    assert kees.send(address, {**NEW, "version": "1", "audience": "some"}).status_code == 303
    assert "Closed" in text(login("jan").get("/customer"))
    assert "Closed" not in text(login("emma").get("/customer"))


def test_taking_it_down_twice_is_once(login: Any, on_stage: Any) -> None:
    with on_stage():
        address = f"{LIST}/{make_notice().public_id}"
    for _twice in range(2):
        assert login("kees").send(f"{address}/deactivate").status_code == 303
    assert not stored(on_stage)[0].is_active
    assert "Closed" not in text(login("emma").get("/customer"))
    with on_stage():
        assert db.session.scalars(sa.select(AuditEntry.event)).all() == ["notice.deactivated"]


def test_each_is_listed_as_what_it_is(login: Any, on_stage: Any) -> None:
    day = timedelta(days=1)
    with on_stage():
        make_notice(title="Now")
        make_notice(title="Later", starts_at=START + day)
        make_notice(title="Over", starts_at=START - 2 * day, expires_at=START)
        make_notice(title="Off", is_active=False)
    saskia = login("saskia")
    assert set(titles(saskia.get(LIST))) == {"Now", "Later", "Over", "Off"}
    for status, title in {
        Shown.ACTIVE: "Now",
        Shown.SCHEDULED: "Later",
        Shown.EXPIRED: "Over",
        Shown.INACTIVE: "Off",
    }.items():
        page = saskia.get(f"{LIST}?status={status.value}")
        assert titles(page) == [title] and str(status.label) in text(page)
    assert "No notifications yet" in text(login("wim").get(LIST))


@pytest.mark.parametrize("wanted", [None, *Shown])
def test_ten_thousand_are_read_by_an_index_without_a_sort(
    app: Flask, on_stage: Any, ids: Any, wanted: Shown | None
) -> None:
    with on_stage():
        made = [
            {
                "shop_id": ids.shop,
                "public_id": f"n{number:021}",
                "type": NoticeType.PROBLEM,
                "title": "T",
                "body": "",
                "audience": Audience.ALL,
                "is_permanent": False,
                "is_active": number % 2 == 0,
                "starts_at": START - timedelta(minutes=number),
                "version": 1,
                "created_at": START,
            }
            for number in range(10_000)
        ]
        with db.engine.begin() as connection:
            connection.execute(sa.insert(Notice.__table__), made)
    with on_stage(), plans(app) as found:
        staff_queries.list_for_staff(now=START, wanted=wanted)
    for plan in found:
        assert not SLOW.search(plan), plan


def test_twenty_six_are_two_pages_in_few_statements(app: Flask, login: Any, on_stage: Any) -> None:
    with on_stage():
        for number in range(26):
            make_notice(title=f"N{number}", starts_at=START - timedelta(hours=number))
    saskia = login("saskia")
    with counted(app) as seen:
        first = saskia.get(f"{LIST}?status=active")
    assert len(titles(first)) == 25 and len(seen) <= 5
    onward = next(a for a in find_all(parse(first.text), "a") if a.attrib.get("rel") == "next")
    assert titles(saskia.get(onward.attrib["href"])) == ["N25"]


def test_who_only_reads_changes_nothing(login: Any, on_stage: Any, ids: Any) -> None:
    from portal.domain.people.models import Staff, StaffRole

    with on_stage():
        db.session.get_one(Staff, ids.kees).role = StaffRole.READ_ONLY
        make_notice()
    page = login("kees").get(LIST).text
    assert "/new" not in page and "/deactivate" not in page
