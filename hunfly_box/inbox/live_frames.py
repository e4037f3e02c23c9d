"""Changes as frames of the event stream: encoded once for programs, once for each language and zone of browsers."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hunfly_box.inbox.objects import Conversation, Message
from hunfly_box.inbox.render import needs_html

# Language and zone of a browser; None for programs, who get no HTML.
Variant = tuple[str, str] | None
Render = Callable[[Message, str, str], str]
Frames = dict[Variant, bytes]

encode = msgspec.json.Encoder().encode


def frame(event: str, data: bytes, cursor: int | None = None) -> bytes:
    """Events without an id are never replayed."""
    if cursor is None:
        return b"event: %s\ndata: %s\n\n" % (event.encode(), data)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, event.encode(), data)


def plain_frame(event: str, data: Any, cursor: int | None = None) -> bytes:
    return frame(event, encode(data), cursor)


def message_frames(message: Message, variants: Iterable[Variant], render: Render, cursor: int | None = None) -> Frames:
    """Browsers build plain bubbles themselves; the rest they get finished."""
    data = encode(message)
    plain = frame("message", data, cursor or message.version)
    if not needs_html(message):
        return dict.fromkeys(variants, plain)
    frames: Frames = {}
    for variant in variants:
        if variant is None:
            frames[variant] = plain
            continue
        html = data[:-1] + b',"html":' + encode(render(message, *variant)) + b"}"
        frames[variant] = frame("message", html, cursor or message.version)
    return frames


def status_frame(message: Message, cursor: int | None = None) -> bytes:
    data = {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "provider_id": message.provider_id,
        "status": message.status,
        "version": message.version,
        "error": message.error,
    }
    return plain_frame("message.status", data, cursor or message.version)


def conversation_frame(conversation: Conversation, cursor: int | None = None) -> bytes:
    return frame("conversation", encode(conversation), cursor or conversation.version)


def gone_frame(conversation_id: object, cursor: int | None, into: str | None = None) -> bytes:
    return plain_frame("conversation.gone", {"id": str(conversation_id), **({"into": into} if into else {})}, cursor)
