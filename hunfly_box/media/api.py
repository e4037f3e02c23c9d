"""REST: upload a file, read one. The row is read under the viewer's policies before a byte is."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body
from litestar.response import Response, Stream
from msgspec import Struct

from hunfly_box.access import writing
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import FieldError, HunflyError, Invalid, NotFound
from hunfly_box.kit.http import problem
from hunfly_box.kit.openapi import IdempotencyKey, problems
from hunfly_box.media import commands, fetching, metadata, queries, ranges, sniffing, store
from hunfly_box.media.queries import Media

MB = 1024 * 1024
MOST_BYTES = {"image": 16 * MB, "audio": 16 * MB, "video": 16 * MB}
MOST_DOCUMENT_BYTES = 100 * MB
CHUNK_BYTES = 256 * 1024
MOST_PEAKS = 64


# The file's own bytes under its own type, whatever that is.
ANY_TYPE: dict[str, Any] = {"media_type": "*/*", "generate_examples": False}
FILE = ResponseSpec(bytes, description="The file", **ANY_TYPE)


class Uploaded(Struct, frozen=True):
    id: UUID
    mime: str
    name: str | None
    size: int
    seconds: int | None
    width: int | None
    height: int | None
    url: str


class Told(Struct, frozen=True):
    """What makes two uploads the same call."""

    sha256: str
    name: str | None
    kind: str | None
    seconds: int | None
    peaks: list[int] | None


class RangeOutside(HunflyError):
    status = 416
    code = "media.range"
    title = "The range lies outside the file"


class Upload(Struct, forbid_unknown_fields=True):
    """`kind` voice marks a recording; `seconds` and `peaks` (a JSON list, 0–100) are what the recorder measured."""

    file: UploadFile
    kind: Literal["voice"] | None = None
    seconds: int | None = None
    peaks: str | None = None


@post(
    "/api/v1/media",
    sync_to_thread=True,
    opt={"permission": "media.upload", "body": RequestEncodingType.MULTI_PART.value},
    operation_id="uploadMedia",
    tags=["media"],
    responses=problems(),
    request_max_body_size=MOST_DOCUMENT_BYTES + MB,
)
def upload(
    resources: Resources,
    viewer: Viewer,
    data: Annotated[Upload, Body(media_type=RequestEncodingType.MULTI_PART)],
    idempotency_key: IdempotencyKey = None,
) -> Response[Uploaded]:
    """Stored first, then known: a row never names a file that is not there."""
    scope = viewer.scope()
    with resources.database.transaction(scope) as tx:
        room = queries.room_left(tx, resources.settings.media_quota_mb)
    name = sniffing.display_name(data.file.filename)
    content = _checked(data.file, name, room)
    sha256, size = store.write(resources.media_folder, scope.tenant_id, content)
    stored = fetching.describe(resources.media_folder, scope.tenant_id, sha256, size, data.file.content_type)
    seconds, peaks = _seconds(data.seconds), _peaks(data.peaks)

    def write(tx: TenantTransaction) -> Uploaded:
        media_id = commands.keep_upload(tx, stored, name=name, seconds=seconds, peaks=peaks)
        address = f"/api/v1/media/{media_id}"
        return Uploaded(media_id, stored.mime, name, size, seconds, stored.width, stored.height, address)

    told = Told(sha256, name, data.kind, seconds, peaks)
    return writing.once(
        resources, viewer, writing.asked(viewer, idempotency_key, "uploadMedia", told), write, status=writing.CREATED
    )


@get(
    "/api/v1/media/{media_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "media.read"},
    operation_id="readMedia",
    tags=["media"],
    responses={
        200: FILE,
        206: ResponseSpec(bytes, description="The part that was asked for", **ANY_TYPE),
        304: ResponseSpec(None, description="Unchanged"),
        **problems(404, 416),
    },
)
def read(
    request: Request[Any, Any, Any],
    resources: Resources,
    viewer: Viewer,
    media_id: UUID,
    thumb: bool = False,
    download: bool = False,
) -> Response[Any]:
    with resources.database.transaction(viewer.scope()) as tx:
        media = queries.media_by_id(tx, media_id)
    sha256 = (media.thumbnail_sha256 if thumb else None) or media.sha256
    if media.state != "ready" or sha256 is None:
        raise NotFound(code="media.not_ready")
    mime = "image/webp" if thumb and media.thumbnail_sha256 else media.mime
    path = store.path_of(resources.media_folder, viewer.scope().tenant_id, sha256)
    if not path.exists():
        raise NotFound(code="media.not_ready")
    headers = _headers(media, mime, sha256, as_download=download)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, status_code=304, headers=headers)
    is_same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    return _part(path, mime, headers, request.headers.get("range") if is_same else None)


def _part(path: Path, mime: str, headers: dict[str, str], asked: str | None) -> Response[Any]:
    size = path.stat().st_size
    try:
        part = ranges.wanted(asked, size)
    except ValueError:
        refusal = problem(RangeOutside(f"The file has {size} bytes."))
        refusal.headers["Content-Range"] = f"bytes */{size}"
        return refusal
    first, last = part or (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Stream(_bytes(path, first, last), status_code=206 if part else 200, media_type=mime, headers=headers)


def _bytes(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _headers(media: Media, mime: str, sha256: str, *, as_download: bool) -> dict[str, str]:
    disposition = "inline" if sniffing.is_inline(mime) and not as_download else "attachment"
    name = quote(media.name or f"{media.id}", safe="")
    return {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
        # Even a file that fooled the sniffer can run nothing and load nothing.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256[:32]}"',
        "Vary": "Cookie, Authorization",
    }


def _checked(upload: UploadFile, name: str | None, room: int) -> Iterator[bytes]:
    """The content to keep, once it is known that it may be kept. Raises Invalid."""
    file = upload.file
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    mime = sniffing.mime_of(file.read(sniffing.HEAD_BYTES), upload.content_type)
    file.seek(0)
    most = MOST_BYTES.get(mime.split("/", 1)[0], MOST_DOCUMENT_BYTES)
    if size == 0:
        raise Invalid(errors=(FieldError("file", "media.empty", "The file is empty."),))
    if size > most:
        raise _too_big(most)
    if size > room:
        raise Invalid("The storage for files is used up.", code="media.quota")
    if not sniffing.may_be_sent(mime, name):
        raise _not_allowed()
    if mime.startswith("image/"):
        return iter([metadata.without_metadata(file.read(), mime)])
    return iter(lambda: file.read(CHUNK_BYTES), b"")


def _too_big(most: int) -> Invalid:
    detail = f"At most {most // MB} MB."
    return Invalid(detail, code="media.too_big", errors=(FieldError("file", "media.too_big", detail),))


def _not_allowed() -> Invalid:
    detail = "Files of this kind cannot be sent."
    return Invalid(detail, code="media.unsupported", errors=(FieldError("file", "media.unsupported", detail),))


def _seconds(value: int | None) -> int | None:
    return min(value, 86_400) if value is not None and value >= 0 else None


def _peaks(text: str | None) -> list[int] | None:
    if not text:
        return None
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
        return None
    return [max(0, min(100, value)) for value in values[:MOST_PEAKS]]


ROUTES = [upload, read]
