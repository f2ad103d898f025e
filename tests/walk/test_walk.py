"""Every rule of the portal, asked for by everybody: who may gets it, nobody else learns that it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.core import clock
from portal.core.access import OWN, Audience, rule_of
from portal.domain.invoices.models import Document, DocumentKind, DocumentStatus
from portal.domain.orders.models import Order
from portal.domain.people.models import Membership, Role, Staff, StaffRole
from portal.domain.people.permissions import PERMISSIONS
from portal.domain.people.staff_permissions import STAFF_PERMISSIONS
from portal.domain.shops.models import Mode, Shop, ShopDomain
from portal.domain.subscriptions.models import Subscription
from portal.extensions import db, limiter
from tests import cast
from tests.page_client import PageClient
from tests.payments_world import World, world
from tests.walk.cases import CUSTOMER, ENDLESS, PUBLIC, SETUP, SETUP_FORM, STAFF, Key, OpenCase, TokenCase
from tests.walk.stage import PDF, Things, catch_mail, put_things, remove_every_shop, replace_link, writing

__all__ = ["world"]

pytestmark = pytest.mark.filterwarnings("error::sqlalchemy.exc.SAWarning")

Login = Callable[..., PageClient]
TOKENS = {key: case for key, case in PUBLIC.items() if isinstance(case, TokenCase)}
OPEN = {key: case for key, case in PUBLIC.items() if isinstance(case, OpenCase)}
OBJECTS = {key: case for key, case in CUSTOMER.items() if not case.is_list}
LISTS = {key: case for key, case in CUSTOMER.items() if case.is_list and key[1] == "GET"}
#: What makes something new, for the account of whoever sends it.
MAKING = {key: case for key, case in CUSTOMER.items() if case.is_list and key[1] == "POST"}
#: The rules of a payment link.
LINK = sorted(key for key in TOKENS if key[0].startswith("pay.") and key[0] != "pay.back")


def named(cases: Any) -> Any:
    """One test for each case, called by endpoint and method."""
    return pytest.mark.parametrize("key", sorted(cases), ids=lambda key: f"{key[0]}-{key[1]}")


@pytest.fixture(scope="session")
def things(_stage: Any) -> Things:
    """One of each thing, put on the stage once: a state of its own, in which every test of this file begins."""
    app, database, ids = _stage
    database.put_back("cast")
    app.extensions["shops"].forget()
    with clock.frozen(cast.START):
        made = put_things(World(app, ids))
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    database.keep("things")
    return made


@pytest.fixture
def begins_with(things: Things) -> str:
    return "things"


def signed_in(login: Login, who: str) -> PageClient:
    return login(who, now=clock.now())


def ask(
    client: PageClient, method: str, path: str, data: dict[str, Any] | None = None, *, is_page: bool = True
) -> TestResponse:
    """One request as a browser makes it, a POST with a valid token."""
    client.checks = is_page
    try:
        if method == "GET":
            return client.get(path)
        return client.send(path, data)
    finally:
        client.checks = True


def test_every_rule_has_a_case(world: World) -> None:
    app = world.app
    found: dict[Audience, set[Key]] = {audience: set() for audience in Audience}
    for rule in app.url_map.iter_rules():
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found[rule_of(app, rule.endpoint).audience] |= {(rule.endpoint, method) for method in methods}
    assert found[Audience.CUSTOMER] == set(CUSTOMER), "add the new rule to CUSTOMER in tests/walk/cases.py"
    assert found[Audience.STAFF] == set(STAFF), "add the new rule to STAFF in tests/walk/cases.py"
    assert found[Audience.PUBLIC] == set(PUBLIC) | SETUP, "add the new rule to PUBLIC in tests/walk/cases.py"
    counted = ", ".join(f"{len(keys)} {audience}" for audience, keys in found.items())
    print(
        f"\nwalked: {sum(map(len, found.values()))} rules and methods ({counted}), {len(OBJECTS)} of objects"
    )
    assert len(OBJECTS) >= 11


def test_a_form_that_shows_itself_again_leaves_an_address_that_opens(world: World) -> None:
    """After a refusal the browser stands on the address that was posted to, and may ask for it anew."""
    rules = list(world.app.url_map.iter_rules())
    opened = {rule.rule for rule in rules if "GET" in (rule.methods or set())}
    showing = [
        rule
        for rule in rules
        if getattr(world.app.view_functions[rule.endpoint], "__checked_by_form__", False)
    ]
    assert len(showing) >= 8
    assert [rule.rule for rule in showing if rule.rule not in opened] == []


def test_an_object_is_in_its_path(world: World, things: Things) -> None:
    """A case says what it is by its address: one with a variable or a question has an object, and only that one."""
    for rule in world.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            case = CUSTOMER.get((rule.endpoint, method))
            if case is not None:
                assert case.is_list == (not rule.arguments and "?" not in case.path(things)), rule


def asks_to_log_in(answer: Any, things: Things, at: str) -> bool:
    """It leads to the log-in, or where words were typed is the log-in that carries them; of Emma it tells nothing."""
    if answer.status_code == 303:
        return bool(answer.location.startswith(at))
    page = answer.get_data(as_text=True)
    # The address that was asked for goes along.
    known = {"Emma", *answer.request.path.split("/")}
    told = [name for name in things.of_emma() if name in page and name not in known]
    return answer.status_code == 401 and f'action="{at}"' in page and not told


@named(OBJECTS)
def test_an_object_opens_for_its_owner_alone(world: World, things: Things, login: Login, key: Key) -> None:
    case, method = CUSTOMER[key], key[1]
    path = case.path(things)
    as_emma = signed_in(login, "emma")

    for stranger in ("jan", "dora"):
        answer = ask(signed_in(login, stranger), method, path, case.data)
        assert answer.status_code == 404, f"{stranger} learns of {path}"
    for outsider in (replayed(as_emma), visitor(world)):
        answer = ask(outsider, method, path, case.data)
        assert asks_to_log_in(answer, things, "/login"), answer.status
    # Last, as it may change something.
    answer = ask(as_emma, method, path, case.data, is_page=case.is_page)
    assert answer.status_code in (200, 302, 303), answer.get_data(as_text=True)
    assert "/login" not in (answer.location or "")


@named(LISTS)
def test_a_list_holds_ones_own(world: World, things: Things, login: Login, key: Key) -> None:
    case = CUSTOMER[key]
    path = case.path(things)
    as_emma = signed_in(login, "emma")
    own = as_emma.get(path)
    assert own.status_code == 200 and any(name in own.get_data(as_text=True) for name in things.of_emma())

    for stranger in ("jan", "dora"):
        answer = signed_in(login, stranger).get(path)
        assert answer.status_code == 200
        text = answer.get_data(as_text=True)
        for name in things.of_emma():
            if not (stranger == "jan" and name == "Emma"):
                assert name not in text, f"{stranger} reads {name} on {path}"
    for outsider in (replayed(as_emma), visitor(world)):
        answer = outsider.get(path)
        assert asks_to_log_in(answer, things, "/login"), answer.status


@named(MAKING)
def test_something_new_is_made_by_who_is_signed_in(
    world: World, things: Things, login: Login, key: Key
) -> None:
    case = CUSTOMER[key]
    path = case.path(things)
    as_emma = signed_in(login, "emma")
    for outsider in (replayed(as_emma), visitor(world)):
        answer = ask(outsider, "POST", path, case.data)
        assert asks_to_log_in(answer, things, "/login"), answer.status
    answer = ask(as_emma, "POST", path, case.data, is_page=case.is_page)
    assert answer.status_code in (200, 303) and "/login" not in (answer.location or "")


@named(CUSTOMER)
def test_who_lacks_the_right_is_told_so(world: World, things: Things, login: Login, key: Key) -> None:
    """Bram reads Emma's account: what his role lacks is 403, the rest is open to him."""
    case, permission = CUSTOMER[key], rule_of(world.app, key[0]).permission
    assert permission is not None
    answer = ask(signed_in(login, "bram"), key[1], case.path(things), case.data, is_page=case.is_page)
    if permission == OWN or permission in PERMISSIONS[Role.READ_ONLY]:
        assert answer.status_code in (200, 303)
    else:
        assert answer.status_code == 403
        assert "You may not see this" in answer.get_data(as_text=True)


def test_the_read_only_role_lacks_something(world: World) -> None:
    """Or the test above would show nothing."""
    lacking = {
        key for key in CUSTOMER if rule_of(world.app, key[0]).permission not in PERMISSIONS[Role.READ_ONLY]
    }
    assert {key[0] for key in lacking} >= {"invoices.pay", "invoices.restart", "invoices.transfer"}


#: What may be seen of an invoice, as against what may be done with it.
SEEN = {"invoices.show", "invoices.download", "invoices.build", "invoices.progress", "invoices.paying"}


@pytest.fixture
def orders_role(world: World) -> None:
    """Bram sees to the orders and subscriptions of Emma's account."""
    with writing(world):
        db.session.query(Membership).filter_by(person_id=world.ids.bram).one().role = Role.ORDERS


@named(CUSTOMER)
def test_the_orders_role_opens_what_is_linked_and_no_other_invoice(
    world: World, things: Things, login: Login, orders_role: None, key: Key
) -> None:
    case, permission = CUSTOMER[key], rule_of(world.app, key[0]).permission
    may = permission == OWN or permission in PERMISSIONS[Role.ORDERS]
    bram = signed_in(login, "bram")
    answer = ask(bram, key[1], case.path(things), case.data, is_page=case.is_page)
    assert answer.status_code in ((200, 303) if may else (403,))
    with writing(world):
        order = db.session.query(Order).filter_by(public_id=things.order).one().id
        subscription = db.session.query(Subscription).filter_by(public_id=things.subscription).one().id
        linked = [
            cast.make_invoice(world.ids.emma_account, order_id=order),
            cast.make_invoice(world.ids.emma_account, subscription_id=subscription),
            cast.make_invoice(world.ids.emma_account, kind=DocumentKind.CREDIT_NOTE),
        ]
        linked[2].original_id = linked[0].id
        # A credit note on what is not linked is none of theirs.
        other = cast.make_invoice(world.ids.emma_account, kind=DocumentKind.CREDIT_NOTE)
        other.original_id = db.session.query(Document).filter_by(public_id=things.invoice).one().id
        paths = [case.path(replace(things, invoice=document.public_id)) for document in linked]
        others = case.path(replace(things, invoice=other.public_id))
    if key[0].startswith("invoices.") and not case.is_list:
        # To pay several together no credit note is found, whoever asks.
        refused = 404 if key[0].endswith("_several") else 403
        for path, status in zip(paths, (403, 403, refused), strict=True):
            answer = ask(bram, key[1], path, case.data, is_page=case.is_page)
            assert answer.status_code in ((200, 303) if key[0] in SEEN else (status,)), path
        assert ask(bram, key[1], others, case.data).status_code == refused
        for stranger in ("jan", "dora"):
            answer = ask(signed_in(login, stranger), key[1], paths[0], case.data)
            assert answer.status_code == 404, f"{stranger} learns of {paths[0]}"


@named({key: case for key, case in OBJECTS.items() if key[0].startswith("invoices.")})
def test_support_opens_no_invoice(world: World, things: Things, login: Login, key: Key) -> None:
    with writing(world):
        db.session.query(Membership).filter_by(person_id=world.ids.bram).one().role = Role.SUPPORT
        order = db.session.query(Order).filter_by(public_id=things.order).one()
        document = cast.make_invoice(world.ids.emma_account, order_id=order.id)
        path = CUSTOMER[key].path(replace(things, invoice=document.public_id))
    assert ask(signed_in(login, "bram"), key[1], path, CUSTOMER[key].data).status_code == 403


@named(CUSTOMER)
def test_another_method_is_405(world: World, things: Things, login: Login, key: Key) -> None:
    path = CUSTOMER[key].path(things)
    taken = {method for endpoint, method in CUSTOMER if CUSTOMER[endpoint, method].path(things) == path}
    client = signed_in(login, "emma")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - taken:
        assert client.open(path, method=method).status_code in (400, 405), f"{method} {path}"
    # Which methods there are is told, and nothing of what is behind them.
    told = client.open(path, method="OPTIONS")
    assert (told.status_code, told.data) == (200, b""), f"OPTIONS {path}"


def replayed(client: PageClient) -> PageClient:
    """A client with the same cookie, at the other shop."""
    stolen = client.get_cookie("__Host-loket_person", domain=cast.HOST)
    assert stolen is not None
    thief: PageClient = client.application.test_client()  # type: ignore[assignment]
    thief.host = cast.OTHER_HOST
    thief.set_cookie("__Host-loket_person", stolen.value, domain=cast.OTHER_HOST, secure=True, path="/")
    return thief


# The office: a role of the shop holds for all of it, and for nothing of another shop.


@named(STAFF)
def test_the_office_opens_for_its_own_staff_alone(
    world: World, things: Things, login: Login, key: Key
) -> None:
    case, method = STAFF[key], key[1]
    path = case.path(things)
    if not case.is_list:
        answer = ask(signed_in(login, "wim"), method, path, case.data)
        assert answer.status_code == 404, f"the other shop's staff learn of {path}"
    elif method == "GET":
        text = signed_in(login, "wim").get(path).get_data(as_text=True)
        assert not [name for name in things.of_emma() if name in text], f"Wim reads of Emma on {path}"
    as_saskia = signed_in(login, "saskia")
    thief = visitor(world, cast.OTHER_HOST)
    stolen = as_saskia.get_cookie("__Secure-loket_staff", domain=cast.HOST, path="/office")
    assert stolen is not None
    thief.set_cookie(
        "__Secure-loket_staff", stolen.value, domain=cast.OTHER_HOST, secure=True, path="/office"
    )
    for outsider in (thief, visitor(world), signed_in(login, "emma")):
        answer = ask(outsider, method, path, case.data)
        assert asks_to_log_in(answer, things, "/office/login"), answer.status
    # Last, as it may change something.
    answer = ask(as_saskia, method, path, case.data, is_page=case.is_page)
    assert answer.status_code in (200, 302, 303), answer.get_data(as_text=True)
    assert "/office/login" not in (answer.location or "")


@named(STAFF)
@pytest.mark.parametrize("role", [StaffRole.SUPPORT, StaffRole.READ_ONLY])
def test_staff_without_the_right_are_told_so(
    world: World, things: Things, login: Login, key: Key, role: StaffRole
) -> None:
    case, permission = STAFF[key], rule_of(world.app, key[0]).permission
    with writing(world):
        db.session.get_one(Staff, world.ids.kees).role = role
    answer = ask(signed_in(login, "kees"), key[1], case.path(things), case.data, is_page=case.is_page)
    if permission == OWN or permission in STAFF_PERMISSIONS[role]:
        assert answer.status_code in (200, 303)
    else:
        assert answer.status_code == 403
        assert "Your role does not include this page" in answer.get_data(as_text=True)


@named(STAFF)
def test_another_method_is_405_in_the_office(world: World, things: Things, login: Login, key: Key) -> None:
    path = STAFF[key].path(things)
    router = world.app.url_map.bind(cast.HOST)
    taken = {method for method in ("GET", "POST") if router.test(path.partition("?")[0], method)}
    assert key[1] in taken
    client = signed_in(login, "saskia")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - taken:
        assert client.open(path, method=method).status_code in (400, 405), f"{method} {path}"


def test_an_object_of_the_office_is_in_its_path(world: World, things: Things) -> None:
    for rule in world.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            case = STAFF.get((rule.endpoint, method))
            if case is not None:
                assert case.is_list == (not rule.arguments and "?" not in case.path(things)), rule


def visitor(world: World, host: str = cast.HOST) -> PageClient:
    client: PageClient = world.app.test_client()  # type: ignore[assignment]
    client.host = host
    return client


@named(OPEN)
def test_an_open_page_is_open_in_both_shops(world: World, things: Things, key: Key) -> None:
    case = OPEN[key]
    for host in (cast.HOST, cast.OTHER_HOST):
        answer = ask(visitor(world, host), key[1], case.path(things), case.data)
        is_login = key in {("auth.login", "POST"), ("office.auth.login", "POST")}
        expected = 422 if is_login and host == cast.OTHER_HOST else case.status
        assert answer.status_code == expected, answer.get_data(as_text=True)


def call(
    world: World, things: Things, key: Key, path: str, *, host: str = cast.HOST, now: Any = None
) -> TestResponse:
    """A call of a page with a secret, by whoever calls it in life: a browser, or a server with its key."""
    case, client = TOKENS[key], visitor(world, host)
    limiter.reset()
    with clock.frozen(now or clock.now()):
        if case.headers is None:
            return ask(client, key[1], path, case.data, is_page=case.is_page)
        body = {"json": case.json} if case.json is not None else {"data": case.data}
        return client.open(path, method=key[1], headers=case.headers(things), **body)


@named(TOKENS)
def test_an_address_with_a_secret_opens_by_that_secret_alone(world: World, things: Things, key: Key) -> None:
    case, path = TOKENS[key], TOKENS[key].path(things)
    for wrong in case.wrong(things):
        answer = call(world, things, key, wrong)
        assert answer.status_code in (404, 405), f"{wrong}: {answer.status}"
    assert call(world, things, key, path, host=cast.OTHER_HOST).status_code == case.on_other_host
    if case.expires is not None:
        assert call(world, things, key, path, now=cast.START + case.expires).status_code == 404
    answer = call(world, things, key, path)
    assert answer.status_code == case.status, answer.get_data(as_text=True)


@named({key: case for key, case in TOKENS.items() if case.headers and case.on_other_host == 401})
def test_the_banks_interface_takes_its_own_key_alone(world: World, things: Things, key: Key) -> None:
    case = TOKENS[key]
    for given in ("", "Bearer x", f"Bearer {things.other_bank_key}", things.bank_key, "Bearer \xff"):
        answer = visitor(world).open(
            case.path(things),
            method=key[1],
            json=case.json,
            headers={"Authorization": given, "Idempotency-Key": "k"},
        )
        assert answer.status_code == 401, given
        assert answer.get_json() == {"error": "unknown key"}


@named(LINK)
def test_a_replaced_payment_link_is_gone(world: World, things: Things, key: Key) -> None:
    replace_link(world, things)
    assert call(world, things, key, TOKENS[key].path(things)).status_code == 404


@named(LINK)
def test_a_link_to_a_draft_or_a_cancelled_invoice_opens_nothing(
    world: World, things: Things, key: Key
) -> None:
    for status in (DocumentStatus.DRAFT, DocumentStatus.CANCELLED):
        with writing(world):
            db.session.query(Document).filter_by(public_id=things.invoice).one().status = status
        assert call(world, things, key, TOKENS[key].path(things)).status_code == 404


MONTH = timedelta(days=30)


def settle(world: World, things: Things) -> None:
    """The invoice of the link was paid just now."""
    with writing(world):
        document = db.session.query(Document).filter_by(public_id=things.invoice).one()
        document.open_minor, document.settled_at = 0, clock.now()


def where_it_leads(world: World, things: Things, key: Key, *, now: datetime) -> str:
    """Where a rule of the link leads, however many steps it takes; a page's own path where it is shown."""
    answer = call(world, things, key, TOKENS[key].path(things), now=now)
    for _ in range(3):
        if answer.status_code != 303 or answer.location.startswith("/login"):
            break
        answer = call(world, things, ("pay.link", "GET"), answer.location, now=now)
    return answer.location if answer.status_code == 303 else answer.request.path


@named(LINK)
def test_a_payment_link_asks_for_log_in_a_month_after_the_payment(
    world: World, things: Things, key: Key
) -> None:
    settle(world, things)
    shown = f"/pay/{things.link}"
    assert where_it_leads(world, things, key, now=cast.START + MONTH) == shown
    over = where_it_leads(world, things, key, now=cast.START + MONTH + timedelta(seconds=1))
    assert over.startswith("/login"), over


def test_a_paid_link_says_what_was_bought(world: World, things: Things) -> None:
    settle(world, things)
    answer = call(world, things, ("pay.link", "GET"), f"/pay/{things.link}", now=cast.START + MONTH)
    assert answer.status_code == 200 and "Coffee beans" in answer.get_data(as_text=True)


@named(LINK)
def test_a_link_that_is_over_does_nothing(world: World, things: Things, key: Key) -> None:
    """Not even where an attempt was left open when the invoice was settled by other money."""
    browser = world.browser()
    checkout = browser.post(f"/pay/{things.link}", {"method": "ideal"}).location
    settle(world, things)
    before, ordered = world.payments(), len(world.bank())
    call(world, things, key, TOKENS[key].path(things), now=cast.START + MONTH + timedelta(seconds=1))
    assert world.payments() == before
    assert len(world.bank()) == ordered
    bank_id = checkout.rpartition("/")[2]
    assert [row.status.value for row in world.bank() if row.bank_id == bank_id] == ["open"]


def test_every_public_rule_with_a_secret_says_when_it_ends() -> None:
    """A secret without an end of its own is listed here with what ends it."""
    for key, case in TOKENS.items():
        assert (case.expires is None) == (key[0] in ENDLESS), f"{key} is to say when it ends, or why not"
    assert set(ENDLESS) == {key[0] for key in TOKENS if key[0] in ENDLESS}


def test_a_webhook_with_a_forged_signature_books_nothing(world: World, things: Things) -> None:
    before = world.booked()
    answer = visitor(world).post(
        "/hooks/sandbox", data={"id": things.bank_payment}, headers={"X-Sandbox-Signature": "0" * 64}
    )
    assert answer.status_code == 400
    assert world.booked() == before


def test_the_banks_book_opens_on_this_machine_alone(world: World, things: Things) -> None:
    """The shop that every local host means is the only one, so the other one goes for this."""
    with writing(world):
        domain = db.session.query(ShopDomain).filter_by(host=cast.HOST).one()
        domain.host = "localhost"
    world.app.extensions["shops"].forget()
    client = visitor(world, "localhost")
    assert client.get("/sandbox/").status_code == 200
    away = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/sandbox/", environ_overrides=away).status_code == 404


def test_a_file_is_what_was_stored(world: World, things: Things, login: Login) -> None:
    answer = signed_in(login, "emma").get(f"/customer/invoices/{things.invoice}/pdf")
    assert answer.get_data() == PDF and answer.mimetype == "application/pdf"


@pytest.mark.parametrize("host", ["evil.example.test", "shop.example.test.evil.test", "127.0.0.1", "x", ""])
def test_an_unknown_host_is_404_before_anything_is_read(world: World, things: Things, host: str) -> None:
    """Two shops are here, so a local host means neither of them."""
    for case in (*CUSTOMER.values(), *STAFF.values(), *PUBLIC.values()):
        path = case.path(things)
        if path.startswith(("/health", "/static")):
            continue
        client = visitor(world)
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 404, path
        assert answer.get_data(as_text=True) == "Page not found\n"
        assert "Set-Cookie" not in answer.headers


# A live shop has no sandbox anywhere.


@pytest.fixture
def live(world: World, things: Things) -> Things:
    go_live(world)
    return things


SANDBOX = sorted(key for key in PUBLIC if key[0].startswith("sandbox."))


def go_live(world: World) -> None:
    """The shop takes real money, and so do its documents."""
    with writing(world):
        db.session.get_one(Shop, world.ids.shop).mode = Mode.LIVE
        for document in db.session.query(Document):
            document.mode = Mode.LIVE
    world.app.extensions["shops"].forget()


def from_this_machine(world: World, things: Things, key: Key) -> TestResponse:
    """A request by the person at the machine itself, with every key and a valid body: nobody may do more."""
    case, client = PUBLIC[key], visitor(world, "localhost")
    assert isinstance(case, OpenCase | TokenCase)
    client.checks = False
    headers = {"Referer": "https://localhost/"}
    if isinstance(case, TokenCase) and case.headers is not None:
        headers |= case.headers(things)
    body: dict[str, Any] = (
        {"json": case.json} if isinstance(case, TokenCase) and case.json is not None else {}
    )
    if key[1] == "POST" and not body:
        body = {"data": {"csrf_token": client.token(), **case.data}}
    return client.open(
        case.path(things),
        method=key[1],
        headers=headers,
        environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
        **body,
    )


@named(SANDBOX)
def test_a_live_shop_has_no_sandbox_even_on_this_machine(
    world: World, things: Things, tmp_path: Path, key: Key
) -> None:
    """What is there for this very request while the shop is in test mode is gone once it is live."""
    with writing(world):
        db.session.query(ShopDomain).filter_by(host=cast.HOST).one().host = "localhost"
    world.app.extensions["shops"].forget()
    world.app.config["MAIL_FOLDER"] = tmp_path
    catch_mail(tmp_path)
    answer = from_this_machine(world, things, key)
    assert answer.status_code not in (400, 401, 403, 404, 405, 429), answer.get_data(as_text=True)
    go_live(world)
    answer = from_this_machine(world, things, key)
    assert answer.status_code == 404
    assert "bank" not in answer.get_data(as_text=True).lower()


def test_every_rule_of_the_test_bank_is_walked_in_a_live_shop(world: World, live: Things) -> None:
    for rule in world.app.url_map.iter_rules():
        if rule.rule.startswith("/sandbox"):
            assert rule.endpoint.startswith("sandbox."), "a page of the bank that the test above does not see"


def test_a_live_shop_refuses_the_test_banks_webhook(world: World, live: Things) -> None:
    assert visitor(world).post("/hooks/sandbox", data={"id": live.bank_payment}).status_code == 404


def test_a_live_shop_offers_no_test_payment(world: World, live: Things, login: Login) -> None:
    page, before = f"/customer/invoices/{live.invoice}", world.booked()
    as_emma = signed_in(login, "emma")
    for answer in (as_emma.get(page), visitor(world).get(f"/pay/{live.link}")):
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert 'value="ideal"' not in text and 'value="card"' not in text and "sandbox" not in text.lower()
        assert 'value="transfer"' in text, "the shop's own account is still there"
        assert "Test mode" not in text
        assert "sandbox" not in answer.headers["Content-Security-Policy"]
    for client, path in ((as_emma, f"{page}/pay"), (visitor(world), f"/pay/{live.link}")):
        refused = client.send(path, {"method": "ideal"})
        assert refused.status_code == 422
    assert world.booked() == before


def test_a_live_shop_hides_what_was_made_in_test_mode(world: World, things: Things, login: Login) -> None:
    with writing(world):
        db.session.get_one(Shop, world.ids.shop).mode = Mode.LIVE
    world.app.extensions["shops"].forget()
    client = signed_in(login, "emma")
    assert client.get(f"/customer/invoices/{things.invoice}").status_code == 404
    assert things.invoice not in client.get("/customer/invoices").get_data(as_text=True)
    assert visitor(world).get(f"/pay/{things.link}").status_code == 404


# Set-up, while there is no shop.


def test_set_up_opens_by_its_link_while_there_is_no_shop(world: World, things: Things) -> None:
    path = f"/setup/{things.setup}"
    client = visitor(world, "new.example.test")
    assert client.get(path).status_code == 404, "there are shops"
    assert client.post(path, data=SETUP_FORM).status_code == 404
    remove_every_shop(world)
    for wrong in (things.setup[:-2] + "aa", "x", "a" * 300, "%00", "\u00e9", "1.2.3"):
        assert client.get(f"/setup/{wrong}").status_code == 404, wrong
        assert client.post(f"/setup/{wrong}", data=SETUP_FORM).status_code == 404, wrong
    with clock.frozen(cast.START + timedelta(hours=24, seconds=1)):
        assert client.get(path).status_code == 404
    # Its form has no CSRF token: without a shop there is no session that it could belong to.
    client.checks = False
    assert client.get(path).status_code == 200
    client.checks = True
    answer = client.post(path, data=SETUP_FORM)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    assert client.get("/").status_code == 200
    assert "Your shop is ready" in client.get(path).get_data(as_text=True)
    assert client.post(path, data=SETUP_FORM).status_code == 404
    with clock.frozen(cast.START + timedelta(hours=24, seconds=1)):
        assert client.get(path).status_code == 404
