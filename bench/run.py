"""What the parts of a run share: how thorough it is, and the profiles it wrote down."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Run:
    """One run of the bench."""

    quick: bool = False
    skip_postgres: bool = False
    profiles: dict[str, str] = field(default_factory=dict)

    def either(self, thorough: int, quick: int) -> int:
        """One number for a full run, another for a quick one."""
        return quick if self.quick else thorough
