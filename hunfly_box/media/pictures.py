"""Sizes and thumbnails. Pictures from strangers are decoded in a child process with little memory and little time."""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MOST_PIXELS = 40_000_000
THUMBNAIL_EDGE = 640
CHILD_MEMORY_BYTES = 384 * 1024 * 1024
CHILD_CPU_SECONDS = 5
CHILD_WALL_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Picture:
    """`thumbnail` is WebP, None when the picture is small already."""

    width: int
    height: int
    thumbnail: bytes | None


def inspect(path: Path) -> Picture | None:
    """None for what cannot be decoded within the limits; the file itself is kept and can be downloaded."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", "hunfly_box.media.pictures", str(path)],
            capture_output=True,
            timeout=CHILD_WALL_SECONDS,
            preexec_fn=_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if child.returncode != 0:
        return None
    head, _, thumbnail = child.stdout.partition(b"\n")
    size = json.loads(head)
    return Picture(size["width"], size["height"], thumbnail or None)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_MEMORY_BYTES, CHILD_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_CPU_SECONDS, CHILD_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def decode(path: Path) -> None:
    """The child's part: size as a line of JSON on stdout, then the thumbnail's bytes."""
    import io  # noqa: PLC0415 - only the child pays for the imaging library

    from PIL import Image, ImageOps  # noqa: PLC0415

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(path, formats=("JPEG", "PNG", "WEBP", "GIF")) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            sys.exit(3)
        opened.draft("RGB", (THUMBNAIL_EDGE * 2, THUMBNAIL_EDGE * 2))
        orientation = opened.getexif().get(0x0112, 1)
        width, height = _full_size(path)
        if orientation in (5, 6, 7, 8):
            width, height = height, width
        sys.stdout.write(json.dumps({"width": width, "height": height}) + "\n")
        sys.stdout.flush()
        if max(width, height) <= THUMBNAIL_EDGE:
            return
        small = ImageOps.exif_transpose(opened)
        small.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE))
        if small.mode not in ("RGB", "RGBA"):
            small = small.convert("RGBA" if "A" in small.mode or "transparency" in small.info else "RGB")
        out = io.BytesIO()
        small.save(out, "WEBP", quality=78, method=2)
        sys.stdout.buffer.write(out.getvalue())


def _full_size(path: Path) -> tuple[int, int]:
    from PIL import Image  # noqa: PLC0415

    with Image.open(path) as opened:
        return opened.size


if __name__ == "__main__":
    decode(Path(sys.argv[1]))
