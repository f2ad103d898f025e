"""The screens the journeys run on: two always, every combination with LOKET_AXE_ALL=1, as the soak does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Device:
    """A width, the theme its system asks for, and the language its browser asks for."""

    width: int
    theme: str
    language: str

    @property
    def phone(self) -> bool:
        """Is it narrow enough for the phone's layout?"""
        return self.width < 576

    @property
    def name(self) -> str:
        """Names the test and the folder of its pictures."""
        return f"{self.width}-{self.theme}-{self.language}"

    def __str__(self) -> str:
        return self.name


DESKTOP = Device(1280, "light", "en")
PHONE = Device(360, "dark", "nl")
BOTH = [DESKTOP, PHONE]
EVERY = [Device(*each) for each in product((1280, 360), ("light", "dark"), ("en", "nl"))]
#: Whether every combination is to be tried.
ALL = os.environ.get("LOKET_AXE_ALL") == "1"
CHECKED = EVERY if ALL else BOTH
#: Screens with scripts and without: each of them once, or all four.
CROSSWISE = list(product(BOTH, (True, False))) if ALL else [(DESKTOP, False), (PHONE, True)]
