"""A view that forgot to ask keeps nothing: what refuses its answer comes after its commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask, redirect
from wtforms import StringField

from portal import api, blueprints
from portal.core import clock
from portal.core.tenancy import shop_scope
from portal.domain.people.models import Customer, Membership, Role
from portal.extensions import db
from tests import cast
from tests.cast import Ids
from tests.conftest import make_app
from tests.page_client import PageClient


class NameForm(api.PortalForm):
    name = StringField()


class LooseForm(api.PortalForm):
    class Meta(api.PortalForm.Meta):
        csrf = False

    name = StringField()


def _rename(public_id: str, *, asks: bool) -> Any:
    row = db.session.scalar(sa.select(Customer).where(Customer.public_id == public_id))
    assert row is not None
    if asks:
        api.open_for(row.id)
    row.name = "Changed"
    db.session.commit()
    return redirect("/customer", 303)


def section() -> api.Section:
    """Mistakes of somebody else's section, each under its address."""
    bp = Blueprint("slips", __name__)
    right = api.needs(api.Permission.HOME)

    @bp.post("/forgets/<public_id>")
    @right
    def forgets(public_id: str) -> Any:
        return _rename(public_id, asks=False)

    @bp.post("/asks/<public_id>")
    @right
    def asks(public_id: str) -> Any:
        return _rename(public_id, asks=True)

    @bp.post("/body")
    @right
    @api.of_objects
    def body() -> Any:
        form = NameForm()
        return _rename(form.name.data, asks=False)

    def kept(form: api.PortalForm | None) -> Any:
        if form is not None and not form.validate():
            return "wrong", 422
        db.session.get_one(Customer, api.current_membership().customer_id).name = "Changed"
        db.session.commit()
        return redirect("/customer", 303)

    bp.post("/no-form", endpoint="no_form")(api.checked_by_form(right(lambda: kept(None))))

    @bp.post("/loose")
    @right
    @api.checked_by_form
    def loose() -> Any:
        return kept(LooseForm())

    @bp.post("/checked")
    @right
    @api.checked_by_form
    def checked() -> Any:
        return kept(NameForm())

    return api.Section("slips", "Slips", api.Audience.CUSTOMER, bp)


@pytest.fixture(scope="module")
def slips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Ids]]:
    folder = tmp_path_factory.mktemp("slips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blueprints, "core_sections", (*blueprints.core_sections, section()))
        app = make_app(folder, f"sqlite:///{folder / 'x.sqlite'}")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context():
        flask_migrate.upgrade()
        ids = cast.put_on_stage()
        with shop_scope(ids.shop):
            db.session.add(Membership(person_id=ids.emma, customer_id=ids.jan_account, role=Role.SUPPORT))
            db.session.commit()
    yield app, ids
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def emma(slips: tuple[Flask, Ids]) -> PageClient:
    app, ids = slips
    token = clock.now().isoformat()
    with app.app_context(), shop_scope(ids.shop):
        for row in db.session.scalars(sa.select(Customer)):
            row.name = "As it was"
        cast.sign_in(ids.emma, token)
        db.session.commit()
    client: PageClient = app.test_client()  # type: ignore[assignment]
    client.set_cookie("__Host-loket_person", token, domain=cast.HOST, secure=True, path="/")
    return client


def names(slips: tuple[Flask, Ids]) -> set[str]:
    app, ids = slips
    with app.app_context(), shop_scope(ids.shop):
        return set(db.session.scalars(sa.select(Customer.name)))


def public_id(slips: tuple[Flask, Ids], account: int) -> str:
    app, ids = slips
    with app.app_context(), shop_scope(ids.shop):
        return str(db.session.get_one(Customer, account).public_id)


def test_the_page_of_an_object_that_asks_nobody_keeps_nothing(
    slips: tuple[Flask, Ids], emma: PageClient
) -> None:
    mine = public_id(slips, slips[1].emma_account)
    assert emma.send(f"/customer/slips/forgets/{mine}").status_code == 500
    assert emma.send("/customer/slips/body", {"name": mine}).status_code == 500
    assert names(slips) == {"As it was"}
    assert emma.send(f"/customer/slips/asks/{mine}").status_code == 303
    assert names(slips) == {"As it was", "Changed"}


@pytest.mark.parametrize("path", ["no-form", "loose"])
def test_a_view_that_skips_the_token_keeps_nothing(
    slips: tuple[Flask, Ids], emma: PageClient, path: str
) -> None:
    assert emma.post(f"/customer/slips/{path}").status_code == 500
    assert emma.send(f"/customer/slips/{path}").status_code == 500, "not even for a page of ours"
    assert names(slips) == {"As it was"}


def test_a_form_that_checks_the_token_is_enough(slips: tuple[Flask, Ids], emma: PageClient) -> None:
    assert emma.post("/customer/slips/checked").status_code == 422
    assert names(slips) == {"As it was"}
    assert emma.send("/customer/slips/checked").status_code == 303
    assert names(slips) == {"As it was", "Changed"}
