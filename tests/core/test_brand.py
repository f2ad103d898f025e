"""A shop may choose any colour; text in it and on it stays readable in both themes."""

import re

import pytest

from portal.core.brand import (
    DARK_HOVER,
    DARK_SURFACE,
    DEFAULT_COLOUR,
    LIGHT_CANVAS,
    WHITE,
    brand_colours,
    brand_css,
    brand_hash,
    contrast,
    initials,
    parse,
    to_hex,
    tone_css,
    tone_name,
)

COLOURS = [
    "#fff",
    "#000",
    "#ff0",
    "#f00",
    "#0f0",
    "#00f",
    "#0ff",
    "#f0f",
    "#7a3912",
    "#808080",
    DEFAULT_COLOUR,
]
COLOURS += [
    f"#{red:02x}{green:02x}{blue:02x}"
    for red in range(0, 256, 51)
    for green in range(0, 256, 51)
    for blue in range(0, 256, 51)
]


@pytest.mark.parametrize("chosen", COLOURS)
def test_text_in_the_light_theme_is_readable(chosen: str) -> None:
    colours = brand_colours(chosen)
    text = parse(colours["--brand-l"])
    for surface in (WHITE, LIGHT_CANVAS, parse(colours["--brand-l-tint"])):
        assert contrast(text, surface) >= 4.5
    assert contrast(parse(colours["--brand-l-fg"]), text) >= 4.5


@pytest.mark.parametrize("chosen", COLOURS)
def test_text_in_the_dark_theme_is_readable(chosen: str) -> None:
    colours = brand_colours(chosen)
    text = parse(colours["--brand-d"])
    for surface in (DARK_SURFACE, DARK_HOVER, parse(colours["--brand-d-tint"])):
        assert contrast(text, surface) >= 4.5
    assert contrast(parse(colours["--brand-d-fg"]), text) >= 4.5


def test_a_colour_that_is_dark_enough_stays_as_chosen() -> None:
    assert brand_colours("#7a3912")["--brand-l"] == "#7a3912"
    assert brand_colours("#7A3912")["--brand-l"] == "#7a3912"


def test_a_colour_that_is_light_enough_stays_as_chosen_in_the_dark() -> None:
    assert brand_colours("#e0a070")["--brand-d"] == "#e0a070"


def test_the_hue_survives_the_darkening() -> None:
    red, green, blue = parse(brand_colours("#ff0")["--brand-l"])
    assert red == green > 0.3
    assert blue == 0


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(WHITE, parse("#000")) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == 1
    assert contrast(parse("#767676"), WHITE) == pytest.approx(4.54, abs=0.005)


def test_the_sheet_is_one_rule_of_plain_colours() -> None:
    css = brand_css("#7a3912")
    assert re.fullmatch(r":root\{(--brand-[a-z-]+:#[0-9a-f]{6};?)+\}\n", css)
    assert "--brand-d:" in css and "--brand-l:" in css
    # --brand belongs to portal.css and portal-dark.css; set here it would win over both themes.
    assert "--brand:" not in css


def test_the_hash_follows_the_content() -> None:
    assert brand_hash("#7a3912") == brand_hash("#7A3912")
    assert brand_hash("#7a3912") != brand_hash("#7a3913")


@pytest.mark.parametrize("text", ["", "#12", "#1234", "red", "#ggg", "#7a3912;}", "#７a3912", "url(x)"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a colour"):
        brand_css(text)


def test_short_form_and_back() -> None:
    assert to_hex(parse("#0af")) == "#00aaff"
    assert to_hex(parse("0AF")) == "#00aaff"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("De Halve Maan", "HM"),
        ("Emma de Vries", "EV"),
        ("Loket", "L"),
        ("De Bakker", "DB"),
        ("Jan-Willem van der Berg", "JB"),
        ("'t Koffiehuis", "TK"),
        ("Émile Zola", "ÉZ"),
        ("3 Hoeken", "3H"),
        ("  Brood & Koek  ", "BK"),
        ("łódź café", "ŁC"),
        ("&", "?"),
        ("", "?"),
    ],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ffe600", "#7a3b12", "#00f", "#808080", "#ff0000"])
def test_a_tone_can_be_read_in_both_themes(colour: str) -> None:
    css = tone_css(tone_name(colour))
    tone = dict(pair.split(":") for pair in css[css.index("{") + 1 : css.index("}")].split(";"))
    read = {name: parse(value) for name, value in tone.items()}
    # The pill's text on its own ground, and a banner's text in the page's colours on that ground.
    assert contrast(read["--tone-l"], read["--tone-l-bg"]) >= 4.5
    assert contrast(read["--tone-d"], read["--tone-d-bg"]) >= 4.5
    assert contrast(parse("#3d3d3d"), read["--tone-l-bg"]) >= 4.5
    assert contrast(parse("#e2e2e2"), read["--tone-d-bg"]) >= 4.5
    # Icons on the page itself.
    assert contrast(read["--tone-l"], WHITE) >= 4.5
    assert contrast(read["--tone-d"], DARK_SURFACE) >= 4.5


def test_a_tone_has_one_name_however_its_colour_was_typed() -> None:
    assert tone_name("#ABC") == tone_name("aabbcc") == "aabbcc"
    with pytest.raises(ValueError):
        tone_name("red")
