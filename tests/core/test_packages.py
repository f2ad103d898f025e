"""What a package may not do, told in one line that names it; and what of it fails, without anybody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from portal import api
from portal.core import contributions, packages, sections
from portal.core.packages import BadSection, Package
from portal.core.tables import BigId
from portal.domain.people import permissions, staff_permissions
from tests.cast import Ids
from tests.conftest import make_app
from tests.page_client import PageClient, find_all, parse
from tests.pages import words

Stage = Callable[..., Any]
Login = Callable[..., PageClient]
ACME = Package("loket-acme", "acme")


class Point:
    """An entry point of a package that was not installed by pip."""

    def __init__(self, load: Callable[[], object]) -> None:
        self.name, self.value, self.dist, self.load = "acme", "acme:section", None, load


def view() -> str:
    return "hello"


def section(needs: str = api.Permission.HOME, **options: Any) -> api.Section:
    blueprint = Blueprint("acme", __name__)
    blueprint.add_url_rule("", "index", api.needs(needs)(view))
    blueprint.add_url_rule("/<public_id>", "show", view)
    audience = options.pop("audience", api.Audience.CUSTOMER)
    return api.Section("acme", "Acme", audience, blueprint, **options)


def item(**options: Any) -> api.NavItem:
    values = {"endpoint": "acme.index", "icon": "package", "weight": 5, "permission": api.Permission.HOME}
    return api.NavItem(title="Acme", **values | options)


def alert(**options: Any) -> api.Alert:
    return api.Alert(
        **{"kind": "acme", "permission": "", "rows": None, "present": None, "title": "Acme"} | options
    )


@pytest.fixture(autouse=True)
def grants_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "_granted", {})
    monkeypatch.setattr(staff_permissions, "_granted", {})


def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: Callable[[], object]) -> Flask:
    monkeypatch.setattr(sections, "entry_points", lambda group: [Point(loads)])
    return make_app(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}", PACKAGES=True)


def broken() -> object:
    raise ModuleNotFoundError("No module named 'frobnicate'\nmore about it")


@pytest.mark.parametrize(
    ("loads", "says"),
    [
        (broken, "acme:section cannot be loaded: ModuleNotFoundError: No module named 'frobnicate'"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: section(needs="ordes.view"), "'ordes.view', which nobody has"),
        (lambda: section(needs="office.home.view"), "'office.home.view', which nobody has"),
        (lambda: section(nav=(item(permission="ordes.view"),)), "'ordes.view', which nobody has"),
        (lambda: section(nav=(item(endpoint="acme.show"),)), "acme.show, whose address needs more"),
        (lambda: section(audience=api.Audience.STAFF), "'home.view', which nobody has"),
        (
            lambda: section(audience=api.Audience.STAFF, url_prefix="/staff/acme"),
            "/staff/acme is the wrong face",
        ),
        (lambda: section(url_prefix="/office/acme"), "/office/acme is the wrong face"),
        (lambda: section(alerts=(alert(kind="invoice"),)), "alerts of the kind 'invoice' already"),
        (lambda: section(alerts=(alert(), alert())), "alerts of the kind 'acme' already"),
        (lambda: section(alerts=(alert(title=None),)), "no title to stand under"),
        (lambda: section(nav=(item(icon="no-such-icon"),)), "there is no icon 'no-such-icon'"),
        (lambda: section(nav=(item(icon="acme:seal"),)), "there is no icon 'acme:seal'"),
        (lambda: section(permissions={"orders.view": ("billing",)}), "acme.verb, not 'orders.view'"),
        (lambda: section(permissions={"acme.use": ("boss",)}), "'boss' is not a valid Role"),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: Callable[[], object], says: str
) -> None:
    with pytest.raises(BadSection) as refused:
        load(monkeypatch, tmp_path, loads)
    told = str(refused.value)
    assert told.startswith("acme: ") and says in told and "\n" not in told


def test_rights_of_its_own_go_to_roles_and_to_the_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    load(monkeypatch, tmp_path, lambda: section(needs="acme.use", permissions={"acme.use": ("billing",)}))
    have = {role for role in permissions.Role if "acme.use" in permissions.permissions_of(role)}
    assert have == {permissions.Role.OWNER, permissions.Role.BILLING}


# Tables


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[DeclarativeBase]]:
    """A base of their own for the wrong tables of this file, which must not stay in that of all."""

    class Base(DeclarativeBase):
        pass

    class Shop(Base):
        __tablename__ = "shops"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Customer(api.ShopOwned, Base):
        __tablename__ = "customers"
        id: Mapped[int] = mapped_column(BigId, primary_key=True)
        __table_args__ = (sa.UniqueConstraint("shop_id", "id"),)

    monkeypatch.setattr(packages, "Base", Base)
    yield Base
    del Shop, Customer  # till then they are kept, as only a class that is used is known


def test_a_table_that_the_guard_cannot_see_is_refused(models: Any) -> None:
    class Wish(models):  # type: ignore[misc]
        __tablename__ = "wishes"
        id: Mapped[int] = mapped_column(primary_key=True)

    Wish.__module__ = "acme.models"

    with pytest.raises(BadSection, match=r"Wish: a table is api\.CustomerOwned"):
        ACME.check_tables()
    Package("loket-other", "other").check_tables()


def test_a_key_that_may_lead_to_another_shop_is_refused(models: Any) -> None:
    class Wish(api.ShopOwned, models):  # type: ignore[misc]
        __tablename__ = "wishes"
        id: Mapped[int] = mapped_column(primary_key=True)
        of: Mapped[int] = mapped_column(BigId, sa.ForeignKey("customers.id"))

    Wish.__module__ = "acme.models"

    with pytest.raises(BadSection, match=r"another shop's: take api\.CustomerOwned"):
        ACME.check_tables()


def test_a_table_without_a_class_is_refused(models: Any) -> None:
    sa.Table("wishes_tags", models.metadata, sa.Column("wish", sa.Integer))
    with pytest.raises(BadSection, match="wishes_tags: a table without a class"):
        ACME.check_tables()


def test_customer_owned_keys_shop_and_account(models: Any) -> None:
    class Wish(api.CustomerOwned, models):  # type: ignore[misc]
        __tablename__ = "wishes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        __table_args__ = (sa.Index("ix_wishes", "shop_id", "customer_id", "id"),)

    Wish.__module__ = "acme.models"

    ACME.check_tables()
    assert [table.name for table in ACME.tables()] == ["wishes"]
    (key,) = [each for each in Wish.__table__.foreign_key_constraints if len(each.columns) == 2]
    assert [each.target_fullname for each in key.elements] == ["customers.shop_id", "customers.id"]
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        models.metadata.create_all(connection)
        for statement in ("INSERT INTO shops VALUES (1), (2)", "INSERT INTO customers VALUES (7, 1)"):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("INSERT INTO wishes VALUES (1, 'x', 7, 1)")
        with pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql("INSERT INTO wishes VALUES (2, 'x', 7, 2)")


# What raises


class Boom(Exception):
    pass


def raises(*_: Any) -> Any:
    raise Boom


def no_such_table(here: api.FrameScope) -> Any:
    return sa.select(sa.func.count()).select_from(sa.table("gone")).scalar_subquery()


def rows(here: api.FrameScope) -> Any:
    return sa.select(*api.alert_columns("acme", public_id=sa.literal("id"), title=sa.literal("Row")))


def link(row: api.AlertRow, here: api.FrameScope) -> api.AlertLink:
    return api.AlertLink("/customer/orders", row.title, "a note")


def card(count: Any) -> api.Card:
    return api.Card("orders.index", "Acme", icon="package", weight=5, permission="", count=count)


ENTRY = api.NavItem("orders.index", "Acme", icon="package", weight=5, permission="")


@pytest.fixture
def with_section(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """``with_section(badge=…)`` has a package's section beside the core's, with these contributions."""
    loaded: sections.Sections = app.extensions["sections"]
    before = list(loaded.all)

    def add(of: Package | None = ACME, **contributed: Any) -> None:
        extra = api.Section("acme", "Acme", api.Audience.CUSTOMER, Blueprint("acme", __name__), **contributed)
        loaded.all.append(extra)
        if of is not None:
            monkeypatch.setitem(loaded.packages, "acme", of)
        monkeypatch.setattr(loaded, "_built", {})
        monkeypatch.setattr(loaded, "resting", {})

    yield add
    loaded.all[:] = before


def contributed(name: str, raising: Any) -> dict[str, Any]:
    from dataclasses import replace

    return {
        "badge": lambda: {"nav": (replace(ENTRY, badge=raising),)},
        "shown": lambda: {"nav": (replace(ENTRY, shown=raising),)},
        "card": lambda: {"cards": (card(raising),)},
        "rows": lambda: {"alerts": (api.Alert("acme", "", rows=raising, present=link, title="Acme"),)},
        "present": lambda: {"alerts": (api.Alert("acme", "", rows=rows, present=raising, title="Acme"),)},
    }[name]()


def a_text(here: api.FrameScope) -> Any:
    return sa.select(sa.literal("many")).scalar_subquery()


FAULTS = [
    ("badge", a_text),
    ("card", a_text),
    *((name, raises) for name in ("badge", "shown", "card", "rows", "present")),
    *((name, no_such_table) for name in ("badge", "shown", "card")),
    (
        "rows",
        lambda here: sa.select(*api.alert_columns("x", public_id=sa.literal("i"), title=sa.literal("t"))),
    ),
]


@pytest.mark.parametrize(("name", "raising"), FAULTS)
def test_what_raises_is_left_out_and_logged_once(
    with_section: Callable[..., None],
    login: Login,
    caplog: pytest.LogCaptureFixture,
    name: str,
    raising: Any,
) -> None:
    with_section(**contributed(name, raising))
    emma = login("emma")
    with caplog.at_level(logging.ERROR, logger=contributions.__name__):
        for path, code in (("/customer", 200), ("/customer/invoices", 200), ("/customer/nowhere", 404)):
            page = emma.get(path)
            assert page.status_code == code and "Acme" not in page.text and "Invoices" in page.text
    told = [record.getMessage() for record in caplog.records if record.name == contributions.__name__]
    assert told == ["loket-acme: what the section acme puts around pages is left out: it raised"]


def test_a_refused_form_keeps_what_was_written_before(
    with_section: Callable[..., None], login: Login
) -> None:
    """The page of a POST is made in a transaction that may write."""
    with_section(**contributed("badge", no_such_table))
    answer = login("emma").send("/customer/contacts/new", {"name": ""})
    assert answer.status_code == 422 and "Invoices" in answer.text


@pytest.mark.parametrize(("name", "raising"), [("badge", raises), ("present", raises)])
def test_what_the_core_raises_is_not_lived_with(
    app: Flask, with_section: Callable[..., None], login: Login, name: str, raising: Any
) -> None:
    with_section(of=None, **contributed(name, raising))
    assert login("emma").get("/customer/invoices").status_code == 500


def test_of_two_the_one_that_raises_is_left_out(
    app: Flask, with_section: Callable[..., None], login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_section(**contributed("badge", raises))
    loaded = app.extensions["sections"]
    good = api.NavItem("orders.index", "Good", icon="package", weight=5, permission="")
    loaded.all.append(
        api.Section("good", "Good", api.Audience.CUSTOMER, Blueprint("good", __name__), nav=(good,))
    )
    monkeypatch.setitem(loaded.packages, "good", Package("loket-good", "good"))
    page = login("emma").get("/customer/invoices").text
    assert "Good" in page and "Acme" not in page


def test_it_is_tried_again_after_a_pause(
    app: Flask, with_section: Callable[..., None], login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = False

    def badge(here: api.FrameScope) -> Any:
        if not healthy:
            raise Boom
        return sa.select(sa.literal(3)).scalar_subquery()

    with_section(**contributed("badge", badge))
    emma = login("emma")
    assert "Acme" not in emma.get("/customer/invoices").text
    healthy = True
    assert "Acme" not in emma.get("/customer/invoices").text
    app.extensions["sections"].resting["acme"] = 0.0
    assert "Acme" in emma.get("/customer/invoices").text


def test_the_rows_of_a_section_stand_under_its_title(
    with_section: Callable[..., None], login: Login, ids: Ids
) -> None:
    with_section(**contributed("present", link))
    emma = login("emma")
    sidebar = next(
        e
        for e in find_all(parse(emma.get("/customer/invoices").text), "aside")
        if e.attrib.get("id") == "sidebar"
    )
    assert "Acme Row a note" in words(sidebar)
    assert emma.get("/customer").text.count("a note") == 2, "in the sidebar and, on a phone, on home"
