"""How often a person may write, put into the configuration."""

from __future__ import annotations

from flask.blueprints import BlueprintSetupState

from portal.blueprints.support import bp
from portal.core.message_limits import DEFAULTS, TooOften, by_person, count

__all__ = ["TooOften", "by_person", "count"]


@bp.record_once
def set_defaults(state: BlueprintSetupState) -> None:
    """Puts the numbers into the configuration where it does not hold others."""
    for name, value in DEFAULTS.items():
        state.app.config.setdefault(name, value)
