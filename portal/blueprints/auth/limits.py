"""How often the log-in pages may be used, by whom: settings with these names in ``app.config`` change it.

Wrong passwords for one address are counted in the database (``AUTH_TRIES``), so that neither a restart nor a
second worker forgets them; everything else here is kept by Flask-Limiter.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException

from portal.blueprints.auth import bp
from portal.core import links
from portal.core.shops import current_shop
from portal.domain.people.queries import normal_email
from portal.extensions import limiter

DEFAULTS: dict[str, str | int] = {
    "AUTH_LIMIT_LOGIN": "10 per minute; 200 per hour",
    "AUTH_LIMIT_REGISTER": "10 per hour",
    "AUTH_LIMIT_FORGOT": "10 per hour",
    "AUTH_LIMIT_LINK": "30 per hour",
    # Mails to one address, however many machines ask for them.
    "AUTH_LIMIT_ADDRESS": "5 per hour",
    "AUTH_TRIES": 5,
}


#: In bytes; no form here needs a tenth of it, and what is refused is shown again.
LARGEST_BODY = 64 * 1024


@bp.before_request
def refuse_large_bodies() -> None:
    """413 for a body that no person types."""
    request.max_content_length = LARGEST_BODY


@bp.record_once
def set_defaults(state: BlueprintSetupState) -> None:
    """Puts the numbers into the configuration where it does not hold others."""
    for name, value in DEFAULTS.items():
        state.app.config.setdefault(name, value)


def by_machine(name: str) -> Callable[..., Callable[..., object]]:
    """Limits the POSTs of a view for each network address."""
    return limiter.limit(lambda: str(current_app.config[name]), methods=["POST"])


def by_address(name: str) -> Callable[..., Callable[..., object]]:
    """Limits the POSTs of a view for each e-mail address typed, whether it is known or not."""
    return limiter.limit(lambda: str(current_app.config[name]), key_func=_typed_address, methods=["POST"])


def _typed_address() -> str:
    """A keyed hash of the address: the limiter's storage never holds the address itself."""
    try:
        typed = request.form.get("email", "")
    except HTTPException:
        # A body that is too large; the view answers for it. An error in here would pass for a broken storage.
        typed = ""
    return links.mac(f"rate:{current_shop().id}", normal_email(typed)[:300])
