"""Messages as HTML: fragments for the live stream, and objects in the form a page carries as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hunfly_box.inbox.objects import Message
from hunfly_box.kit import rich_text
from hunfly_box.kit.i18n import Viewer
from hunfly_box.kit.templates import Templates
from hunfly_box.outbound import undoing


def bubble_html(templates: Templates, message: Message, locale: str, zone: str) -> str:
    """Viewer-neutral: the same for everybody of one language and zone."""
    return templates.macro("_chat.html", "bubble", Viewer(locale=locale, zone=zone), message)


def needs_html(message: Message) -> bool:
    """Whether the browser cannot build the bubble from its own template."""
    decorated = (
        message.quoted or message.reactions or message.edited_at or message.deleted_at or message.forwarded
    ) or message.referral
    is_undone = message.error is not None and message.error.code in undoing.CODES
    return message.type != "text" or bool(decorated) or is_undone or not rich_text.is_plain(message.text or "")


def plain(objects: Sequence[Any]) -> list[Any]:
    """What goes into a page as JSON: dictionaries of the REST shape. Templates read objects, which is quicker."""
    return [msgspec.to_builtins(item) for item in objects]
