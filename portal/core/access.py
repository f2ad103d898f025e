"""Who may open what: every view has an audience by its section, a customer's view also a permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    has_request_context,
    redirect,
    request,
    url_for,
)
from flask.sansio.app import App
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.core import errorpages, kept, links, security
from portal.core.errors import CannotStart, Conflict
from portal.core.principals import (
    MembershipInfo,
    current_membership,
    current_person,
    current_staff,
    show_account,
)
from portal.core.sessions import READING_METHODS, needs_no_shop
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
    #: Whether the address may name what the page is about after its question mark, or its form in the body.
    is_of_objects: bool = False
    #: Whether its form checks the token itself, and not what stands before all views.
    is_checked_by_form: bool = False


class UndeclaredView(CannotStart):
    """A view that does not say who may open it, or that forgot to ask; the portal does not start, or not answer."""


def needs(permission: str) -> Callable[[View], View]:
    """The permission a customer's or staff view demands; the answer is 403 without it."""

    def mark(view: View) -> View:
        view.__needs__ = permission  # type: ignore[attr-defined]
        return view

    return mark


def of_objects(view: View) -> View:
    """A view whose address names what it is about after the question mark, as several invoices are, or whose body does.

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
        if is_of_files(view):
            audience = Audience.PUBLIC
        if audience is not Audience.PUBLIC and permission is None:
            raise UndeclaredView(
                f"{endpoint}: say @needs(Permission.…), or @needs(OWN) for a page of one's own"
            )
        rules[endpoint] = Rule(
            audience,
            permission,
            is_of_objects=getattr(view, "__of_objects__", False),
            is_checked_by_form=getattr(view, "__checked_by_form__", False),
        )
    app.extensions["access_rules"] = rules


def is_of_files(view: Any) -> bool:
    """Whether Flask made a view for the folder of static files of a blueprint."""
    return getattr(view, "__func__", None) is Blueprint.send_static_file


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
    refusal = _check()
    g.view_may_run = refusal is None
    return refusal


def _check() -> Any:
    failed = g.pop("opening_failed", None)
    if failed is not None:
        raise failed
    if security.is_readable_by_others():
        return security.ask_for_https()
    view = current_app.view_functions.get(request.endpoint or "")
    if (request.endpoint == "static" or is_of_files(view)) and not security.is_for_browsers(request.path):
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
        return _to_log_in(rule, links.page_address(url_for("home.index")))
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
        return _to_log_in(rule, links.page_address(url_for("office.home.index")))
    if rule.permission != OWN and not staff.can(str(rule.permission)):
        abort(403)
    return None


def log_in_by(app: App, audience: Audience, page: Callable[[str, str], Any]) -> None:
    """Says what answers a form that came without a session: ``page(next, kept)`` is the log-in that carries it."""
    app.extensions.setdefault("log_in_pages", {})[audience] = page


def _to_log_in(rule: Rule, address: str) -> Any:
    """The log-in, with what was typed; and said, where something was sent, that it was not done."""
    typed = kept.take()
    if typed:
        return current_app.extensions["log_in_pages"][rule.audience](address, typed)
    if request.method not in READING_METHODS:
        flash(_("You were logged out meanwhile, so nothing was changed. Log in and try again."), "info")
    endpoint = "office.auth.login" if rule.audience is Audience.STAFF else "auth.login"
    return redirect(url_for(endpoint, next=address), 303)


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


def install(app: Flask, session: Any) -> None:
    """Neither an answer nor a commit of a view that forgot to ask; called once by ``create_app``."""
    app.after_request(verify)
    target = session.session_factory.class_
    if not event.contains(target, "before_commit", _refuse_to_keep):
        event.listen(target, "before_commit", _refuse_to_keep)


def verify(response: Response) -> Response:
    """Refuses to answer for the page of an object that asked nobody; an ``after_request`` function."""
    if response.status_code < 400 and _is_of_a_view():
        _refuse_unasked_object()
    return response


def _refuse_to_keep(session: Session) -> None:
    """What such a view changed is not kept either; refusing the answer alone would come too late."""
    if has_request_context() and not session.in_nested_transaction() and _is_of_a_view():
        _refuse_unasked_object()
        _refuse_unchecked_form()


def _is_of_a_view() -> bool:
    # OPTIONS is answered without the view, with the methods there are and nothing of the object.
    return g.get("shop") is not None and request.endpoint is not None and request.method != "OPTIONS"


def _refuse_unasked_object() -> None:
    """A view that forgets ``open_for`` would show an object to every role of its account: it does nothing at all."""
    rule = rule_of(current_app, str(request.endpoint))
    if not (request.view_args or rule.is_of_objects) or rule.audience is not Audience.CUSTOMER:
        return
    if current_person() is not None and not g.get("access_checked"):
        raise UndeclaredView(
            f"{request.endpoint}: call access.open_for(customer_id) once the object is found"
        )


def _refuse_unchecked_form() -> None:
    """A view that is ``checked_by_form`` and validates none would obey any page of the world: it keeps nothing.

    It may answer, with what was typed or a preview of it: mails, files, work and sessions all wait for a commit.
    """
    changes = g.get("view_may_run") and request.method not in READING_METHODS
    if (
        changes
        and rule_of(current_app, str(request.endpoint)).is_checked_by_form
        and not g.get("form_checked")
    ):
        raise UndeclaredView(
            f"{request.endpoint}: validate its PortalForm first, which checks the token, or leave out checked_by_form"
        )


def can(permission: str) -> bool:
    """For templates: whether the account of this page allows it, or in the office the role."""
    staff = current_staff()
    if staff is not None:
        return staff.can(permission)
    person = current_person()
    if person is None or person.selected is None:
        return False
    return current_membership().can(permission)
