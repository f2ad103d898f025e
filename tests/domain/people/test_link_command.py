"""``flask person link``: a way in for a shop that cannot send mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.commands.people import person
from portal.core import database
from portal.domain.people.models import Customer, CustomerKind, Person
from portal.extensions import db
from tests.cast import HOST, OTHER_HOST, START, Ids
from tests.page_client import PageClient, find_all, parse, text_of


@pytest.fixture
def run(app: Flask) -> Callable[..., Any]:
    """Runs the command as a terminal does."""

    def command(*arguments: str) -> Any:
        database.set_reading(False)
        return app.test_cli_runner().invoke(person, ["link", *arguments])

    return command


def comes_in(client: PageClient, path: str, **typed: str) -> Any:
    """Sends the page of a link as it is shown, with a password and what is typed over."""
    shown = find_all(find_all(parse(client.get(path).text), "main")[0], "input")
    there = {each.attrib["name"]: each.attrib.get("value", "") for each in shown}
    there.pop("csrf_token")
    return client.send(path, {**there, "password": "four quiet green boats", **typed})


def test_who_can_log_in_gets_a_new_password(run: Callable[..., Any], client: PageClient) -> None:
    done = run("Emma@example.com", "--shop", HOST)
    assert done.exit_code == 0, done.output
    address = urlsplit(done.stdout.strip())
    assert f"{address.scheme}://{address.netloc}" == f"https://{HOST}"
    assert "This link works once, for 1 hour." in done.stderr
    assert client.send(address.path, {"password": "four quiet green boats"}).headers["Location"] == "/login"
    assert client.send(address.path, {"password": "four quiet green boats"}).status_code == 404


def test_a_customer_whom_nobody_logs_in_for(
    run: Callable[..., Any], client: PageClient, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        db.session.add(Customer(name="Noor Smit", email="noor@example.com", created_at=START))
    for _again in range(2):
        done = run("noor@example.com", "--shop", HOST)
        assert done.exit_code == 0, done.output
    path = urlsplit(done.stdout.strip()).path
    page = client.get(path).get_data(as_text=True)
    assert "Welcome, Noor Smit" in page and "already has an account" not in page
    assert comes_in(client, path).headers["Location"] == "/customer"
    with on_stage():
        noor = db.session.scalars(sa.select(Person).where(Person.email == "noor@example.com")).one()
        assert [membership.customer.name for membership in noor.memberships] == ["Noor Smit"]


@pytest.mark.parametrize("email", ["nobody@example.com", "dora@example.com"])
def test_nobody(run: Callable[..., Any], on_stage: Callable[..., Any], email: str, ids: Ids) -> None:
    done = run(email, "--shop", HOST)
    assert done.exit_code == 2 and "Neither a person nor an account" in done.stderr
    with on_stage():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Person)) == 3


def test_which_shop(run: Callable[..., Any]) -> None:
    assert "no such shop" in run("emma@example.com", "--shop", "nowhere.example").stderr
    assert run("dora@example.com", "--shop", OTHER_HOST).exit_code == 0


@pytest.mark.parametrize(
    ("account", "kind", "named"),
    [
        ("Emma de Vries", CustomerKind.CONSUMER, ("Emma", "de Vries")),
        ("  Emma   de Vries ", CustomerKind.CONSUMER, ("Emma", "de Vries")),
        ("x" * 150 + " " + "y" * 49, CustomerKind.CONSUMER, ("x" * 100, "y" * 49)),
    ],
)
def test_a_consumers_name_is_that_of_the_account_until_they_say_otherwise(
    run: Callable[..., Any],
    client: PageClient,
    on_stage: Callable[..., Any],
    account: str,
    kind: CustomerKind,
    named: tuple[str, str],
) -> None:
    with on_stage():
        db.session.add(Customer(name=account, kind=kind, email="new@example.com", created_at=START))
    done = run("new@example.com", "--shop", HOST)
    assert done.exit_code == 0, done.output
    comes_in(client, urlsplit(done.stdout.strip()).path)
    with on_stage():
        made = db.session.scalars(sa.select(Person).where(Person.email == "new@example.com")).one()
        assert (made.given_name, made.family_name) == named
    if account == "Emma de Vries":
        home = client.get("/customer").get_data(as_text=True)
        assert "Emma de Vries" in home and "Emma" in text_of(find_all(parse(home), "h1")[0])


@pytest.mark.parametrize(
    ("account", "kind", "missing"),
    [
        ("Karin Kok", CustomerKind.BUSINESS, "Fill in your first name."),
        ("Karin", CustomerKind.CONSUMER, "Fill in your last name."),
    ],
)
def test_what_the_account_does_not_say_is_asked(
    run: Callable[..., Any],
    client: PageClient,
    on_stage: Callable[..., Any],
    account: str,
    kind: CustomerKind,
    missing: str,
) -> None:
    """A business is not called like its people."""
    with on_stage():
        db.session.add(Customer(name=account, kind=kind, email="new@example.com", created_at=START))
    path = urlsplit(run("new@example.com", "--shop", HOST).stdout.strip()).path
    refused = comes_in(client, path)
    assert refused.status_code == 422 and missing in refused.text
    assert client.send(path, {"password": "four quiet green boats"}).status_code == 422, (
        "and not taken unseen"
    )
    assert comes_in(client, path, given_name="Karin", family_name="Klein").status_code == 303
    with on_stage():
        made = db.session.scalars(sa.select(Person).where(Person.email == "new@example.com")).one()
        assert made.name == "Karin Klein"


def test_who_was_invited_without_a_name_is_asked_for_it(
    run: Callable[..., Any], client: PageClient, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        db.session.add(Person(email="new@example.com", created_at=START))
        db.session.add(Customer(name="Noor Smit", email="new@example.com", created_at=START))
    path = urlsplit(run("new@example.com", "--shop", HOST).stdout.strip()).path
    comes_in(client, path)
    with on_stage():
        made = db.session.scalars(sa.select(Person).where(Person.email == "new@example.com")).one()
        assert (made.given_name, made.family_name) == ("Noor", "Smit")


def test_a_name_that_somebody_gave_is_kept(
    run: Callable[..., Any], client: PageClient, on_stage: Callable[..., Any]
) -> None:
    with on_stage():
        db.session.add(Person(email="new@example.com", given_name="Nora", created_at=START))
        db.session.add(Customer(name="Noor Smit", email="new@example.com", created_at=START))
    path = urlsplit(run("new@example.com", "--shop", HOST).stdout.strip()).path
    client.send(path, {"password": "four quiet green boats"})
    with on_stage():
        made = db.session.scalars(sa.select(Person).where(Person.email == "new@example.com")).one()
        assert (made.given_name, made.family_name) == ("Nora", "")
