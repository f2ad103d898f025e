"""The theme a reader chose, and which screens the dark stylesheet is for."""

from __future__ import annotations

from enum import StrEnum


class Theme(StrEnum):
    """System follows the reader's device; the other two do not."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def resolve_theme(choice: str | None) -> Theme:
    """The chosen theme; anything unknown, such as an old or forged cookie, follows the device."""
    try:
        return Theme(choice or "")
    except ValueError:
        return Theme.SYSTEM


def dark_media(theme: Theme) -> str:
    """The `media` of the link to the dark stylesheet: no script is needed, and nothing flashes."""
    return _DARK_MEDIA[theme]


_DARK_MEDIA = {
    Theme.SYSTEM: "(prefers-color-scheme: dark)",
    Theme.LIGHT: "not all",
    Theme.DARK: "all",
}
