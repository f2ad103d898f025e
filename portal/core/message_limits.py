"""How often a person may write to the shop or have files made: settings named as in ``DEFAULTS`` change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from flask_limiter.errors import RateLimitExceeded

from portal.core.errors import DomainError
from portal.core.principals import current_person
from portal.extensions import limiter

DEFAULTS = {
    "SUPPORT_LIMIT_NEW": "20 per hour; 60 per day",
    "SUPPORT_LIMIT_REPLY": "60 per hour; 200 per day",
    "SUPPORT_LIMIT_PREVIEW": "60 per minute",
    # What keeps a worker busy for minutes.
    "BUNDLE_LIMIT": "30 per hour",
}


class TooOften(DomainError):
    """Somebody writes more than people do; the form keeps what they wrote (429)."""


def by_person(name: str) -> Callable[..., Callable[..., Any]]:
    """Limits the POSTs of a view for each person."""
    return limiter.limit(lambda: str(current_app.config[name]), key_func=_person, methods=["POST"])


def limited(often: str) -> Callable[..., Callable[..., Any]]:
    """The same with the limit itself, such as ``20 per hour; 60 per day``, for views of packages."""
    return limiter.limit(often, key_func=_person, methods=["POST"])


def count(name: str) -> None:
    """Counts what a form is about to do; raises ``TooOften``. What was refused before does not count."""
    try:
        with limiter.limit(lambda: str(current_app.config[name]), key_func=_person, scope=name):
            pass
    except RateLimitExceeded:
        raise TooOften(
            _l(
                "That was a lot of messages in a short time. Nothing was lost: wait a little, then send this again."
            )
        ) from None


def _person() -> str:
    person = current_person()
    return person.get_id() if person is not None else ""
