"""How sections are loaded: one door for all of them, and one line that says what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest
from flask import Blueprint, Flask

from portal import blueprints
from portal.core import sections
from portal.core.access import Audience, needs
from portal.core.sections import BadSection, Card, NavItem, Section, load_sections
from portal.core.tenancy import shop_scope
from portal.extensions import db
from tests import cast
from tests.conftest import make_app
from tests.page_client import PageClient


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


# What is left out


def app_without(*keys: str) -> Flask:
    app = Flask("bare", static_folder=None)
    app.config["LEAVE_OUT"] = frozenset(keys)
    return app


def test_a_section_can_be_left_out() -> None:
    app = app_without("a")
    assert [each.key for each in load_sections(app, [section("a"), section("b")]).all] == ["b"]
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/customer/b"]


def test_leaving_out_what_is_not_there_is_a_slip_of_the_pen() -> None:
    with pytest.raises(BadSection, match="LEAVE_OUT names c, and there is no section"):
        load_sections(app_without("c"), [section("a")])


def test_what_others_lead_to_needs_another_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    linked = {"a": ("index", "show")}
    with pytest.raises(BadSection, match="other pages lead to its pages index, show"):
        load_sections(app_without("a"), [section("a")], linked=linked)
    other = section("a")
    monkeypatch.setattr(sections, "entry_points", lambda group: [Point("acme", other)])
    with pytest.raises(BadSection, match="other pages lead to its pages show"):
        load_sections(app_without("a"), [section("a")], linked=linked)
    other = section("a")
    other.blueprint.add_url_rule("/<public_id>", "show", lambda public_id: "")
    loaded = load_sections(app_without("a"), [section("a")], linked=linked)
    assert loaded.all == [other] and list(loaded.packages) == ["a"]


def test_the_pages_to_which_others_lead_are_all_known(app: Flask) -> None:
    """As the code and the templates of the others name them; those of permissions and tables are no pages."""
    portal = Path(blueprints.__file__).parents[1]
    keys = {each.key for each in blueprints.core_sections}
    found: dict[str, set[str]] = {}
    for path in portal.rglob("*"):
        if path.suffix not in (".py", ".html", ".txt") or "static" in path.parts:
            continue
        of = path.relative_to(portal).parts
        for key, page in re.findall(r"""["']([a-z_]+)\.([a-z_.]+)["']""", path.read_text()):
            is_its_own = of[0] in ("blueprints", "templates") and of[1] == key
            if key in keys and not is_its_own and of[0] != "demo" and f"{key}.{page}" in app.view_functions:
                found.setdefault(key, set()).add(page)
    found.pop(
        "contacts"
    )  # the page of settings looks whether they are there; the rest are words of permissions
    assert found == {key: set(pages) for key, pages in blueprints.linked.items()}


def test_the_pages_of_all_the_others_work_without_contacts_and_notifications(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = make_app(
        tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}", LEAVE_OUT=frozenset({"contacts", "notifications"})
    )
    app.test_client_class = PageClient
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        with shop_scope(ids.shop):
            cast.sign_in(ids.emma, "t" * 43)
            db.session.commit()
    client: PageClient = app.test_client()  # type: ignore[assignment]
    client.set_cookie("__Host-loket_person", "t" * 43, domain=cast.HOST, secure=True, path="/")
    for path in ("", "/invoices", "/orders", "/subscriptions", "/support", "/settings", "/profile"):
        answer = client.get(f"/customer{path}")
        assert answer.status_code == 200, path
        assert "/customer/contacts" not in answer.text and "/customer/notifications" not in answer.text, path
    assert client.get("/customer/contacts").status_code == 404
    assert client.get("/customer/notifications").status_code == 404
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_a_template_in_the_folder_of_the_installation_wins(tmp_path: Path) -> None:
    own = tmp_path / "templates" / "email"
    own.mkdir(parents=True)
    (own / "_layout.txt").write_text("Ours")
    app = make_app(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}")
    assert app.jinja_env.get_template("email/_layout.txt").render() == "Ours"
    assert app.jinja_env.get_template("email/_layout.html").filename == str(
        Path(blueprints.__file__).parents[1] / "templates" / "email" / "_layout.html"
    )


def test_the_files_of_a_package_are_for_browsers_and_another_may_stand_in_for_a_section(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = tmp_path / "static"
    files.mkdir()
    (files / "page.css").write_text("p { color: red }")
    (files / "notes.md").write_text("how it was built")
    blueprint = Blueprint("contacts", __name__, static_folder=str(files))
    blueprint.add_url_rule("", "index", needs("contacts.view")(lambda: "Contacts of Acme"))
    ours = Section("contacts", "Contacts", Audience.CUSTOMER, blueprint)
    monkeypatch.setattr(
        sections, "entry_points", lambda group: [Point("acme", ours)] if group == "portal.sections" else []
    )
    app = make_app(
        tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}", PACKAGES=True, LEAVE_OUT=frozenset({"contacts"})
    )
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        with shop_scope(ids.shop):
            cast.sign_in(ids.emma, "t" * 43)
            db.session.commit()
    client: PageClient = app.test_client()  # type: ignore[assignment]
    client.checks = False
    style = client.get("/customer/contacts/static/page.css")
    assert (style.status_code, style.text) == (200, "p { color: red }"), "for visitors too"
    assert "max-age=31536000" in style.headers["Cache-Control"]
    missing = [client.get(f"/customer/contacts/static/{name}") for name in ("notes.md", "none.css")]
    assert [each.status_code for each in missing] == [404, 404]
    assert all(each.headers["Cache-Control"] == "no-store" for each in missing)
    assert client.get("/customer/contacts").status_code == 303
    client.set_cookie("__Host-loket_person", "t" * 43, domain=cast.HOST, secure=True, path="/")
    assert client.get("/customer/contacts").text == "Contacts of Acme"
    assert client.get("/customer/contacts").headers["Cache-Control"] == "no-store"
    assert 'href="/customer/contacts"' in client.get("/customer/settings").text
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
