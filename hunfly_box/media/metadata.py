"""Pictures without what they tell beside the picture: where it was taken, when, with which device, and comments.

The picture's own bytes stay as they are. Only its orientation is kept, because without it the picture lies on its side.
"""

import struct
from collections.abc import Callable, Iterator

JPEG_START = b"\xff\xd8"
JPEG_SCAN = 0xDA
# APP1 holds Exif and XMP, APP13 what editors leave; the comment says anything. Colours lie in APP2 and APP14.
JPEG_TOLD = frozenset((0xE1, 0xED, 0xFE))
EXIF_MARK = b"Exif\0\0"
ORIENTATION = 0x0112
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_TOLD = frozenset((b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"))
WEBP_TOLD = frozenset((b"EXIF", b"XMP "))
# The bits of the extended header that announce the two.
WEBP_ANNOUNCED = 0x08 | 0x04


def without_metadata(picture: bytes, mime: str) -> bytes:
    """What cannot be read comes back as it is: it is no picture that anybody could show."""
    strip = STRIPPERS.get(mime)
    if strip is None:
        return picture
    try:
        return b"".join(strip(picture))
    except (struct.error, ValueError, IndexError):
        return picture


def _jpeg(picture: bytes) -> Iterator[bytes]:
    if picture[:2] != JPEG_START:
        raise ValueError("no JPEG")
    yield JPEG_START
    position, orientation = 2, 1
    while True:
        marker, length = struct.unpack_from(">xBH", picture, position)
        if picture[position] != 0xFF or length < 2:
            raise ValueError("a segment is broken")
        end = position + 2 + length
        segment = picture[position:end]
        if marker == 0xE1 and segment[4:10] == EXIF_MARK:
            orientation = _orientation(segment[10:])
        if marker == JPEG_SCAN:
            # From here on there is only the picture itself.
            yield from _orientation_alone(orientation)
            yield picture[position:]
            return
        if marker not in JPEG_TOLD:
            yield segment
        position = end


def _orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}4xI", tiff)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for n in range(min(count, 1000)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * n)
            if (tag, kind) == (ORIENTATION, 3):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _orientation_alone(value: int) -> Iterator[bytes]:
    if value != 1:
        tiff = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, value, 0, 0)
        yield struct.pack(">BBH", 0xFF, 0xE1, 2 + len(EXIF_MARK) + len(tiff)) + EXIF_MARK + tiff


def _png(picture: bytes) -> Iterator[bytes]:
    if picture[:8] != PNG_START:
        raise ValueError("no PNG")
    yield PNG_START
    position = 8
    while position < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, position)
        end = position + 12 + length
        if end > len(picture):
            raise ValueError("a chunk is cut off")
        if kind not in PNG_TOLD:
            yield picture[position:end]
        position = end


def _webp(picture: bytes) -> Iterator[bytes]:
    kept: list[bytes] = []
    mark, size, form = struct.unpack_from("<4sI4s", picture)
    if (mark, form) != (b"RIFF", b"WEBP"):
        raise ValueError("no WebP")
    position, last = 12, min(len(picture), 8 + size)
    while position < last:
        kind, length = struct.unpack_from("<4sI", picture, position)
        end = position + 8 + length + length % 2
        chunk = picture[position:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes((chunk[8] & ~WEBP_ANNOUNCED,)) + chunk[9:]
        if kind not in WEBP_TOLD:
            kept.append(chunk)
        position = end
    yield struct.pack("<4sI4s", b"RIFF", 4 + sum(map(len, kept)), b"WEBP")
    yield from kept


STRIPPERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}
