"""The world of payments, for every test of this folder."""

from __future__ import annotations

from tests.payments_world import world

__all__ = ["world"]
