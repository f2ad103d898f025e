"""Statements built once for all shops: each run has its values and its shop, and building may ask for none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import clock, tenancy
from portal.core.errors import NoShop
from portal.core.principals import current_membership, current_person
from portal.core.sections import ANY_PAGE, FrameScope, Sections
from portal.core.shops import current_shop
from portal.core.statements import Statement, bound
from portal.domain.invoices.models import Document
from portal.domain.people.models import Customer
from tests.cast import START, Ids, make_invoice
from tests.page_client import PageClient

Stage = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")


@pytest.fixture(autouse=True)
def today() -> Any:
    with clock.frozen(START):
        yield


def test_it_is_built_once_and_run_with_each_calls_values(on_stage: Stage, ids: Ids) -> None:
    built = []

    @bound
    def numbers(customer_ids: list[int], since: date) -> Statement:
        built.append(1)
        late = sa.func.coalesce(Document.issue_date, since) >= since
        return sa.select(Document.number).where(Document.customer_id.in_(customer_ids), late)

    with on_stage():
        make_invoice(ids.emma_account)
        make_invoice(ids.jan_account)
    with on_stage():
        day = START.date()
        both = [ids.emma_account, ids.jan_account]
        assert len(numbers(customer_ids=both, since=day).all()) == 2
        assert len(numbers(customer_ids=both[:1], since=day).all()) == 1
        assert numbers(customer_ids=[], since=day).all() == []
        assert numbers(customer_ids=both, since=day + timedelta(days=1)).all() == []
    assert built == [1]


def test_each_run_sees_its_own_shop(on_stage: Stage, ids: Ids) -> None:
    @bound
    def customers(name: str) -> Statement:
        return sa.select(Customer.id).where(Customer.name != name)

    with on_stage():
        here = set(customers(name="").scalars())
    with on_stage(ids.other_shop):
        there = set(customers(name="").scalars())
    assert here and there and not here & there


def test_building_may_not_ask_which_shop_this_is(on_stage: Stage) -> None:
    @bound
    def leaking(name: str) -> Statement:
        return sa.select(Customer.id).where(
            Customer.shop_id == tenancy.current_shop_id(), Customer.name == name
        )

    with on_stage():
        with pytest.raises(NoShop):
            leaking(name="")
        assert tenancy.has_shop(), "the shop is there again"
    with on_stage(), pytest.raises(NoShop):
        Sections().once("leak", tenancy.current_shop_id)


@pytest.mark.parametrize("whose", [current_membership, current_shop, lambda: current_person().id])  # type: ignore[union-attr]
def test_what_all_pages_share_may_not_ask_whose_page_this_is(
    app: Flask, login: Callable[..., PageClient], monkeypatch: pytest.MonkeyPatch, whose: Callable[[], Any]
) -> None:
    """A section of somebody else's that does would show everybody the numbers of the first visitor."""
    refused = []
    once = Sections.once

    def asks(self: Sections, key: Any, build: Callable[[], Any]) -> Any:
        assert current_membership() and current_shop() and current_person()
        with pytest.raises((RuntimeError, AttributeError)) as caught:
            once(self, "leak", whose)
        refused.append(caught.value)
        assert current_membership() and current_shop() and current_person(), "they are there again"
        return once(self, key, build)

    monkeypatch.setattr(Sections, "once", asks)
    assert login("emma").get("/customer").status_code == 200
    assert refused and "leak" not in app.extensions["sections"]._built


def test_a_role_of_two_shops_shares_the_frames_statements_and_nothing_else(
    app: Flask, login: Callable[..., PageClient], on_stage: Stage, ids: Ids
) -> None:
    with on_stage():
        make_invoice(ids.emma_account)
    emma, jan, dora = login("emma"), login("jan"), login("dora")
    emma.get("/customer")
    built = dict(app.extensions["sections"]._built)
    for client, number in ((emma, True), (jan, False), (dora, False), (emma, True)):
        assert ("2026-0001" in client.get("/customer").text) is number
    assert app.extensions["sections"]._built == built, "all of them own their accounts"


def test_each_field_of_the_scope_is_a_parameter_of_its_name() -> None:
    here = FrameScope(shop_id=1, customer_id=2, person_id=3, mode="live", today=START.date(), now=START)
    assert {name: parameter.key for name, parameter in vars(ANY_PAGE).items()} == {
        name: name for name in here.values
    }
