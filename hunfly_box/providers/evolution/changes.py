"""What happens to a message after it was sent: statuses, edits, deletions, poll votes."""

from typing import Any

from hunfly_box.providers.evolution.content import MAX_OPTIONS, read_content, unwrap
from hunfly_box.providers.evolution.encodings import identifier, integer, mapping, name, sequence
from hunfly_box.providers.evolution.jids import address_in, addresses_in
from hunfly_box.providers.evolution.statuses import status_in
from hunfly_box.providers.port import Edited, Event, Ignored, Parked, PollOption, PollTally, Revoked, StatusChange

# Protocol messages come by name in messages.edited and by number elsewhere.
REVOKE = ("REVOKE", 0)
MESSAGE_EDIT = ("MESSAGE_EDIT", 14)
KEY_SHARE = ("APP_STATE_SYNC_KEY_SHARE", 6)


def read_protocol(protocol: dict[str, Any]) -> Event:
    """The key in it is written from the sender's side: only its id can be trusted to name the message."""
    kind = protocol.get("type")
    if kind in KEY_SHARE or "appStateSyncKeyShare" in protocol:
        return Ignored("key_share")
    if kind in MESSAGE_EDIT or (kind is None and isinstance(protocol.get("editedMessage"), dict)):
        return _edited(protocol)
    # False == 0 in Python: only the number or the name may delete a message.
    if kind in REVOKE and kind is not False:
        key = mapping(protocol.get("key"))
        revoked_id = identifier(key.get("id"))
        return Revoked(revoked_id, address_in(key.get("remoteJid"))) if revoked_id else Parked("parse_error")
    return Ignored("protocol")


def _edited(protocol: dict[str, Any]) -> Event:
    key = mapping(protocol.get("key"))
    edited_id = identifier(key.get("id"))
    said = edited_text(mapping(protocol.get("editedMessage")))
    if edited_id is None or said is None:
        return Parked("parse_error")
    return Edited(edited_id, said, integer(protocol.get("timestampMs")), address_in(key.get("remoteJid")))


def edited_text(message: dict[str, Any]) -> str | None:
    """The new words, wherever in wrappers and protocol messages they are; "" where a caption was taken away."""
    if isinstance(message.get("message"), dict):
        message = message["message"]
    inner = unwrap(message)
    if inner.kind == "protocolMessage":
        inner = unwrap(mapping(mapping(inner.body).get("editedMessage")))
    if inner.kind is None:
        return None
    content = read_content(inner.kind, inner.body, "")
    if content is None:
        return None
    return content.text or ""


def read_update(update: dict[str, Any]) -> list[Event]:
    """messages.update: a receipt, and in the same shape edits, deletions and poll standings."""
    message_id = identifier(update.get("keyId")) or identifier(mapping(update.get("key")).get("id"))
    if message_id is None:
        return [Parked("parse_error")]
    chat = address_in(update.get("remoteJid"))
    events: list[Event] = []
    if isinstance(update.get("pollUpdates"), list) and update["pollUpdates"]:
        events.append(PollTally(message_id, tally(update["pollUpdates"])))
    if isinstance(update.get("message"), dict) and update["message"]:
        # The SERVER_ACK beside a remote edit acknowledges nothing.
        said = edited_text(update["message"])
        events.append(Edited(message_id, said, None, chat) if said is not None else Ignored("protocol"))
        return events
    status = status_in(update.get("status"))
    if status is not None:
        author = address_in(update.get("participant"))
        events.append(StatusChange(message_id, status, chat, author))
    elif update.get("status") == "DELETED":
        events.append(Revoked(message_id, chat))
    return events or [Ignored("no_content")]


def tally(updates: list[Any]) -> tuple[PollOption, ...]:
    return tuple(
        PollOption(option, addresses_in(sequence(mapping(update).get("voters"))))
        for update in updates[:MAX_OPTIONS]
        if (option := name(mapping(update).get("name"))) is not None
    )


def read_delete(deleted: dict[str, Any]) -> Event:
    """messages.delete: a key after a deletion elsewhere, a whole stored record after one through the API."""
    key = mapping(deleted.get("key"))
    deleted_id = identifier(key.get("id")) or identifier(deleted.get("id"))
    chat = address_in(key.get("remoteJid")) or address_in(deleted.get("remoteJid"))
    return Revoked(deleted_id, chat) if deleted_id else Parked("parse_error")
