"""Themes: three choices, and a stylesheet that applies to the right screens."""

import pytest

from portal.core.theme import Theme, dark_media, resolve_theme


@pytest.mark.parametrize(
    ("choice", "theme"),
    [
        ("system", Theme.SYSTEM),
        ("light", Theme.LIGHT),
        ("dark", Theme.DARK),
        (None, Theme.SYSTEM),
        ("", Theme.SYSTEM),
        ("DARK", Theme.SYSTEM),
        ("dark\0", Theme.SYSTEM),
        ("<script>", Theme.SYSTEM),
    ],
)
def test_the_choice_or_the_device(choice: str | None, theme: Theme) -> None:
    assert resolve_theme(choice) is theme


def test_the_dark_stylesheet_is_for_the_right_screens() -> None:
    assert {theme: dark_media(theme) for theme in Theme} == {
        Theme.SYSTEM: "(prefers-color-scheme: dark)",
        Theme.LIGHT: "not all",
        Theme.DARK: "all",
    }
