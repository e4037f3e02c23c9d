"""One message record of Evolution as one event."""

from typing import Any

from hunfly_box.providers.evolution import changes
from hunfly_box.providers.evolution.content import SIBLINGS, Content, Unwrapped, read_content, unwrap
from hunfly_box.providers.evolution.encodings import epoch_seconds, identifier, integer, mapping, name, sequence, text
from hunfly_box.providers.evolution.jids import BROADCAST, NEWSLETTER, address_in, addresses_in, best_first, server_of
from hunfly_box.providers.evolution.redaction import redact_value
from hunfly_box.providers.evolution.statuses import best_status
from hunfly_box.providers.port import (
    Address,
    Event,
    Ignored,
    IncomingMessage,
    Parked,
    PollTally,
    QuotedRef,
    ReactionChanged,
)

MAX_MENTIONS = 1024
# Ways an advertisement names itself in contextInfo; what a report can use of it.
REFERRAL_FIELDS = {
    "title": "title",
    "body": "body",
    "sourceUrl": "source_url",
    "sourceId": "source_id",
    "sourceType": "source_type",
    "ctwaClid": "click_id",
}

# Chat, author (groups only), and further addresses of the person who is not us.
Parties = tuple[Address, Address | None, tuple[Address, ...]]


def read_record(
    record: dict[str, Any], *, from_history: bool = False, is_api_echo: bool = False
) -> Event | list[Event]:
    key = mapping(record.get("key"))
    if (reason := ignored_chat(key.get("remoteJid"))) is not None:
        return Ignored(reason)
    provider_id = identifier(key.get("id"))
    found = parties(key)
    if provider_id is None or found is None:
        return Parked("parse_error")
    message = record.get("message")
    if not isinstance(message, dict):
        return Ignored("no_content")
    unwrapped = unwrap(message)
    if unwrapped.kind == "protocolMessage":
        return changes.read_protocol(mapping(unwrapped.body))
    if unwrapped.kind == "reactionMessage":
        return _reaction(provider_id, found, record, mapping(unwrapped.body), from_history)
    content = _content(record, unwrapped, provider_id)
    if content is None:
        return Ignored("no_content")
    event = _message(provider_id, found, record, unwrapped, content, from_history, is_api_echo)
    standing = _standing(record, content)
    return [event, standing] if standing is not None else event


def _standing(record: dict[str, Any], content: Content) -> PollTally | None:
    """Beside a vote stands how the whole poll stands, where the engine could decrypt it."""
    poll_id = (content.payload or {}).get("poll_provider_id") if content.type == "poll_vote" else None
    updates = sequence(record.get("pollUpdates"))
    return PollTally(poll_id, changes.tally(updates)) if poll_id and updates else None


def ignored_chat(jid: Any) -> str | None:
    server = server_of(jid)
    if server == NEWSLETTER:
        return "newsletter"
    return "status_broadcast" if server == BROADCAST else None


def parties(key: dict[str, Any]) -> Parties | None:
    chat = address_in(key.get("remoteJid"))
    if chat is None:
        return None
    is_ours = key.get("fromMe") is True
    if chat.kind == "group":
        if is_ours:
            return chat, None, ()
        people = best_first(
            address_in(key.get(field)) for field in ("participant", "participantAlt", "participantPn", "participantLid")
        )
        return chat, (people[0] if people else None), people[1:]
    others = [address_in(key.get("remoteJidAlt"))]
    if not is_ours:
        # Of an own message these two name ourselves.
        others += [address_in(key.get("senderPn")), address_in(key.get("senderLid"))]
    people = best_first([chat, *(other for other in others if other is None or other.kind != "group")])
    return people[0], None, people[1:]


def author_name(record: dict[str, Any], found: Parties) -> str | None:
    """None for our own name, and for a number standing in for a name nobody gave."""
    if mapping(record.get("key")).get("fromMe") is True:
        return None
    chat, author, others = found
    pushed = name(record.get("pushName"))
    if (
        pushed is None
        or pushed.isdigit()
        and any(known.raw.partition("@")[0] == pushed for known in (author or chat, *others))
    ):
        return None
    return pushed


def _content(record: dict[str, Any], unwrapped: Unwrapped, provider_id: str) -> Content | None:
    if unwrapped.kind is not None:
        return read_content(unwrapped.kind, unwrapped.body, provider_id) or Content("unsupported")
    if mapping(record.get("key")).get("isViewOnce") is True or unwrapped.is_view_once:
        return Content("view_once")
    told_kind = record.get("messageType")
    if isinstance(told_kind, str) and told_kind not in SIBLINGS and "mediaUrl" in unwrapped.message:
        # The EVOLUTION channel sends only a link where the file's description would be.
        return read_content(told_kind, {}, provider_id)
    return None if unwrapped.message else Content("unsupported")


def _message(
    provider_id: str,
    found: Parties,
    record: dict[str, Any],
    unwrapped: Unwrapped,
    content: Content,
    from_history: bool,
    is_api_echo: bool,
) -> IncomingMessage:
    chat, author, others = found
    is_ours = mapping(record.get("key")).get("fromMe") is True
    context = _context(record, unwrapped)
    return IncomingMessage(
        provider_id=provider_id,
        direction="out" if is_ours else "in",
        chat=chat,
        type=content.type,
        sent_at=epoch_seconds(record.get("messageTimestamp")),
        text=content.text,
        author=author,
        author_name=author_name(record, found),
        alt_addresses=others,
        media=content.media,
        payload=content.payload,
        quoted=_quoted(context, unwrapped.message),
        mentions=_mentions(context),
        is_forwarded=context.get("isForwarded") is True or (integer(context.get("forwardingScore")) or 0) > 0,
        is_view_once=unwrapped.is_view_once,
        referral=_referral(context),
        status=best_status(record) if is_ours else None,
        from_history=from_history,
        is_api_echo=is_api_echo,
        raw=redact_value(record.get("message")) if content.type == "unsupported" else None,
    )


def _context(record: dict[str, Any], unwrapped: Unwrapped) -> dict[str, Any]:
    """Evolution repeats the content's contextInfo on the record, but not inside wrappers."""
    for holder in (unwrapped.body, unwrapped.message, record):
        if isinstance(holder, dict) and isinstance(found := holder.get("contextInfo"), dict) and found:
            return found
    return {}


def _quoted(context: dict[str, Any], message: dict[str, Any]) -> QuotedRef | None:
    quoted_id = identifier(context.get("stanzaId")) or identifier(mapping(message.get("quoted")).get("id"))
    if quoted_id is None:
        return None
    author = address_in(context.get("participant"))
    inner = unwrap(mapping(context.get("quotedMessage")))
    if inner.kind is None:
        return QuotedRef(quoted_id, author=author)
    content = read_content(inner.kind, inner.body, quoted_id) or Content("unsupported")
    return QuotedRef(quoted_id, content.text, author, content.type)


def _mentions(context: dict[str, Any]) -> tuple[Address, ...]:
    people = sequence(context.get("mentionedJid"))[:MAX_MENTIONS]
    groups = [mapping(group).get("groupJid") for group in sequence(context.get("groupMentions"))[:MAX_MENTIONS]]
    return addresses_in(people) + addresses_in(groups)


def _referral(context: dict[str, Any]) -> dict[str, Any] | None:
    advertisement = mapping(context.get("externalAdReply"))
    found = {ours: text(advertisement.get(theirs)) for theirs, ours in REFERRAL_FIELDS.items()}
    found["conversion_source"] = name(context.get("conversionSource"))
    found["entry_point"] = name(context.get("entryPointConversionSource"))
    told = {field: value for field, value in found.items() if value}
    return told or None


def _reaction(
    provider_id: str, found: Parties, record: dict[str, Any], body: dict[str, Any], from_history: bool
) -> Event:
    target = mapping(body.get("key"))
    target_id = identifier(target.get("id"))
    if target_id is None:
        return Parked("parse_error")
    chat, author, others = found
    is_ours = mapping(record.get("key")).get("fromMe") is True
    at_ms = integer(body.get("senderTimestampMs"))
    return ReactionChanged(
        provider_id=provider_id,
        chat=chat,
        target_provider_id=target_id,
        target_from_me=from_me if isinstance(from_me := target.get("fromMe"), bool) else None,
        emoji=name(body.get("text")) or "",
        from_me=is_ours,
        reactor=None if is_ours else author or chat,
        reactor_name=author_name(record, found),
        alt_addresses=() if is_ours else others,
        at_ms=at_ms if at_ms is not None else int(epoch_seconds(record.get("messageTimestamp")) * 1000) or None,
        from_history=from_history,
    )
