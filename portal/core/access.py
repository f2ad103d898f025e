"""Who may open what: every view has an audience by its section, a customer's view also a permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask_babel import lazy_gettext as _l

from portal.core import errorpages, links, security
from portal.core.errors import Conflict
from portal.core.principals import (
    MembershipInfo,
    current_membership,
    current_person,
    current_staff,
    show_account,
)
from portal.core.sessions import needs_no_shop
from portal.core.shops import current_shop, host_without_port, is_loopback

View = TypeVar("View", bound=Callable[..., Any])

#: A page of a person's own (log-in, theme, language) needs no role.
OWN = "own"


class Audience(StrEnum):
    """Whom a section is for."""

    PUBLIC = "public"
    CUSTOMER = "customer"
    STAFF = "staff"


@dataclass(frozen=True)
class Rule:
    """What a view demands."""

    audience: Audience
    permission: str | None
    #: Whether the address may name what the page is about after its question mark.
    is_of_objects: bool = False


class UndeclaredView(RuntimeError):
    """A view that does not say who may open it; the portal does not start."""


def needs(permission: str) -> Callable[[View], View]:
    """The permission a customer's or staff view demands; the answer is 403 without it."""

    def mark(view: View) -> View:
        view.__needs__ = permission  # type: ignore[attr-defined]
        return view

    return mark


def of_objects(view: View) -> View:
    """A view whose address may name what it is about after the question mark, as several invoices are.

    It belongs to the account of that, like the page of one object: the view looks that up and calls ``open_for``.
    """
    view.__of_objects__ = True  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """A view of another section that anybody may open, such as log-out."""
    view.__audience__ = Audience.PUBLIC  # type: ignore[attr-defined]
    return view


def declare(app: Flask, audiences: dict[str, Audience]) -> None:
    """Works out the rule of every endpoint; ``audiences`` maps blueprint names. Raises ``UndeclaredView``."""
    rules: dict[str, Rule] = {}
    for endpoint, view in app.view_functions.items():
        blueprint = endpoint.rpartition(".")[0]
        audience = getattr(view, "__audience__", None) or _audience_of(blueprint, audiences)
        permission = getattr(view, "__needs__", None)
        if audience is None and blueprint == "":
            audience = Audience.PUBLIC
        if audience is None:
            raise UndeclaredView(f"{endpoint}: give its blueprint a Section with an audience")
        if audience is not Audience.PUBLIC and permission is None:
            raise UndeclaredView(
                f"{endpoint}: say @needs(Permission.…), or @needs(OWN) for a page of one's own"
            )
        rules[endpoint] = Rule(audience, permission, getattr(view, "__of_objects__", False))
    app.extensions["access_rules"] = rules


def _audience_of(blueprint: str, audiences: dict[str, Audience]) -> Audience | None:
    """That of the blueprint, else of the nearest one that it is nested in."""
    while blueprint and blueprint not in audiences:
        blueprint = blueprint.rpartition(".")[0]
    return audiences.get(blueprint)


def rule_of(app: Flask, endpoint: str) -> Rule:
    """The rule of an endpoint."""
    rules: dict[str, Rule] = app.extensions["access_rules"]
    return rules[endpoint]


def check() -> Any:
    """Answers for who may not open the page; a ``before_request`` function, the first of all."""
    failed = g.pop("opening_failed", None)
    if failed is not None:
        raise failed
    if security.is_readable_by_others():
        return security.ask_for_https()
    if request.endpoint == "static" and not security.is_for_browsers(request.path):
        abort(404)
    if g.get("shop") is None:
        if needs_no_shop(request.path):
            return None
        return errorpages.page(404)
    own = _own_address()
    if own is not None:
        return redirect(own)
    if any(ord(char) < 32 or ord(char) == 127 for char in request.path):
        # No address of ours holds control characters, and PostgreSQL refuses a NUL in any text.
        abort(404)
    if request.endpoint is None:
        return None
    rule = rule_of(current_app, request.endpoint)
    if rule.audience is Audience.PUBLIC:
        return None
    if rule.audience is Audience.STAFF:
        return _check_staff(rule)
    person = current_person()
    if person is None or person.selected is None:
        return redirect(url_for("auth.login", next=links.page_address(url_for("home.index"))), 303)
    if request.view_args or rule.is_of_objects:
        # An object's page belongs to the account of the object, which its view looks up first.
        return None
    if rule.permission != OWN and not person.selected.can(str(rule.permission)):
        abort(403)
    return None


def _check_staff(rule: Rule) -> Any:
    """A role of the shop holds for every object of it, so nothing has to be looked up first."""
    staff = current_staff()
    if staff is None:
        return redirect(
            url_for("office.auth.login", next=links.page_address(url_for("office.home.index"))), 303
        )
    if rule.permission != OWN and not staff.can(str(rule.permission)):
        abort(403)
    return None


def _own_address() -> str | None:
    """The same page under the shop's own name, when it was asked for by another name of this machine.

    Somebody who types ``localhost`` where the shop is at ``127.0.0.1`` would lose their session on the way back
    from the bank, if the browser's content policy let them go there at all.
    """
    shop, host = current_shop(), host_without_port(request.host)
    if request.method != "GET" or host == shop.host or not (is_loopback(host) and is_loopback(shop.host)):
        return None
    origin, asked = links.origin(shop), urlsplit(request.host_url)
    elsewhere = asked.scheme != shop.scheme or asked.port != urlsplit(origin).port
    if elsewhere or f"{asked.scheme}://{asked.netloc}" == current_app.config.get("SANDBOX_ORIGIN"):
        return None
    return origin + links.page_address("/")


def customer_ids() -> list[int]:
    """Every account of the signed-in person: the scope in which an object page looks; elsewhere is 404."""
    person = current_person()
    return [membership.customer_id for membership in person.memberships] if person else []


def open_for(customer_id: int, *, enough: str | None = None) -> MembershipInfo:
    """Makes the page that of an object's account and checks the view's own permission for it: 403 without.

    ``enough`` is another permission that does as well for this one object.
    """
    membership = show_account(customer_id)
    rule = rule_of(current_app, str(request.endpoint))
    may = rule.permission in (None, OWN) or membership.can(str(rule.permission))
    if not may and (enough is None or not membership.can(enough)):
        abort(403)
    g.access_checked = True
    return membership


def same_account(public_id: str | None) -> MembershipInfo:
    """The account that a form without an object was opened for, by the id it carries.

    ``Conflict`` when another one was chosen in the header meanwhile: it would go to an account nobody looked at.
    """
    membership = current_membership()
    if membership.customer_public_id != public_id:
        raise Conflict(
            _l("You changed to another account meanwhile. Nothing was saved: reload the page and look again.")
        )
    return membership


def verify(response: Response) -> Response:
    """Refuses to answer with the page of an object whose account was never asked; an ``after_request`` function.

    A view that forgets ``open_for`` would show an object to every role of its account, so it shows nothing at all.
    """
    if g.get("shop") is None or request.endpoint is None or response.status_code >= 400:
        return response
    if request.method == "OPTIONS":
        # Answered without the view, with the methods there are and nothing of the object.
        return response
    rule = rule_of(current_app, request.endpoint)
    if not (request.view_args or rule.is_of_objects):
        return response
    if rule.audience is not Audience.CUSTOMER or current_person() is None or g.get("access_checked"):
        return response
    raise UndeclaredView(f"{request.endpoint}: call access.open_for(customer_id) once the object is found")


def can(permission: str) -> bool:
    """For templates: whether the account of this page allows it, or in the office the role."""
    staff = current_staff()
    if staff is not None:
        return staff.can(permission)
    person = current_person()
    if person is None or person.selected is None:
        return False
    return current_membership().can(permission)
