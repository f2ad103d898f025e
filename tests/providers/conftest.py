"""The world of payments, for every test below."""

from __future__ import annotations

from tests.payments_world import world

__all__ = ["world"]
