"""The shop's one colour, made readable on every surface, and the initials that stand in for its logo."""

from __future__ import annotations

import colorsys
import re
from hashlib import sha256

Colour = tuple[float, float, float]

DEFAULT_COLOUR = "#1f5fa8"
WHITE: Colour = (1.0, 1.0, 1.0)
INK: Colour = (0x17 / 255, 0x13 / 255, 0x0F / 255)
# The surfaces of portal.css and portal-dark.css that text in the shop's colour may stand on.
LIGHT_CANVAS: Colour = (0xFA / 255, 0xFA / 255, 0xFA / 255)
DARK_SURFACE: Colour = (0x22 / 255, 0x22 / 255, 0x22 / 255)
DARK_HOVER: Colour = (0x2B / 255, 0x2B / 255, 0x2B / 255)
# WCAG 2.2 asks 4.5:1 for text; in the dark more: thin light strokes look fainter than they measure.
ENOUGH_LIGHT = 4.5
ENOUGH_DARK = 5.5
_STEPS = 200


def parse(colour_hex: str) -> Colour:
    """The colour as three parts of one; accepts #rgb and #rrggbb, raises ValueError for anything else."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", colour_hex.strip())
    if match is None:
        raise ValueError(f"not a colour: {colour_hex!r}")
    digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def to_hex(colour: Colour) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def luminance(colour: Colour) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio as WCAG 2.2 defines it, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: Colour, base: Colour, share: float) -> Colour:
    """`share` of the colour in the base."""
    red, green, blue = (part * share + under * (1 - share) for part, under in zip(colour, base, strict=True))
    return red, green, blue


def _shade(colour: Colour, towards: float, step: int) -> Colour:
    hue, lightness, saturation = colorsys.rgb_to_hls(*colour)
    # A deep brown lifted at full saturation glares orange; a little less of it stays the same brown, lit.
    softened = saturation * (1 - 0.3 * towards * step / _STEPS)
    return colorsys.hls_to_rgb(hue, lightness + (towards - lightness) * step / _STEPS, softened)


def _until(colour: Colour, towards: float, surfaces: tuple[Colour, ...], enough: float) -> Colour:
    # Compared as the browser sees it, in eight bits; the last step is black or white and always enough.
    shades = (parse(to_hex(_shade(colour, towards, step))) for step in range(_STEPS + 1))
    return next(shade for shade in shades if all(contrast(shade, under) >= enough for under in surfaces))


def brand_colours(colour_hex: str) -> dict[str, str]:
    """The custom properties of a shop's sheet: --brand-l* for the light theme, --brand-d* for the dark one.

    `--brand-l` serves as text on white, canvas and its tint, and as the ground of buttons with white on it;
    `--brand-d` the same on the dark surfaces, with near-black on it. Mails and PDFs take `--brand-l`.
    """
    chosen = parse(colour_hex)
    light_tint = parse(to_hex(mix(chosen, WHITE, 0.1)))
    light = _until(chosen, 0.0, (WHITE, LIGHT_CANVAS, light_tint), ENOUGH_LIGHT)
    # A dark colour is lifted first, so that its tint is seen on a dark surface at all.
    lifted = _until(chosen, 1.0, (DARK_SURFACE, DARK_HOVER), ENOUGH_DARK)
    dark_tint = parse(to_hex(mix(lifted, DARK_SURFACE, 0.12)))
    dark = _until(lifted, 1.0, (DARK_SURFACE, DARK_HOVER, dark_tint), ENOUGH_DARK)
    return {
        "--brand-l": to_hex(light),
        "--brand-l-fg": to_hex(WHITE),
        "--brand-l-tint": to_hex(light_tint),
        "--brand-d": to_hex(dark),
        "--brand-d-fg": to_hex(INK),
        "--brand-d-tint": to_hex(dark_tint),
    }


def brand_css(colour_hex: str) -> str:
    """The style sheet of a shop's colour; portal.css and portal-dark.css map --brand to the set they need."""
    return ":root{" + ";".join(f"{name}:{value}" for name, value in brand_colours(colour_hex).items()) + "}\n"


def tone_name(colour_hex: str) -> str:
    """The six digits that name the tone of a colour in classes and addresses; ValueError for what is no colour."""
    return to_hex(parse(colour_hex))[1:]


def tone_css(name: str) -> str:
    """The style sheet of a colour as a tone; portal.css and portal-dark.css map --tone to the set they need."""
    colours = brand_colours(name)
    light, dark = parse(colours["--brand-l"]), parse(colours["--brand-d"])
    tone = {
        "--tone-l": to_hex(light),
        "--tone-l-bg": colours["--brand-l-tint"],
        "--tone-l-line": to_hex(mix(light, WHITE, 0.3)),
        "--tone-d": to_hex(dark),
        "--tone-d-bg": colours["--brand-d-tint"],
        "--tone-d-line": to_hex(mix(dark, DARK_SURFACE, 0.35)),
    }
    return f".tone-{name}{{" + ";".join(f"{key}:{value}" for key, value in tone.items()) + "}\n"


def brand_hash(colour_hex: str) -> str:
    """The part of the address that changes with the content, so that the sheet may be cached for ever."""
    return sha256(brand_css(colour_hex).encode()).hexdigest()[:12]


def initials(name: str) -> str:
    """One or two capitals for a person or a shop: the first letters of the first and the last word.

    Particles between them do not count ("Emma de Vries" is EV), nor does a leading article of a shop
    ("De Halve Maan" is HM) as long as two words remain.
    """
    words = [word for word in re.split(r"[\s\-–—/.,&+'’]+", name) if any(char.isalnum() for char in word)]
    if len(words) > 2 and words[0].lower() in {"de", "het", "the", "een", "a", "an"}:
        words = words[1:]
    letters = [next(char for char in word if char.isalnum()) for word in words]
    return "".join(letters[:1] + letters[1:][-1:]).upper() or "?"
