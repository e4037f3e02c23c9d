"""Pictures from strangers are decoded in a real child process, within its limits."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

from hunfly_box.media import pictures


def picture(kind: str, size: tuple[int, int] = (1200, 800)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind)
    return out.getvalue()


def test_a_large_picture_gets_a_thumbnail_and_keeps_its_size(tmp_path: Path) -> None:
    file = tmp_path / "photo"
    file.write_bytes(picture("JPEG", (3000, 2000)))
    seen = pictures.inspect(file)
    assert seen is not None
    assert (seen.width, seen.height) == (3000, 2000)
    assert seen.thumbnail is not None
    with Image.open(io.BytesIO(seen.thumbnail)) as thumbnail:
        assert thumbnail.size == (640, 427)


def test_what_only_pretends_to_be_a_picture_is_not_decoded(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(picture("PNG")[:200])
    assert pictures.inspect(broken) is None


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    bomb.write_bytes(_png_header(30_000, 30_000))
    assert pictures.inspect(bomb) is None


def _png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
