"""A picture goes out without the place it was taken at, and looks the same."""

import io

import pytest
from PIL import Image, PngImagePlugin

from hunfly_box.media.metadata import ORIENTATION, without_metadata

GPS, LATITUDE, MODEL = 0x8825, 2, 0x0110
PLACE = b"Rua das Flores"


def told(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MODEL] = PLACE.decode()
    exif.get_ifd(GPS)[LATITUDE] = (23.0, 33.0, 1.0)
    return exif


def picture(kind: str, orientation: int = 1) -> bytes:
    out = io.BytesIO()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", PLACE.decode())
    more = {"pnginfo": notes} if kind == "PNG" else {"comment": PLACE} if kind == "JPEG" else {}
    Image.linear_gradient("L").convert("RGB").save(out, kind, exif=told(orientation), **more)
    return out.getvalue()


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as opened:
        return opened.convert("RGB").tobytes()


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_place_device_and_comment_are_gone_and_the_picture_is_the_same(kind: str, mime: str) -> None:
    before = picture(kind)
    after = without_metadata(before, mime)

    assert PLACE in before
    assert PLACE not in after
    with Image.open(io.BytesIO(after)) as opened:
        assert not opened.getexif()
    assert pixels(after) == pixels(before)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_picture_keeps_the_side_it_stands_on(orientation: int) -> None:
    after = without_metadata(picture("JPEG", orientation), "image/jpeg")

    with Image.open(io.BytesIO(after)) as opened:
        assert dict(opened.getexif()) == {ORIENTATION: orientation}


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/webp", "image/gif"])
def test_what_is_no_picture_stays_as_it_is(mime: str) -> None:
    whole = picture("JPEG")
    for broken in (b"", b"GIF89a", b"RIFF\xff\xff\xff\xffWEBPVP8X", whole[:40], b"\x89PNG\r\n\x1a\n\0\0\xff\xffeXIf"):
        assert without_metadata(broken, mime) == broken
