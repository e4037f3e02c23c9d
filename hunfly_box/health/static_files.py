"""The front end's files, from memory: they are few and small, and change only with the program."""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, get, route
from litestar.response import Response

from hunfly_box.bootstrap import Resources
from hunfly_box.kit.errors import NotFound

# Such as c-extras-PD3VXZNF.js; other files carry their content's mark in the query.
NAMED_BY_CONTENT = re.compile(r"/dist/.*-[A-Z0-9]{8}\.\w+$")

# The name changes with the content, so a copy never grows stale.
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
EVERY_METHOD = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    media_type: str
    etag: str
    encoding: str | None


@get("/static/{path:path}", sync_to_thread=True, opt={"permission": "public", "unmetered": True})
def static_file(request: Request[Any, Any, Any], resources: Resources, path: str) -> Response[bytes]:
    accepted = request.headers.get("accept-encoding", "")
    file = _best(resources.templates.static_dir, path.lstrip("/"), accepted)
    is_named_by_content = "v" in request.query_params or NAMED_BY_CONTENT.search(path) is not None
    headers = {
        "Content-Type": file.media_type,
        "Cache-Control": FOR_EVER if is_named_by_content else ASK_AGAIN,
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
    }
    if file.encoding:
        headers["Content-Encoding"] = file.encoding
    if request.headers.get("if-none-match") == file.etag:
        return Response(b"", status_code=304, headers=headers)
    return Response(file.content, headers=headers)


@route("/{path:path}", http_method=EVERY_METHOD, sync_to_thread=False, opt={"permission": "public"})
def nothing_here(path: str) -> None:
    """A route like others, so that who asks for what is not there is known, counted and answered in their language."""
    raise NotFound


def _best(folder: Path, path: str, accepted: str) -> File:
    for name, suffix in ENCODINGS:
        if name in accepted:
            found = _file(folder, path, suffix, name, _stamp(folder / (path + suffix)))
            if found is not None:
                return found
    found = _file(folder, path, "", None, _stamp(folder / path))
    if found is None:
        raise NotFound
    return found


@lru_cache(maxsize=256)
def _file(folder: Path, path: str, suffix: str, encoding: str | None, stamp: int) -> File | None:
    """`stamp` makes a rebuilt front end appear without a restart."""
    whole = (folder / (path + suffix)).resolve()
    if (
        not stamp
        or not whole.is_relative_to(folder.resolve())
        or any(part.startswith(".") for part in Path(path).parts)
    ):
        return None
    content = whole.read_bytes()
    extension = Path(path).suffix
    media_type = TYPES.get(extension) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    if media_type.startswith("text/") or media_type.endswith(("json", "xml")):
        media_type += "; charset=utf-8"
    return File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"', encoding)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns if path.is_file() else 0
    except (OSError, ValueError):
        return 0


ROUTES = [static_file, nothing_here]
