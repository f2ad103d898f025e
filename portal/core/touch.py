"""The few traces a GET leaves (last seen, ticket viewed): after the response, throttled, and nobody waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from flask import current_app, g
from flask.ctx import AppContext

from portal.core import clock, database, tenancy
from portal.extensions import db

log = logging.getLogger(__name__)

Trace = Callable[[datetime], None]


def later(trace: Trace) -> None:
    """Runs ``trace(now)`` after the response in its own short transaction; a failure is logged and forgotten."""
    g.setdefault("traces", []).append(trace)


def run_pending(response: object) -> object:
    """Hangs the traces of this request on the end of its response; an ``after_request`` function."""
    traces: list[Trace] = g.pop("traces", [])
    shop = g.get("shop")
    if traces and shop is not None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]

        def run() -> None:
            with AppContext(app), tenancy.shop_scope(shop.id):
                database.set_reading(False)
                try:
                    for trace in traces:
                        trace(clock.now())
                    db.session.commit()
                except Exception:
                    db.session.rollback()
                    log.warning("a trace was dropped", exc_info=True)

        response.call_on_close(run)  # type: ignore[attr-defined]
    return response
