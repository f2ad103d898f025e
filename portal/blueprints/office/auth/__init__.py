"""Logging in and out at the office, and how it looks."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("auth", __name__)

from portal.blueprints.office.auth import views  # noqa: E402, F401  (the views hang themselves on the blueprint)
