"""``flask shop`` and ``flask customer``: a way in for the shop until it has an office."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.domain.people import passwords
from portal.domain.people.models import Customer, CustomerKind, Membership, Person, Role, Staff, StaffRole
from portal.domain.shops.models import Mode, Shop
from portal.extensions import db
from tests.cast import HOST, Ids
from tests.commands.conftest import Run

Refused = Callable[..., str]

NEW = ("shop", "create", "Bakkerij Smit", "--email", "hallo@smit.example", "--host", "Smit.Example")
PASSWORD = "four quiet green boats"


def test_a_shop_with_its_owner(app: Flask, run: Run, on_stage: Callable[..., Any]) -> None:
    details = ("--iban", "NL91 ABNA 0417 1643 00", "--city", "Utrecht", "--legal-name", "Smit BV")
    owner = ("--owner-email", "Piet@Smit.example", "--owner-name", "Piet Smit")
    done = run(*NEW, "--port", "8443", *details, *owner, shop=None, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert "Bakkerij Smit: https://smit.example:8443/" in done.stdout
    assert PASSWORD not in done.output
    with app.app_context():
        shop = db.session.scalars(sa.select(Shop).where(Shop.name == "Bakkerij Smit")).one()
        assert (shop.mode, shop.is_demo, shop.language) == (Mode.TEST, False, "nl")
        assert (shop.iban, shop.city, shop.legal_name) == ("NL91ABNA0417164300", "Utrecht", "Smit BV")
        shop_id = shop.id
    with on_stage(shop_id):
        staff = db.session.scalars(sa.select(Staff)).one()
        assert (staff.email, staff.name, staff.role) == ("piet@smit.example", "Piet Smit", StaffRole.OWNER)
        assert passwords.fits(staff.password_hash, PASSWORD)


def test_without_an_owner_no_password_is_asked(run: Run) -> None:
    done = run(*NEW, shop=None)
    assert done.exit_code == 0, done.output
    listed = run("shop", "list", shop=None).stdout.splitlines()
    assert len(listed) == 3
    assert listed[2].endswith("  test  https://smit.example/  Bakkerij Smit")


@pytest.mark.parametrize(
    "options",
    [
        ("--host", HOST),
        ("--host", "no host"),
        ("--host", ""),
        ("--host", "a\0b.example"),
        ("--host", "x" * 300),
        ("--scheme", "http"),
        ("--scheme", "ftp"),
        ("--port", "0"),
        ("--port", "99999"),
        ("--port", "-1"),
        ("--language", "fr"),
        ("--email", "nobody"),
        ("--email", "a@b.example\0"),
        ("--iban", "NL00ABNA0417164300"),
        ("--city", "x" * 121),
        ("--city", "a\0b"),
        ("--phone", "\ud800"),
    ],
)
def test_a_shop_that_cannot_be(refused: Refused, options: tuple[str, str]) -> None:
    refused(*NEW, *options, shop=None)


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\0b", "a\nb"])
def test_a_name_that_cannot_be(refused: Refused, name: str) -> None:
    refused("shop", "create", name, *NEW[3:], shop=None)


def test_an_owner_whose_password_is_guessed_makes_no_shop(run: Run, counts: Callable[[], Any]) -> None:
    before = counts()
    done = run(*NEW, "--owner-email", "piet@smit.example", shop=None, input="password123\npassword123\n")
    assert done.exit_code == 2 and "easy to guess" in done.stderr
    assert counts() == before


def test_a_business(run: Run, on_stage: Callable[..., Any]) -> None:
    done = run(
        *("customer", "create", "Info@Kok.example", "--name", "Karin Kok", "--kind", "business"),
        *("--company", "Kok BV", "--vat-number", "nl 1234.56782.b90", "--language", "en"),
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("info@kok.example  Karin Kok  (")
    with on_stage():
        made = db.session.scalars(sa.select(Customer).where(Customer.email == "info@kok.example")).one()
        assert (made.kind, made.company, made.vat_number) == (
            CustomerKind.BUSINESS,
            "Kok BV",
            "NL123456782B90",
        )
        assert (made.country, made.language) == ("NL", "en")


@pytest.mark.parametrize(
    "arguments",
    [
        ("emma@example.com", "--name", "Emma"),
        ("EMMA@example.com ", "--name", "Emma"),
        ("", "--name", "Nobody"),
        ("nobody", "--name", "Nobody"),
        ("a@b.example\0", "--name", "Nobody"),
        ("a@" + "b" * 300 + ".example", "--name", "Nobody"),
        ("a@b.example", "--name", ""),
        ("a@b.example", "--name", "x" * 201),
        ("a@b.example", "--name", "a\0b"),
        ("a@b.example", "--name", "A", "--kind", "alien"),
        ("a@b.example", "--name", "A", "--company", "A BV"),
        ("a@b.example", "--name", "A", "--country", "Nederland"),
        ("a@b.example", "--name", "A", "--country", "nl"),
        ("a@b.example", "--name", "A", "--language", "fr"),
        ("a@b.example", "--name", "A", "--kind", "business", "--vat-number", "123"),
        ("a@b.example", "--name", "A", "--kind", "business", "--vat-number", "x" * 10_000),
        ("a@b.example", "--name", "A", "--street", "x" * 201),
    ],
)
def test_an_account_that_cannot_be(refused: Refused, arguments: tuple[str, ...]) -> None:
    refused("customer", "create", *arguments)


def test_an_account_of_another_shop_is_no_hindrance(run: Run, ids: Ids) -> None:
    assert run("customer", "create", "dora@example.com", "--name", "Dora").exit_code == 0


def test_who_logs_in_with_that_address_owns_the_new_account_at_once(
    run: Run, on_stage: Callable[..., Any], ids: Ids
) -> None:
    assert run("customer", "create", "Bram@example.com", "--name", "Bram's own").exit_code == 0
    with on_stage():
        made = db.session.scalars(sa.select(Customer).where(Customer.email == "bram@example.com")).one()
        joined = db.session.scalars(sa.select(Membership).where(Membership.customer_id == made.id)).one()
        assert (joined.person_id, joined.role) == (ids.bram, Role.OWNER)


def test_who_never_confirmed_it_does_not(run: Run, on_stage: Callable[..., Any], ids: Ids) -> None:
    with on_stage():
        db.session.get_one(Person, ids.bram).confirmed_at = None
        db.session.commit()
    assert run("customer", "create", "bram@example.com", "--name", "Bram's own").exit_code == 0
    with on_stage():
        made = db.session.scalars(sa.select(Customer).where(Customer.email == "bram@example.com")).one()
        assert not db.session.scalars(sa.select(Membership).where(Membership.customer_id == made.id)).all()


def test_the_demo_is_loaded_only_where_it_belongs(app: Flask, refused: Refused) -> None:
    assert "LOKET_MODE=demo" in refused("demo", "load", shop=None)
    app.config["DEMO"] = True
    assert "a shop already" in refused("demo", "load", shop=None)
    assert "Give numbers" in refused("demo", "load", "--customers", "-1", shop=None)
    assert "need customers" in refused("demo", "load", "--invoices", "5", shop=None)
