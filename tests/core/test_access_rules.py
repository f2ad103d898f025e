"""What access says and where it leads, asked of its own functions: the words, the edges, and the shop's own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from werkzeug.exceptions import Forbidden, NotFound

from portal.core import access
from portal.core.access import OWN, Audience, Rule, UndeclaredView, can, declare, needs, of_objects, rule_of
from portal.core.errors import Conflict
from portal.core.principals import MembershipInfo, PersonPrincipal, StaffPrincipal
from portal.domain.shops.models import ShopDomain
from portal.extensions import db
from tests.cast import HOST, START, Ids
from tests.page_client import PageClient


def bare(**views: Any) -> Flask:
    app = Flask("bare", static_folder=None)
    app.view_functions = {name.replace("__", "."): view for name, view in views.items()}
    return app


def view() -> str:
    return ""


def test_a_view_without_an_audience_is_told_what_to_write() -> None:
    with pytest.raises(UndeclaredView) as told:
        declare(bare(a__index=view), {})
    assert str(told.value) == "a.index: give its blueprint a Section with an audience"
    with pytest.raises(UndeclaredView) as told:
        declare(bare(a__index=view), {"a": Audience.CUSTOMER})
    assert str(told.value) == "a.index: say @needs(Permission.…), or @needs(OWN) for a page of one's own"


def test_a_view_of_no_blueprint_is_public_and_so_are_files() -> None:
    app = bare(static=view, health=needs("x")(lambda: ""), office__invoices__index=needs("y")(lambda: ""))
    declare(app, {"office.invoices": Audience.STAFF})
    assert rule_of(app, "static") == Rule(Audience.PUBLIC, None)
    assert rule_of(app, "health") == Rule(Audience.PUBLIC, "x")
    assert rule_of(app, "office.invoices.index") == Rule(Audience.STAFF, "y")


def person(*rights: str, customer_id: int = 1) -> PersonPrincipal:
    role = MembershipInfo(1, customer_id, "x", "X", "owner", frozenset(rights))
    return PersonPrincipal(1, "e@example.com", "E", "E", "en", "system", (role,), None)


def nobody() -> PersonPrincipal:
    return PersonPrincipal(1, "e@example.com", "E", "E", "en", "system", (), None)


Ask = Callable[..., Any]


@pytest.fixture
def ask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """``ask(path, person)`` is what ``access.check`` answers to this person, None when the page may be shown."""

    def check(path: str, who: PersonPrincipal | None = None, *, method: str = "GET", **rule: Any) -> Any:
        monkeypatch.setattr(access, "current_person", lambda: who)
        if rule:
            monkeypatch.setattr(access, "rule_of", lambda app, endpoint: Rule(**rule))

        with app.test_request_context(path, base_url=f"https://{HOST}", method=method):
            return access.check()

    return check


@pytest.mark.parametrize("code", [0, 1, 10, 31, 127])
def test_control_characters_end_a_request(ask: Ask, code: int) -> None:
    with pytest.raises(NotFound):
        ask(f"/customer/invoices/a%{code:02x}b", person("invoices.view"))


@pytest.mark.parametrize("char", ["%20", "~", "%c2%80", "%e2%82%ac"])
def test_every_other_character_may_stand_in_an_address(ask: Ask, char: str) -> None:
    assert ask(f"/customer/invoices/a{char}b", person("invoices.view")) is None


def test_who_may_open_a_list(ask: Ask) -> None:
    rule = {"audience": Audience.CUSTOMER, "permission": "invoices.view"}
    assert ask("/customer/invoices", person("invoices.view"), **rule) is None
    with pytest.raises(Forbidden):
        ask("/customer/invoices", person("orders.view"), **rule)
    for stranger in (None, nobody()):
        answer = ask("/customer/invoices", stranger, **rule)
        assert (answer.status_code, answer.location) == (303, "/login?next=/customer/invoices")


def test_a_page_of_ones_own_needs_no_right(ask: Ask) -> None:
    assert ask("/customer/invoices", person(), audience=Audience.CUSTOMER, permission=OWN) is None
    with pytest.raises(Forbidden):
        ask("/customer/invoices", person("x"), audience=Audience.CUSTOMER, permission=None)


def staff(*rights: str) -> StaffPrincipal:
    return StaffPrincipal(1, "s@example.com", "S", "en", "system", "owner", frozenset(rights))


def test_who_may_open_the_office(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"audience": Audience.STAFF, "permission": "x"}
    answer = ask("/office", person("x"), **rule)
    assert (answer.status_code, answer.location) == (303, "/office/login?next=/office"), "a customer"
    # What was to be changed there is no page to come back to.
    answer = ask("/office/tickets/x/move", None, method="POST", **rule)
    assert (answer.status_code, answer.location) == (303, "/office/login?next=/office")
    monkeypatch.setattr(access, "current_staff", lambda: staff("x"))
    assert ask("/office", None, **rule) is None
    monkeypatch.setattr(access, "current_staff", lambda: staff("y"))
    with pytest.raises(Forbidden):
        ask("/office", None, **rule)
    assert ask("/office", None, audience=Audience.STAFF, permission=OWN) is None


def test_a_nested_blueprint_is_for_whom_its_parent_is() -> None:
    app = bare(office__tickets__index=needs("y")(lambda: ""))
    declare(app, {"office": Audience.STAFF})
    assert rule_of(app, "office.tickets.index") == Rule(Audience.STAFF, "y")


def test_everybody_opens_a_public_page(ask: Ask) -> None:
    assert ask("/customer/invoices", None, audience=Audience.PUBLIC, permission="x") is None
    assert ask("/no-such-page", None) is None, "the router says that it is not there"


def test_an_unknown_host_is_told_nothing(client: PageClient) -> None:
    client.host = "nobody.example.test"
    answer = client.get("/customer")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert answer.get_data(as_text=True) == "Page not found\n"
    assert client.get("/health").status_code == 200


def test_the_right_is_asked_of_the_objects_account(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.test_request_context("/customer/invoices/x", base_url=f"https://{HOST}"):
        for who in (person("invoices.view", customer_id=7), person("orders.view", customer_id=7)):
            monkeypatch.setattr(access, "current_person", lambda who=who: who)
            monkeypatch.setattr("portal.core.principals.current_person", lambda who=who: who)
            g.pop("access_checked", None)
            if who.memberships[0].can("invoices.view"):
                assert access.open_for(7) is who.memberships[0]
                assert g.access_checked is True
            else:
                with pytest.raises(Forbidden):
                    access.open_for(7)
                assert "access_checked" not in g
        assert access.customer_ids() == [7]
        monkeypatch.setattr(access, "current_person", lambda: None)
        assert access.customer_ids() == []


@pytest.mark.parametrize("permission", [None, OWN])
def test_an_object_of_ones_own_needs_no_right(
    app: Flask, monkeypatch: pytest.MonkeyPatch, permission: str | None
) -> None:
    who = person(customer_id=7)
    monkeypatch.setattr(access, "rule_of", lambda app, endpoint: Rule(Audience.CUSTOMER, permission))
    monkeypatch.setattr("portal.core.principals.current_person", lambda: who)
    with app.test_request_context("/customer/invoices/x", base_url=f"https://{HOST}"):
        assert access.open_for(7) is who.memberships[0]


def test_an_answer_that_shows_nothing_needs_no_check(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "current_person", lambda: person("invoices.view"))

    def answered(path: str, status: int, base: str = f"https://{HOST}") -> int:
        with app.test_request_context(path, base_url=base):
            return access.verify(app.response_class("x", status=status)).status_code

    for status in (200, 303, 399):
        with pytest.raises(UndeclaredView) as told:
            answered("/customer/invoices/x", status)
        assert str(told.value) == "invoices.show: call access.open_for(customer_id) once the object is found"
    assert answered("/customer/invoices/x", 400) == 400
    assert answered("/customer/invoices/x", 404) == 404
    assert answered("/customer/invoices", 200) == 200, "a list has no object"
    assert answered("/pay/x", 200) == 200, "a public page has no account"
    assert answered("/customer/invoices/x", 200, "https://nobody.example.test") == 200
    monkeypatch.setattr(access, "current_person", lambda: None)
    assert answered("/customer/invoices/x", 200) == 200


def test_templates_ask_for_the_account_of_the_page(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.test_request_context("/customer/invoices", base_url=f"https://{HOST}"):
        for who, may in ((None, False), (nobody(), False), (person("a"), True), (person("b"), False)):
            g.pop("membership", None)
            monkeypatch.setattr(access, "current_person", lambda who=who: who)
            monkeypatch.setattr("portal.core.principals.current_person", lambda who=who: who)
            assert can("a") is may


def test_what_templates_may_show_in_the_office(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role of whoever of the shop is there, whatever customer they may be beside that."""
    monkeypatch.setattr(access, "current_staff", lambda: staff("a"))
    monkeypatch.setattr(access, "current_person", lambda: person("b"))
    with app.test_request_context("/office", base_url=f"https://{HOST}"):
        assert can("a") is True and can("b") is False


def test_what_went_wrong_before_is_raised_where_errors_become_pages(app: Flask) -> None:
    with app.test_request_context("/", base_url=f"https://{HOST}"):
        g.opening_failed = OSError("the database is away")
        with pytest.raises(OSError, match="the database is away"):
            access.check()
        assert access.check() is None, "once"


def test_how_a_static_file_was_made_is_nobodys_business(ask: Ask) -> None:
    assert ask("/static/portal.css") is None
    with pytest.raises(NotFound):
        ask("/static/vendor/package.json")


def test_a_form_of_another_account_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.test_request_context("/customer/contacts/new", base_url=f"https://{HOST}"):
        monkeypatch.setattr(access, "current_membership", lambda: person().memberships[0])
        assert access.same_account("x").customer_public_id == "x"
        with pytest.raises(Conflict) as told:
            access.same_account("y")
    assert str(told.value) == (
        "You changed to another account meanwhile. Nothing was saved: reload the page and look again."
    )


# The same page under the shop's own name.


@pytest.fixture
def local(app: Flask, on_stage: Any, ids: Ids) -> None:
    """The shop is at http://127.0.0.1:8000, and answers to other names too."""
    with on_stage():
        domain = db.session.query(ShopDomain).filter_by(host=HOST).one()
        domain.host, domain.scheme, domain.port = "127.0.0.1", "http", 8000
        db.session.add_all(
            ShopDomain(
                shop_id=ids.shop,
                host=name,
                scheme="http",
                port=8000,
                is_primary=False,
                verified_at=START,
            )
            for name in ("localhost", "192.168.1.2")
        )
    app.extensions["shops"].forget()


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("path", ["/login", "/login?next=/customer", "/"])
def test_another_name_of_this_machine_leads_to_the_shops_own(app: Flask, path: str) -> None:
    answer = app.test_client().get(path, base_url="http://localhost:8000")
    assert (answer.status_code, answer.location) == (302, f"http://127.0.0.1:8000{path}")


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("method", "base"),
    [
        ("POST", "http://localhost:8000"),  # what was typed would be lost
        ("GET", "http://127.0.0.1:8000"),  # its own name
        ("GET", "http://localhost:9000"),  # another port is another server
        ("GET", "https://localhost:8000"),  # and so is another scheme
        ("GET", "http://192.168.1.2:8000"),  # another machine asks by that name
    ],
)
def test_nobody_else_is_led_anywhere(app: Flask, method: str, base: str) -> None:
    with app.test_request_context("/login", method=method, base_url=base):
        assert access._own_address() is None


@pytest.mark.usefixtures("local")
def test_the_banks_own_origin_stays(app: Flask) -> None:
    app.config["SANDBOX_ORIGIN"] = "http://localhost:8000"
    with app.test_request_context("/sandbox/x", base_url="http://localhost:8000"):
        assert access._own_address() is None
    app.config["SANDBOX_ORIGIN"] = "http://elsewhere.localhost:8000"
    with app.test_request_context("/sandbox/x", base_url="http://localhost:8000"):
        assert access._own_address() == "http://127.0.0.1:8000/sandbox/x"
    with app.test_request_context(f"/{'x' * 600}", base_url="http://localhost:8000"):
        assert access._own_address() == "http://127.0.0.1:8000/"


def test_a_shop_that_is_not_on_this_machine_leads_nobody_to_it(app: Flask) -> None:
    with app.test_request_context("/login", base_url=f"https://{HOST}"):
        assert access._own_address() is None


def test_an_address_that_may_name_objects_is_asked_of_their_account(
    app: Flask, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the account that was chosen, and a view that forgets to ask shows nothing."""
    rule = {"audience": Audience.CUSTOMER, "permission": "invoices.pay", "is_of_objects": True}
    assert ask("/customer/invoices/pay", person("orders.view"), **rule) is None
    with app.test_request_context("/customer/invoices/pay", base_url=f"https://{HOST}"):
        with pytest.raises(UndeclaredView):
            access.verify(app.response_class("x"))
        g.access_checked = True
        assert access.verify(app.response_class("x")).status_code == 200


def test_a_view_says_that_its_address_may_name_objects() -> None:
    app = bare(a__index=of_objects(needs("x")(lambda: "")))
    declare(app, {"a": Audience.CUSTOMER})
    assert rule_of(app, "a.index") == Rule(Audience.CUSTOMER, "x", is_of_objects=True)
