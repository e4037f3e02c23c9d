"""Files as WhatsApp treats them: pictures re-encoded to JPEG, stickers to WebP, a thumbnail for each."""

from __future__ import annotations

import io
import mimetypes
import re
import secrets
import shutil
import subprocess
import time

import filetype
from PIL import Image, UnidentifiedImageError

from hunfly_box.simulator import ogg_opus
from hunfly_box.simulator.contract_errors import ContractError
from hunfly_box.simulator.model import Media
from hunfly_box.simulator.shapes import Json, Long

VOICE_TYPE = "audio/ogg; codecs=opus"
THUMBNAIL_SIDE = 72
STICKER_SIDE = 512
CONVERSION_SECONDS = 20

# Python's own table lacks some types that people really send.
mimetypes.add_type("image/webp", ".webp")
mimetypes.add_type("audio/ogg", ".ogg")
mimetypes.add_type("audio/ogg", ".opus")
mimetypes.add_type("audio/mp4", ".m4a")


def type_by_name(filename: str) -> str:
    """A name the engine does not know makes the word "false" the type: its look-up answers so."""
    return mimetypes.guess_type(filename)[0] or "false"


def sniffed_type(data: bytes) -> str:
    kind = filetype.guess(data)
    return str(kind.mime) if kind else "application/octet-stream"


def jpeg(data: bytes) -> tuple[bytes, int, int]:
    with _picture(data) as picture:
        out = io.BytesIO()
        picture.convert("RGB").save(out, "JPEG", quality=85)
        return out.getvalue(), picture.width, picture.height


def webp_sticker(data: bytes) -> tuple[bytes, int, int]:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        with _picture(data) as picture:
            return data, picture.width, picture.height
    with _picture(data) as picture:
        small = picture.convert("RGBA")
        small.thumbnail((STICKER_SIDE, STICKER_SIDE))
        out = io.BytesIO()
        small.save(out, "WEBP")
        return out.getvalue(), small.width, small.height


def thumbnail(data: bytes) -> bytes | None:
    try:
        with _picture(data) as picture:
            small = picture.convert("RGB")
            small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=40)
            return out.getvalue()
    except ContractError:
        return None


def _picture(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except (UnidentifiedImageError, OSError) as error:
        raise ContractError(500, "Input buffer contains unsupported image format") from error


def voice(data: bytes) -> Media:
    """A voice note is always Ogg Opus. WebM from a browser is re-wrapped; the rest needs ffmpeg, as at the engine."""
    if data[:4] == ogg_opus.WEBM_MAGIC:
        data = ogg_opus.from_webm(data)
    elif data[:4] != b"OggS":
        data = _convert(data)
    return Media(data, VOICE_TYPE, seconds=max(1, round(ogg_opus.seconds(data))))


def _convert(data: bytes) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise ContractError(500, "cannot convert this audio: send Ogg or WebM Opus, or install ffmpeg")
    options = ["-loglevel", "error", "-i", "pipe:0", "-vn", "-c:a", "libopus", "-b:a", "24k", "-f", "ogg"]
    result = subprocess.run(  # noqa: S603
        [program, *options, "pipe:1"], input=data, capture_output=True, timeout=CONVERSION_SECONDS, check=False
    )
    if result.returncode != 0:
        raise ContractError(500, "Error converting audio")
    return result.stdout


def transport_fields(data: bytes, path: str) -> Json:
    """The encrypted copy on WhatsApp's own servers: address, hashes and key. The keys are random on purpose."""
    return {
        "url": f"https://mmg.whatsapp.net{path}",
        "fileSha256": secrets.token_bytes(32),
        "fileLength": Long(len(data), unsigned=True),
        "mediaKey": secrets.token_bytes(32),
        "fileEncSha256": secrets.token_bytes(32),
        "directPath": path,
        "mediaKeyTimestamp": Long(int(time.time())),
    }


def is_web_address(text: str) -> bool:
    """The engine's check wants a top-level domain or an IP address: names such as `app` are refused."""
    return re.match(r"^https?://([\w-]+(\.[\w-]+)*\.[a-z]{2,}|\d+\.\d+\.\d+\.\d+)(:\d+)?(/|$)", text) is not None


def is_base64(text: str) -> bool:
    return len(text) > 0 and len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text) is not None
