"""The demo's log-ins are known to everybody, so they work on the machine it runs on and nowhere else."""

from __future__ import annotations

from portal.core.shops import current_shop, from_this_machine


def may_log_in() -> bool:
    """Whether a log-in is possible here: always in a real shop, in the demo only from this very machine."""
    return not current_shop().is_demo or from_this_machine()
