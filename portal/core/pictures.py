"""Pictures that somebody uploaded, in colours that everything after can take."""

from __future__ import annotations

from PIL import Image


def eight_bits(picture: Image.Image) -> Image.Image:
    """A picture in greys of 16 bits in those of 8: Pillow's own conversion makes nearly all of them white."""
    if not picture.mode.startswith("I"):
        return picture
    picture = picture.point(lambda grey: grey / 256).convert("L")
    picture.info.pop("transparency", None)  # one grey of the 65536 that there are no more
    return picture
