"""Starts a real installation like `python app.py`, but with what only tests want of it.

The test bank's pages stand on an origin of their own, as those of a real bank do, and `?answer=409` on any page asks
for the error page of that number.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

from flask import Flask, abort, request

from config import Config
from portal import create_app
from portal.core.errors import Conflict
from portal.installation import start
from portal.installation.hooks import portal_hooks


def answer_as_asked() -> None:
    """Fails the way the address asks for; runs after the check of who may open the page."""
    code = request.args.get("answer", type=int)
    if code == 500:
        raise RuntimeError("a test asked for this error")
    if code == 409:
        raise Conflict("This was changed in another window.")
    if code:
        abort(code)


def create(config: Config) -> Flask:
    """The application with its bank at `localhost`."""
    settings: dict[str, Any] = {"SANDBOX_ORIGIN": f"http://localhost:{config.port}"}
    app = create_app(config, **settings)
    app.before_request(answer_as_asked)
    return app


if __name__ == "__main__":
    wanted = Config.from_env({**os.environ, "LOKET_MODE": "serve"})
    sys.exit(start.run(wanted, replace(portal_hooks(), create_app=create)))
