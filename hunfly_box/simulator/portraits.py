"""Profile pictures: head and shoulders in a colour of one's own, drawn on demand."""

from __future__ import annotations

import colorsys
import hashlib
import io

from PIL import Image, ImageDraw

SIDE = 320
# Drawn larger and shrunk, so that the edges are smooth.
FINER = 2


def draw(name: str) -> bytes:
    hue = hashlib.sha256(name.encode()).digest()[0] / 255
    size = SIDE * FINER
    picture = Image.new("RGB", (size, size), _colour(hue, 0.82, 0.35))
    pen = ImageDraw.Draw(picture)
    figure = _colour(hue, 0.36, 0.45)
    pen.ellipse(_box(size, 0.34, 0.2, 0.66, 0.54), fill=figure)
    pen.ellipse(_box(size, 0.16, 0.6, 0.84, 1.3), fill=figure)
    out = io.BytesIO()
    picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(out, "JPEG", quality=80)
    return out.getvalue()


def _colour(hue: float, lightness: float, saturation: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _box(size: int, *shares: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = (share * size for share in shares)
    return left, top, right, bottom
