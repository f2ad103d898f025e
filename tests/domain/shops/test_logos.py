"""The logo as pages and mails show it: small, and nobody can see a difference."""

from __future__ import annotations

import io
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from portal.demo.shop import LOGO
from portal.domain.shops import logos


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def written(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def photograph(size: tuple[int, int]) -> Image.Image:
    """Colours that no palette holds: two gradients and noise."""
    noise = Image.frombytes("L", size, random.Random(7).randbytes(size[0] * size[1]))
    return Image.merge(
        "RGB", (Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size), noise)
    )


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, of 255."""
    mode = "RGBA" if one.has_transparency_data else "RGB"
    return max(ImageStat.Stat(ImageChops.difference(one.convert(mode), other.convert(mode))).rms)


def test_the_demos_logo_weighs_little_and_looks_the_same() -> None:
    original = LOGO.read_bytes()
    small = logos.shown(original)
    assert len(small) < 2_500 < len(original) / 5
    expected = opened(original)
    expected.thumbnail(logos.SHOWN)
    assert opened(small).size == expected.size == (136, 136)
    assert difference(expected, opened(small)) < 3


@pytest.mark.parametrize(
    ("size", "becomes"),
    [((1200, 200), (480, 80)), ((4000, 100), (480, 12)), ((600, 600), (136, 136)), ((60, 40), (60, 40))],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_no_larger_than_any_screen_can_show(
    kind: str, size: tuple[int, int], becomes: tuple[int, int]
) -> None:
    shown = opened(logos.shown(written(photograph(size), kind)))
    assert (shown.format, shown.size) == (kind, becomes)


def test_a_photograph_keeps_its_colours() -> None:
    picture = photograph((480, 80))
    shown = opened(logos.shown(written(picture)))
    assert shown.mode == "RGB" and difference(picture, shown) == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", written(Image.new("RGB", (9, 9)), "GIF"),
     written(photograph((300, 300)))[:500]],
    ids=["empty", "svg", "gif", "broken off"],
)  # fmt: skip
def test_what_cannot_be_made_smaller_stays_as_it_is(data: bytes) -> None:
    assert logos.shown(data) == data


def test_what_would_grow_stays_as_it_is() -> None:
    tiny = written(Image.new("L", (2, 2)), optimize=True)
    assert logos.shown(tiny) == tiny


def test_a_small_jpeg_is_not_written_once_more() -> None:
    small = written(photograph((480, 80)), "JPEG", quality=100)
    assert logos.shown(small) == small


def test_transparent_stays_transparent() -> None:
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    picture.paste((200, 30, 30, 128), (100, 100, 300, 300))
    shown = opened(logos.shown(written(picture))).convert("RGBA")
    assert shown.getpixel((0, 0))[3] == 0  # type: ignore[index]
    red, _, _, alpha = shown.getpixel((68, 68))  # type: ignore[misc]
    assert (abs(red - 200) < 4, abs(alpha - 128) < 4) == (True, True)


def test_a_turned_photograph_is_shown_upright() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    shown = opened(logos.shown(written(photograph((400, 100)), "JPEG", exif=turned)))
    assert shown.size == (34, 136)


def test_colours_of_a_profile_become_those_of_a_screen() -> None:
    """The profile itself is often heavier than the picture."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    assert profile  # a profile of no picture: what cannot be converted stays
    strange = written(photograph((400, 100)), icc_profile=profile.tobytes())
    assert logos.shown(strange) == strange
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = photograph((800, 160))
    shown = opened(logos.shown(written(plain, icc_profile=screen)))
    plain.thumbnail(logos.SHOWN)
    assert "icc_profile" not in shown.info and difference(plain, shown) < 2


def test_greys_of_sixteen_bits_stay_greys() -> None:
    row = b"".join((x * 109).to_bytes(2, "little") for x in range(600))
    picture = Image.frombytes("I;16", (600, 200), row * 200)
    shown = opened(logos.shown(written(picture))).convert("L")
    assert [shown.getpixel((x * shown.width // 600, 5)) for x in (150, 300, 450)] == [63, 127, 191]


def test_what_is_too_large_to_decode_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one out of an old copy: nobody looked at its size when it was uploaded."""
    large = written(photograph((600, 600)))
    monkeypatch.setattr(logos, "_MAX_PIXELS", 600 * 600 - 1)
    assert logos.shown.__wrapped__(large) == large


def test_large_ones_are_made_small_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most = [], []
    small = logos._small

    def watched(original: Image.Image) -> Image.Image:
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.05)
        at_once.pop()
        return small(original)

    monkeypatch.setattr(logos, "_small", watched)
    pictures = [written(photograph((600 + number, 600))) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(logos.shown, pictures))) == 4
    assert max(most) == 1


def test_what_cannot_be_written_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a JPEG of nothing but noise, for which Pillow's buffer is too small."""

    def broken(*_arguments: object) -> bytes:
        raise OSError("broken data stream when writing image file")

    monkeypatch.setattr(logos, "_written", broken)
    noisy = written(photograph((700, 300)), "JPEG")
    assert logos.shown.__wrapped__(noisy) == noisy


def test_a_picture_without_its_palette_stays_as_it_is() -> None:
    data = written(photograph((200, 100)).convert("P"))
    start = data.index(b"PLTE")
    length = int.from_bytes(data[start - 4 : start], "big")
    without = data[: start - 4] + data[start + 8 + length :]
    assert logos.shown(without) == without
