"""Finding customers by words: the words follow the customer, each shop finds its own, few and many are paged alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.core import word_index
from portal.core.errors import NoShop
from portal.core.tenancy import shop_scope
from portal.domain.people import staff_queries
from portal.domain.people.models import Customer, CustomerWord
from portal.domain.people.words import CUSTOMERS
from portal.extensions import db
from tests.cast import START
from tests.rows import write_customers
from tests.statements import counted, plans

SCANS = re.compile(r"SCAN (?!anon_|CONSTANT)|Seq Scan")


def words_of(customer_id: int) -> set[str]:
    stmt = sa.select(CustomerWord.word).where(CustomerWord.customer_id == customer_id)
    return set(db.session.scalars(stmt))


def found(search: str) -> list[str]:
    return [row.name for row in staff_queries.list_customers(search=search).rows]


def pages(search: str) -> Iterator[list[str]]:
    """Each page onward to the last one, and then each back to the first."""
    page = staff_queries.list_customers(search=search)
    yield [row.name for row in page.rows]
    while page.next_cursor:
        page = staff_queries.list_customers(search=search, after=page.next_cursor)
        yield [row.name for row in page.rows]
    while page.prev_cursor:
        page = staff_queries.list_customers(search=search, before=page.prev_cursor)
        yield [row.name for row in page.rows]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Few are three, so that the paths of many are walked in a small shop."""
    monkeypatch.setattr(word_index, "FEW", 3)
    return 3


@pytest.mark.parametrize("name", CUSTOMERS.searched)
def test_words_follow_each_change(on_stage: Any, ids: Any, name: str) -> None:
    for value in ("Première", "secunda", "secunda", ""):
        with on_stage():
            setattr(db.session.get_one(Customer, ids.emma_account), name, value)
        with on_stage():
            now = words_of(ids.emma_account)
            assert ("premiere" in now, "secunda" in now) == (value == "Première", value == "secunda")
            assert "vries" in now or name == "name"


def test_words_are_written_only_where_they_change(app: Flask, on_stage: Any, ids: Any) -> None:
    with on_stage(), counted(app) as seen:
        db.session.get_one(Customer, ids.emma_account).city = "Arnhem"
        db.session.flush()
        assert not [each for each in seen if "customer_words" in each]
        db.session.get_one(Customer, ids.emma_account).name = "Emma"
        db.session.flush()
        assert len([each for each in seen if "customer_words" in each]) == 2


def test_what_is_rolled_back_leaves_the_words(on_stage: Any, ids: Any) -> None:
    with on_stage():
        before = words_of(ids.emma_account)
        db.session.get_one(Customer, ids.emma_account).name = "Somebody Else"
        db.session.flush()
        assert "somebody" in words_of(ids.emma_account)
        db.session.rollback()
        assert words_of(ids.emma_account) == before


def test_a_new_one_is_found_and_a_deleted_one_leaves_nothing(on_stage: Any) -> None:
    with on_stage():
        made = Customer(name="Nina Nieuw", email="nina@example.net", created_at=START)
        db.session.add(made)
        db.session.flush()
        customer_id = made.id
        assert found("nina nieuw") == ["Nina Nieuw"]
    with on_stage():
        db.session.delete(db.session.get_one(Customer, customer_id))
    with on_stage():
        assert found("nina") == [] and words_of(customer_id) == set()


def test_statements_past_the_mapper_leave_what_is_searched_alone() -> None:
    """An ``update(Customer)`` of such a column would leave the words behind: set it on the object instead."""
    from tests.architecture.test_layers import modules

    for path in modules():
        for statement in re.findall(r"update\(Customer\)(?:.|\n)*?\.values\(([^)]*)\)", path.read_text()):
            assert not [name for name in CUSTOMERS.searched if re.search(rf"\b{name}\s*=", statement)], path


def test_each_shop_finds_its_own(on_stage: Any, ids: Any) -> None:
    with on_stage(ids.other_shop):
        db.session.get_one(Customer, ids.dora_account).name = "Emma Dekker"
        db.session.flush()
        assert found("emma") == ["Emma Dekker"]
    with on_stage():
        assert found("emma") == ["Emma de Vries"] and found("dekker") == []
        assert not words_of(ids.dora_account)
    with on_stage(), pytest.raises(NoShop), shop_scope(ids.other_shop):
        db.session.add(CustomerWord(shop_id=ids.shop, customer_id=ids.emma_account, word="stolen"))
        db.session.flush()


def test_archived_ones_are_found(on_stage: Any, ids: Any) -> None:
    with on_stage():
        db.session.get_one(Customer, ids.emma_account).archived_at = START
        db.session.flush()
        assert found("emma") == ["Emma de Vries"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [("c0000", 10), ("c0 example", 26), ("net c00", 26), ("c00001 net", 1), ("c1@", 1), ("c00001 c00002", 0)],
)
@pytest.mark.parametrize("many", [True, False])
def test_few_and_many_are_paged_alike_both_ways(
    on_stage: Any, ids: Any, monkeypatch: pytest.MonkeyPatch, search: str, expected: int, many: bool
) -> None:
    if many:
        monkeypatch.setattr(word_index, "FEW", 3)
    with on_stage():
        write_customers(ids.shop, 26)
        [*shown] = pages(search)
        onward = [name for page in shown[: len(shown) // 2 + 1] for name in page]
        assert len(onward) == expected and onward == sorted(onward)
        back = shown[len(shown) // 2 :]
        assert back == list(reversed(shown[: len(shown) // 2 + 1]))


def test_two_words_that_many_have_and_nobody_both(on_stage: Any, ids: Any, few: int) -> None:
    for count, first, name, expected in (
        (5, 0, "Left", 0),
        (6, 5, "Right", 0),
        (1, 20, "Right Left", 1),
        (4, 30, "Right Left", 5),
    ):
        with on_stage():
            write_customers(ids.shop, count, first=first, name=name)
        with on_stage():
            for search in ("left right", "right left", "left right example"):
                assert found(search) == ["Right Left"] * expected


def test_ten_thousand_are_found_within_indexes(app: Flask, on_stage: Any, ids: Any) -> None:
    with on_stage():
        write_customers(ids.shop, 10_000)
    for search, first in {
        "c01234": ["C01234"], "c12": ["C00012"], "example c01234": ["C01234"], "zzz": [], "c zzz": [], "c0": ["C00000"],
        "c099": ["C09900"],
    }.items():  # fmt: skip
        with on_stage(), plans(app) as seen, counted(app) as statements:
            page = staff_queries.list_customers(search=search)
        assert [row.name for row in page.rows[:1]] == first and len(statements) <= 3
        for plan in seen:
            assert not SCANS.search(plan), (search, plan)
            # PostgreSQL knows too little of a table that was just filled to be asked which index it prefers.
            if "SEARCH" in plan:
                assert "ix_customers_shop_id_name" not in plan or search == "c0", (search, plan)
