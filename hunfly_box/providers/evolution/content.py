"""What a message says: every kind of WhatsApp content as a type, a text, a file or a payload."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from hunfly_box.providers.evolution import vcards
from hunfly_box.providers.evolution.encodings import (
    MAX_STRING,
    count,
    epoch_seconds,
    identifier,
    integer,
    mapping,
    name,
    number,
    octets,
    sequence,
    text,
)
from hunfly_box.providers.port import MediaRef, MessageType

# Content hides in these, one in the other: {wrapper: {message: {...}}}.
WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "editedMessage",
    "deviceSentMessage",
    "lottieStickerMessage",
    "documentWithCaptionMessage",
    "groupMentionedMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "groupStatusMessage",
    "groupStatusMessageV2",
    "pollCreationMessageV4",
    "pollCreationOptionImageMessage",
    "eventCoverImage",
)
# Real ones nest three deep; the bound is for hostile ones.
MAX_WRAPPERS = 16
# Stand beside the content and say nothing an agent reads.
SIBLINGS = frozenset(
    {
        "messageContextInfo",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "contextInfo",
        "base64",
        "mediaUrl",
        "quoted",
        "speechToText",
        "albumMessage",
    }
)
MAX_PEAKS = 128
MAX_OPTIONS = 64


class Content(Struct, frozen=True):
    type: MessageType
    text: str | None = None
    media: MediaRef | None = None
    payload: dict[str, Any] | None = None


class Unwrapped(Struct, frozen=True):
    """The innermost message and its one content: `kind` is None when it has none that an agent could read."""

    message: dict[str, Any]
    kind: str | None
    body: Any
    is_view_once: bool = False


def unwrap(message: dict[str, Any]) -> Unwrapped:
    is_view_once = False
    for _ in range(MAX_WRAPPERS):
        wrapper = next((key for key in WRAPPERS if isinstance(mapping(message.get(key)).get("message"), dict)), None)
        if wrapper is None:
            break
        is_view_once = is_view_once or wrapper.startswith("viewOnce")
        message = message[wrapper]["message"]
    kind = next((key for key, body in message.items() if key not in SIBLINGS and body is not None), None)
    body = message.get(kind) if kind else None
    if mapping(body).get("viewOnce") is True:
        is_view_once = True
    return Unwrapped(message, kind, body, is_view_once)


def read_content(kind: str, body: Any, ref: str) -> Content | None:
    """None for a kind that has no words: the caller keeps its raw form."""
    reader = READERS.get(kind)
    return reader(body if isinstance(body, dict) else {"text": body}, ref) if reader else None


def _media(body: dict[str, Any], ref: str, *, is_voice: bool = False) -> MediaRef:
    return MediaRef(
        ref=ref,
        mime=_mime(body.get("mimetype") or body.get("mime_type")),
        name=name(body.get("fileName")) or name(body.get("title")),
        size=_size(body.get("fileLength")),
        seconds=count(body.get("seconds")),
        width=count(body.get("width")),
        height=count(body.get("height")),
        is_voice=is_voice,
        is_animated=body.get("isAnimated") is True or body.get("gifPlayback") is True,
        peaks=tuple(min(peak, 100) for peak in octets(body.get("waveform"), MAX_PEAKS)) if is_voice else (),
    )


def _mime(value: Any) -> str | None:
    # Evolution writes "false" for a file name whose extension it does not know.
    found = name(value)
    return found.lower() if found and "/" in found else None


def _size(value: Any) -> int | None:
    size = integer(value)
    return size if size is not None and size >= 0 else None


def _text(body: dict[str, Any], ref: str) -> Content | None:
    said = text(body.get("text"))
    return Content("text", said) if said else None


def _captioned(kind: MessageType) -> Callable[[dict[str, Any], str], Content]:
    def read(body: dict[str, Any], ref: str) -> Content:
        return Content(kind, text(body.get("caption")), _media(body, ref))

    return read


def _audio(body: dict[str, Any], ref: str) -> Content:
    is_voice = body.get("ptt") is True
    return Content("voice" if is_voice else "audio", media=_media(body, ref, is_voice=is_voice))


def _location(body: dict[str, Any], ref: str) -> Content:
    is_live = body.get("isLive") is True
    return _place(body, "live_location" if is_live else "location")


def _live_location(body: dict[str, Any], ref: str) -> Content:
    return _place(body, "live_location")


def _place(body: dict[str, Any], kind: MessageType) -> Content:
    place = {
        "latitude": number(body.get("degreesLatitude")),
        "longitude": number(body.get("degreesLongitude")),
        "name": name(body.get("name")),
        "address": name(body.get("address")),
    }
    return Content(kind, text(body.get("caption") or body.get("comment")), payload=place)


def _contact(body: dict[str, Any], ref: str) -> Content:
    return _cards([body])


def _contacts(body: dict[str, Any], ref: str) -> Content:
    return _cards(sequence(body.get("contacts"))[:MAX_OPTIONS])


def _cards(cards: list[Any]) -> Content:
    people = [
        vcards.read(text(mapping(card).get("vcard"), MAX_STRING) or "", name(mapping(card).get("displayName")))
        for card in cards
    ]
    return Content("contacts", payload={"contacts": people})


def _poll(body: dict[str, Any], ref: str) -> Content:
    options = [name(mapping(option).get("optionName")) for option in sequence(body.get("options"))[:MAX_OPTIONS]]
    poll = {
        "question": name(body.get("name")),
        "options": [option for option in options if option],
        "selectable": count(body.get("selectableOptionsCount")),
    }
    return Content("poll", text(body.get("name")), payload=poll)


def _poll_vote(body: dict[str, Any], ref: str) -> Content:
    chosen = sequence(mapping(body.get("vote")).get("selectedOptions"))[:MAX_OPTIONS]
    options = [option for value in chosen if isinstance(value, str) and (option := name(value))]
    vote = {
        "poll_provider_id": identifier(mapping(body.get("pollCreationMessageKey")).get("id")),
        "options": options,
    }
    return Content("poll_vote", ", ".join(options) or None, payload=vote)


def _list_reply(body: dict[str, Any], ref: str) -> Content:
    chosen = mapping(body.get("singleSelectReply")).get("selectedRowId")
    return _reply("list", chosen, body.get("title"), body.get("description"))


def _buttons_reply(body: dict[str, Any], ref: str) -> Content:
    return _reply("button", body.get("selectedButtonId"), body.get("selectedDisplayText"))


def _template_reply(body: dict[str, Any], ref: str) -> Content:
    return _reply("template", body.get("selectedId"), body.get("selectedDisplayText"))


def _interactive_reply(body: dict[str, Any], ref: str) -> Content:
    flow = mapping(body.get("nativeFlowResponseMessage"))
    content = _reply("interactive", flow.get("name"), mapping(body.get("body")).get("text"))
    return Content(
        "reply_button", content.text, payload={**(content.payload or {}), "form": text(flow.get("paramsJson"))}
    )


def _reply(kind: str, chosen: Any, title: Any, description: Any = None) -> Content:
    reply = {"kind": kind, "id": name(chosen), "title": name(title), "description": name(description)}
    return Content("reply_button", text(title) or text(chosen), payload=reply)


def _order(body: dict[str, Any], ref: str) -> Content:
    order: dict[str, Any] = {
        "kind": "order",
        "id": name(body.get("orderId")),
        "title": name(body.get("orderTitle")),
        "note": text(body.get("message")),
        "item_count": count(body.get("itemCount")),
        "total": _thousandths(body.get("totalAmount1000")),
        "currency": name(body.get("totalCurrencyCode")),
    }
    return Content("order", text(body.get("message")) or order["title"], payload=order)


def _product(body: dict[str, Any], ref: str) -> Content:
    product = mapping(body.get("product"))
    order: dict[str, Any] = {
        "kind": "product",
        "id": name(product.get("productId")),
        "title": name(product.get("title")),
        "note": text(product.get("description")),
        "item_count": 1,
        "total": _thousandths(product.get("priceAmount1000")),
        "currency": name(product.get("currencyCode")),
    }
    return Content("order", text(body.get("body")) or order["title"], payload=order)


def _thousandths(value: Any) -> float | None:
    amount = integer(value)
    return amount / 1000 if amount is not None else None


def _event(body: dict[str, Any], ref: str) -> Content:
    event = {
        "name": name(body.get("name")),
        "description": text(body.get("description")),
        "place": name(mapping(body.get("location")).get("name")),
        "starts_at": epoch_seconds(body.get("startTime")) or None,
        "ends_at": epoch_seconds(body.get("endTime")) or None,
        "is_canceled": body.get("isCanceled") is True,
    }
    return Content("event", text(body.get("name")), payload=event)


def _menu(body: dict[str, Any], ref: str) -> Content | None:
    """Lists, buttons and templates a business shows: their words, one a line; the choices come as replies."""
    if isinstance(body.get("interactiveMessageTemplate"), dict):
        body = body["interactiveMessageTemplate"]
    template = body.get("hydratedTemplate") or body.get("hydratedFourRowTemplate")
    body = template if isinstance(template, dict) else body
    parts = [
        mapping(body.get("header")).get("title"),
        body.get("title") or body.get("headerText") or body.get("hydratedTitleText"),
        mapping(body.get("body")).get("text"),
        body.get("contentText") or body.get("hydratedContentText") or body.get("description"),
        mapping(body.get("footer")).get("text"),
        body.get("footerText") or body.get("hydratedFooterText"),
    ]
    lines = [said.strip() for part in parts if (said := text(part))]
    return Content("text", "\n".join(lines)) if lines else None


READERS: dict[str, Callable[[dict[str, Any], str], Content | None]] = {
    "conversation": _text,
    "extendedTextMessage": _text,
    "imageMessage": _captioned("image"),
    "videoMessage": _captioned("video"),
    "ptvMessage": _captioned("video_note"),
    "audioMessage": _audio,
    "documentMessage": _captioned("document"),
    "stickerMessage": _captioned("sticker"),
    "locationMessage": _location,
    "liveLocationMessage": _live_location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollUpdateMessage": _poll_vote,
    "listResponseMessage": _list_reply,
    "buttonsResponseMessage": _buttons_reply,
    "templateButtonReplyMessage": _template_reply,
    "interactiveResponseMessage": _interactive_reply,
    "orderMessage": _order,
    "productMessage": _product,
    "eventMessage": _event,
    "listMessage": _menu,
    "buttonsMessage": _menu,
    "templateMessage": _menu,
    "interactiveMessage": _menu,
}
