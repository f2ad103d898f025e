"""A shop's logo: a picture that pages, mails and PDFs can all show."""

from __future__ import annotations

import io
import threading
from functools import lru_cache

from flask_babel import lazy_gettext as _l
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from portal.core import storage
from portal.core.errors import DomainError
from portal.core.pictures import eight_bits
from portal.domain.shops.models import Shop

#: The largest logo in bytes; every mail program fetches it.
MAX_LOGO_BYTES = 1024 * 1024

#: Twice the width that a mail gives it (240 by 40), four times the height that a page does (34 by 34), so that it is
#: sharp on any screen.
SHOWN = 480, 136

_MAX_PIXELS = 25_000_000
#: Entries of a palette, and how far its colours may be from the picture's on average, of 255.
_COLOURS, _UNSEEN = 128, 3.0
_EXTENSIONS = {"PNG": "png", "JPEG": "jpg"}
_ONE_AT_A_TIME = threading.Lock()


def logo_key(shop: Shop, data: bytes) -> str:
    """The key under which this logo is stored; the same picture has the same one.

    Raises ``DomainError`` for what is no PNG or JPEG, or too large. It is decoded whole: what breaks off half-way
    would otherwise fail in every PDF to come.
    """
    if len(data) > MAX_LOGO_BYTES:
        raise DomainError(_l("A logo is at most 1 MB."), "logo")
    try:
        with Image.open(io.BytesIO(data), formats=list(_EXTENSIONS)) as picture:
            extension = _EXTENSIONS[picture.format or ""]
            if picture.width * picture.height > _MAX_PIXELS:
                raise DomainError(_l("A logo has at most 25 million pixels."), "logo")
            picture.load()
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError) as error:
        raise DomainError(_l("A logo is a PNG or JPEG picture."), "logo") from error
    return storage.content_key(f"shops/{shop.id}/logo", data, extension)


@lru_cache(maxsize=32)
def shown(data: bytes) -> bytes:
    """The logo as small as pages and mails need it, of the same kind; PDFs are made of the original.

    What would not get smaller, or is no picture that can be read, stays as it is.
    """
    try:
        # A large one takes a hundred megabytes and more until it is small.
        with _ONE_AT_A_TIME, Image.open(io.BytesIO(data), formats=list(_EXTENSIONS)) as original:
            kind = original.format or ""
            if original.width * original.height > _MAX_PIXELS:
                return data
            ImageOps.exif_transpose(original, in_place=True)
            if kind == "JPEG" and original.width <= SHOWN[0] and original.height <= SHOWN[1]:
                return data  # written once more it would only lose
            smaller = _written(_small(original), kind)
    except (OSError, ValueError, SyntaxError, ImageCms.PyCMSError, Image.DecompressionBombError):
        return data
    return smaller if len(smaller) < len(data) else data


def _small(original: Image.Image) -> Image.Image:
    """Made small first, in the colours that it has, where these can be mixed; the rest takes far less memory then."""
    profile = original.info.get("icc_profile")
    picture = eight_bits(original)
    if picture.mode == "P" and picture.palette is None:
        raise ValueError("a palette that is not there")
    mixed = ("RGBA",) if picture.has_transparency_data else ("RGB", "L", "CMYK")
    if picture.mode not in mixed:
        picture = picture.convert(mixed[0])
    picture.thumbnail(SHOWN)
    return _plain(picture, profile)


def _plain(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """In the colours of a screen, without the profile, previews and remarks that would travel along."""
    plain = picture.convert("RGBA" if picture.mode == "RGBA" else "RGB")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        inks = picture if picture.mode == "CMYK" else picture.convert("RGB")
        screen = ImageCms.profileToProfile(inks, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if screen is None:
            raise ValueError("these colours cannot be converted")
        if plain.mode == "RGBA":
            screen.putalpha(plain.getchannel("A"))
        plain = screen
    plain.info.clear()
    return plain


def _written(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "JPEG":
        picture.save(out, kind, quality=85, subsampling=0, optimize=True)
    else:
        _few_colours(picture).save(out, kind, optimize=True)
    return out.getvalue()


def _few_colours(picture: Image.Image) -> Image.Image:
    """The picture in a palette, if nobody can see the difference: a drawing, and no photograph."""
    palette = picture.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE)
    difference = ImageChops.difference(picture, palette.convert(picture.mode))
    return palette if max(ImageStat.Stat(difference).rms) <= _UNSEEN else picture
