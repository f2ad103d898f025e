"""How sections are loaded: one door for all of them, and one line that says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Blueprint, Flask

from portal.core import sections
from portal.core.access import Audience
from portal.core.sections import BadSection, Card, NavItem, Section, load_sections


def section(key: str = "wishes", *, audience: Audience = Audience.CUSTOMER, **options: object) -> Section:
    blueprint = Blueprint(str(options.pop("named", key)), __name__)
    blueprint.add_url_rule("", "index", lambda: "")
    return Section(key=key, title="Wishes", audience=audience, blueprint=blueprint, **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "entry_points", lambda group: [])


@pytest.mark.parametrize(
    ("audience", "prefix", "address"),
    [
        (Audience.CUSTOMER, None, "/customer/gift-wishes"),
        (Audience.STAFF, None, "/office/gift-wishes"),
        (Audience.PUBLIC, None, "/gift-wishes"),
        (Audience.CUSTOMER, "/customer", "/customer"),
        (Audience.PUBLIC, "/x", "/x"),
    ],
)
def test_a_section_lives_under_its_audience(audience: Audience, prefix: str | None, address: str) -> None:
    made = section("gift_wishes", audience=audience, url_prefix=prefix)
    assert made.address == address
    app = Flask("bare", static_folder=None)
    load_sections(app, [made])
    assert [rule.rule for rule in app.url_map.iter_rules()] == [address]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([section("Wishes")], "snake_case"),
        ([section("gift-wishes")], "snake_case"),
        ([section("9")], "snake_case"),
        ([section(named="other")], "named 'other'"),
        ([section(), section()], "already"),
        ([section(nav=(NavItem("wishes.gone", "x", icon="x", weight=1, permission=""),))], "wishes.gone"),
        (
            [
                section(
                    cards=(Card("wishes.gone", "x", icon="x", weight=1, permission="", count=lambda here: 0),)
                )
            ],  # type: ignore[arg-type,return-value]
            "wishes.gone",
        ),
    ],
)
def test_what_cannot_be_loaded_says_why_in_a_line(wrong: list[Section], says: str) -> None:
    with pytest.raises(BadSection, match=says) as refused:
        load_sections(Flask("bare"), wrong)
    assert "\n" not in str(refused.value)


class Point:
    """An entry point as importlib.metadata gives it."""

    def __init__(self, name: str, found: object) -> None:
        self.name, self.value, self.found = name, f"{name}:section", found

    def load(self) -> object:
        return self.found


def test_packages_come_through_the_same_door_in_the_order_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [Point("b", section("b")), Point("a", section("a"))]
    monkeypatch.setattr(sections, "entry_points", lambda group: points if group == "portal.sections" else [])
    assert [each.key for each in load_sections(Flask("bare"), [section("z")]).all] == ["z", "a", "b"]


@pytest.mark.parametrize("found", [None, "x", object(), Section])
def test_a_package_that_gives_something_else_is_named(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr(sections, "entry_points", lambda group: [Point("acme", found)])
    with pytest.raises(BadSection, match="acme"):
        load_sections(Flask("bare"), [])


def test_a_package_cannot_take_a_core_sections_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "entry_points", lambda group: [Point("acme", section("invoices"))])
    with pytest.raises(BadSection, match="already"):
        load_sections(Flask("bare"), [section("invoices")])


def test_entries_stand_by_weight() -> None:
    def item(weight: int) -> NavItem:
        return NavItem("a.index", str(weight), icon="x", weight=weight, permission="")

    first = replace(section("a"), nav=(item(30), item(10)))
    second = replace(section("b"), nav=(replace(item(20), endpoint="b.index"),))
    office = replace(section("c", audience=Audience.STAFF), nav=(replace(item(1), endpoint="c.index"),))
    loaded = load_sections(Flask("bare"), [first, second, office])
    assert [each.title for each in loaded.nav()] == ["10", "20", "30"]
    assert loaded.cards() == [] and loaded.alerts() == []
