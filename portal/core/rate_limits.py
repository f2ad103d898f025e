"""Flask-Limiter, for several threads that notice at the same moment that Redis is away."""

from __future__ import annotations

from flask_limiter import Limiter
from redis.exceptions import RedisError


class PortalLimiter(Limiter):
    """Counts in memory while Redis is away, for every request that finds out.

    Flask-Limiter itself does so for the first of them alone, and fails the others that were asking Redis just then.
    """

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except RedisError:
            # Somebody else was first and has switched to memory; a fault that stays is raised by the second try.
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)
