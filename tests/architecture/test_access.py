"""Default deny: a view says who may open it, or the portal does not start, or the view does not answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, g

from portal import blueprints
from portal.core import access
from portal.core.access import Audience, UndeclaredView, needs
from portal.core.principals import MembershipInfo, PersonPrincipal
from portal.core.sections import BadSection, NavItem, Section
from portal.domain.people.permissions import Permission
from tests.cast import HOST
from tests.conftest import make_app


def section(view: Callable[..., Any], rule: str = "", **options: Any) -> Section:
    blueprint = Blueprint("extra", __name__)
    blueprint.add_url_rule(rule, "index", view)
    return Section(
        **{"key": "extra", "title": "Extra", "audience": Audience.CUSTOMER, "blueprint": blueprint, **options}
    )


def app_with(extra: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(blueprints, "core_sections", (*blueprints.core_sections, extra))
    return make_app(tmp_path, f"sqlite:///{tmp_path / 'x.sqlite'}")


def test_a_customers_view_without_a_permission_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UndeclaredView, match=r"extra\.index"):
        app_with(section(lambda: "hello"), tmp_path, monkeypatch)


def test_a_section_that_names_a_page_that_is_not_there_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = NavItem("extra.nowhere", "Extra", icon="box", weight=1, permission=Permission.HOME)
    with pytest.raises(BadSection, match=r"extra\.nowhere"):
        app_with(section(needs(Permission.HOME)(lambda: "hello"), nav=(item,)), tmp_path, monkeypatch)


def test_an_objects_view_that_asks_nobody_does_not_answer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = MembershipInfo(1, 1, "x", "X", "owner", frozenset(Permission))
    person = PersonPrincipal(1, "e@example.com", "E", "E", "en", "system", (role,), None)
    monkeypatch.setattr(access, "current_person", lambda: person)
    with app.test_request_context("/customer/invoices/some-id", base_url=f"https://{HOST}"):
        with pytest.raises(UndeclaredView, match="open_for"):
            access.verify(app.response_class("hello"))
        g.access_checked = True
        assert access.verify(app.response_class("hello")).status_code == 200
