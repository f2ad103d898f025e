"""Errors as pages in the frame: what happened, that nothing was lost, and what to do."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, current_app, g, render_template, request
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from portal.core import database
from portal.core.errors import Conflict, DomainError, Forbidden, NotFound
from portal.core.principals import current_principal, current_staff
from portal.core.schedule import ShopIds
from portal.core.shops import host_without_port, is_local
from portal.extensions import db

log = logging.getLogger(__name__)
refusals = logging.getLogger("loket.refused")

PAGES: dict[int, tuple[Any, Any]] = {
    400: (
        _l("That did not work"),
        _l(
            "The page sent something we could not read. Nothing was changed. Go back, reload the page and try again."
        ),
    ),
    403: (
        _l("You may not see this"),
        _l(
            "Your role for this account does not include this page. Ask the owner of the account to change it."
        ),
    ),
    404: (_l("Page not found"), _l("This page does not exist, or it belongs to somebody else.")),
    405: (
        _l("That did not work"),
        _l("This address does not take that kind of request. Nothing was changed."),
    ),
    409: (
        _l("Changed meanwhile"),
        _l("Something changed while you were busy. Nothing was lost: please look again and try once more."),
    ),
    413: (
        _l("Too large"),
        _l("What you sent is too large. Nothing was changed. Try a smaller file or a shorter text."),
    ),
    429: (_l("A little slower, please"), _l("That was tried too often. Wait a few minutes and try again.")),
    500: (
        _l("Something went wrong on our side"),
        _l(
            "We wrote down what happened and will look at it. Nothing was booked twice. Please try again later."
        ),
    ),
}

NO_SHOP_YET = _l(
    "This installation has no shop yet. Its owner makes one by the link that was printed when it was started."
)


NOT_YOUR_ROLE = _l("Your role does not include this page. Ask the owner of the shop to change it.")

#: What somebody tried who may not, or too often.
REFUSALS = frozenset({401, 403, 413, 429})


def note_refusal(why: str) -> None:
    """Writes down who was refused what, without anything they typed: a person's number, the rule, the reason."""
    try:
        who = current_principal()
    except SQLAlchemyError:
        who = None
    refusals.warning(
        "%s %s refused for %s: %s",
        request.method,
        request.url_rule or "an unknown address",
        who.get_id() if who is not None else "a visitor",
        why,
    )


def install(app: Flask) -> None:
    """Hangs the pages on every kind of error."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(NotFound, lambda error: page(404))
    app.register_error_handler(Forbidden, _forbidden)
    app.register_error_handler(Conflict, lambda error: page(409, str(error)))
    app.register_error_handler(DomainError, lambda error: page(400, str(error)))
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(Exception, _unexpected)


def page(code: int, text: str | None = None, *, action: tuple[str, str] | None = None) -> Response:
    """The page of an error, in the frame where there is a shop; a line of text where there is none.

    ``action`` is what to do next, as label and address, in place of the way to the start.
    """
    code = code if code in PAGES else (400 if code < 500 else 500)
    title, usual = PAGES[code]
    if code == 403 and _is_staff():
        usual = NOT_YOUR_ROLE
    # Nothing is written any more, and a reader does not wait for the writer that may be the very trouble.
    database.set_reading(True)
    if g.get("shop") is None:
        line = NO_SHOP_YET if code == 404 and _awaits_set_up() else title
        return Response(f"{line}\n", status=code, mimetype="text/plain")
    return Response(
        render_template("errors/error.html", code=code, title=title, text=text or usual, action=action),
        status=code,
    )


def _is_staff() -> bool:
    return g.get("shop") is not None and current_staff() is not None


def _awaits_set_up() -> bool:
    """Whether an owner may have come to a new installation without the link; strangers hear nothing of it."""
    if not is_local(host_without_port(request.host)):
        return False
    shop_ids: ShopIds = current_app.extensions["loket"].shop_ids
    return not shop_ids()


def _http(error: HTTPException) -> Any:
    if error.code is not None and error.code < 400:
        return error
    code = error.code or 500
    if code in REFUSALS:
        note_refusal(str(code))
    if error.response is not None:
        return error.response
    return page(code)


def _stale(error: StaleDataError) -> Response:
    db.session.rollback()
    return page(409)


def _forbidden(error: Forbidden) -> Response:
    note_refusal("403")
    return page(403)


def _csrf(error: CSRFError) -> Any:
    note_refusal("no token of this session")
    return page(
        400, str(_l("This page was open for too long, or was sent from elsewhere. Reload it and try again."))
    )


def _unexpected(error: Exception) -> Any:
    db.session.rollback()
    # The address without its query: what people type must not reach the log.
    log.error("%s %s failed", request.method, request.url_rule or request.path, exc_info=error)
    try:
        return page(500)
    except Exception:
        # The frame itself needs the database, which may be what failed.
        db.session.rollback()
        g.shop = None
        return Response(str(PAGES[500][0]) + "\n", status=500, mimetype="text/plain")
