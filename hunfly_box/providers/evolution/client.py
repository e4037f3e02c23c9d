"""Evolution's HTTP API as a Messenger: one object for one channel."""

import base64
import binascii
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from hunfly_box.providers.evolution import connection, outgoing, people
from hunfly_box.providers.evolution.encodings import epoch_seconds, identifier, mapping, name, sequence
from hunfly_box.providers.evolution.jids import address_in
from hunfly_box.providers.evolution.parsing import read_stored
from hunfly_box.providers.evolution.statuses import best_status
from hunfly_box.providers.evolution.transport import (
    LOOK_UP_SECONDS,
    MAX_MEDIA_ANSWER,
    MEDIA_SECONDS,
    SEND_SECONDS,
    Answer,
    Transport,
    message_of,
)
from hunfly_box.providers.messenger import (
    FetchedMedia,
    MessageKey,
    NumberCheck,
    OutgoingMessage,
    Pairing,
    Refused,
    SentMessage,
    Unknown,
    WebhookSetup,
)
from hunfly_box.providers.port import Address, ChannelState, ContactSeen, Event, GroupSeen, TypingKind

# What the parser reads. labels and typebot are not subscribed to.
WEBHOOK_EVENTS = (
    "QRCODE_UPDATED",
    "MESSAGES_SET",
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CHATS_SET",
    "CHATS_UPSERT",
    "CHATS_UPDATE",
    "CHATS_DELETE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
    "CALL",
    "REMOVE_INSTANCE",
    "LOGOUT_INSTANCE",
    "STATUS_INSTANCE",
)
# Evolution delivers groups.update only under a name that webhook/set refuses and create does not check.
CREATE_EVENTS = (*WEBHOOK_EVENTS, "GROUPS_UPDATE")
SETTINGS = {
    "rejectCall": False,
    "groupsIgnore": False,
    "alwaysOnline": False,
    "readMessages": False,
    "readStatus": False,
    "syncFullHistory": True,
}
# WhatsApp's clocks and ours differ: look a little into the future too.
CLOCK_SKEW_SECONDS = 86_400


class EvolutionClient:
    def __init__(self, transport: Transport, instance: str) -> None:
        self._transport = transport
        self._instance = quote(instance, safe="")
        self._instance_name = instance

    def _call(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        return self._transport.call(method, f"{path}/{self._instance}", body, **how)

    def close(self) -> None:
        """Nothing to let go of: every call has a connection of its own."""

    # The number

    def create(self, webhook: WebhookSetup) -> bool:
        body = {
            "instanceName": self._instance_name,
            "integration": "WHATSAPP-BAILEYS",
            "qrcode": False,
            **SETTINGS,
            "webhook": _webhook_body(webhook, CREATE_EVENTS),
        }
        try:
            self._transport.call("POST", "/instance/create", body, seconds=SEND_SECONDS)
        except Refused as refusal:
            # Evolution says 403 for a name that is taken and for a wrong key; the first names the name.
            if "already in use" in refusal.message:
                return False
            raise
        return True

    def connect(self, pairing_number: str | None = None) -> Pairing:
        query = {"number": pairing_number.lstrip("+")} if pairing_number else None
        body = mapping(self._call("GET", "/instance/connect", query=query, seconds=SEND_SECONDS).body)
        if mapping(body.get("instance")).get("state") == "open":
            return Pairing("open")
        qr = mapping(body.get("qrcode")) or body
        picture, code = connection.png(qr.get("base64")), name(qr.get("pairingCode"))
        if picture is None and code is None:
            return Pairing("connecting")
        return Pairing("qr", picture, code, name(qr.get("code")))

    def state(self) -> ChannelState:
        body = mapping(self._call("GET", "/instance/connectionState").body)
        state = mapping(body.get("instance")).get("state")
        if state == "open":
            return ChannelState("open")
        if state == "connecting":
            return ChannelState("connecting")
        return self._why_closed()

    def _why_closed(self) -> ChannelState:
        """The reason is never cleared: it is news only while the number is closed."""
        query = {"instanceName": self._instance_name}
        rows = sequence(self._transport.call("GET", "/instance/fetchInstances", query=query).body)
        row = mapping(rows[0]) if rows else {}
        code = row.get("disconnectionReasonCode")
        told = connection.closed(code if type(code) is int else None)
        if told.state != "reconnecting":
            return told
        # Closed for good, whatever the last trouble was: the engine would be connecting otherwise.
        return ChannelState("logged_out", told.cause, told.code)

    def own(self) -> ChannelState:
        """The number's own address and name, which connectionState does not tell."""
        query = {"instanceName": self._instance_name}
        rows = sequence(self._transport.call("GET", "/instance/fetchInstances", query=query).body)
        row = mapping(rows[0]) if rows else {}
        return ChannelState(
            self.state().state,
            own_address=address_in(row.get("ownerJid")),
            own_name=name(row.get("profileName")),
            own_picture_url=people.url(row.get("profilePicUrl")),
        )

    def restart(self) -> None:
        self._call("POST", "/instance/restart", seconds=SEND_SECONDS)

    def logout(self) -> None:
        try:
            self._call("DELETE", "/instance/logout", seconds=SEND_SECONDS)
        except (Refused, Unknown):
            # 400 when it was closed already, and a 500 although it worked: the state tells.
            if self.state().state in ("open", "connecting"):
                raise

    def remove(self) -> None:
        try:
            self._call("DELETE", "/instance/delete", seconds=SEND_SECONDS)
        except Refused as refusal:
            if refusal.code != "engine.instance_missing":
                raise

    def configure_webhook(self, webhook: WebhookSetup) -> None:
        self._call("POST", "/webhook/set", {"webhook": _webhook_body(webhook, WEBHOOK_EVENTS)})

    def webhook_is(self, webhook: WebhookSetup) -> bool:
        row = mapping(self._call("GET", "/webhook/find").body)
        wanted = _webhook_body(webhook, WEBHOOK_EVENTS)
        return (
            row.get("enabled") is True
            and row.get("url") == wanted["url"]
            and row.get("headers") == wanted["headers"]
            and row.get("webhookByEvents") is False
            and row.get("webhookBase64") is False
            and {event for event in sequence(row.get("events")) if isinstance(event, str)} >= set(WEBHOOK_EVENTS)
        )

    def apply_settings(self) -> None:
        self._call("POST", "/settings/set", SETTINGS)

    # Messages

    def send(self, message: OutgoingMessage) -> SentMessage:
        path, body = outgoing.request_for(message)
        seconds = MEDIA_SECONDS if message.media else SEND_SECONDS
        return _sent(self._call("POST", path, body, seconds=seconds))

    def react(self, key: MessageKey, emoji: str) -> SentMessage:
        body = {"key": outgoing.key_body(key), "reaction": emoji}
        return _sent(self._call("POST", "/message/sendReaction", body, seconds=SEND_SECONDS))

    def edit(self, key: MessageKey, text: str) -> None:
        body = {"number": key.chat, "text": text, "key": outgoing.key_body(key)}
        self._call("POST", "/chat/updateMessage", body, seconds=SEND_SECONDS)

    def delete(self, key: MessageKey) -> None:
        self._call("DELETE", "/chat/deleteMessageForEveryone", outgoing.key_body(key), seconds=SEND_SECONDS)

    def mark_read(self, keys: Sequence[MessageKey]) -> None:
        """Keys must name the chat by its phone: Evolution skips LIDs and says it did not."""
        body = {"readMessages": [outgoing.key_body(key) for key in keys]}
        self._call("POST", "/chat/markMessageAsRead", body)

    def typing(self, to: str, kind: TypingKind, seconds: float) -> None:
        """Answers only after `seconds`."""
        body = {"number": to, "presence": kind, "delay": int(seconds * 1000)}
        self._call("POST", "/chat/sendPresence", body, seconds=LOOK_UP_SECONDS + seconds)

    def block(self, to: str, *, is_blocked: bool) -> None:
        self._call("POST", "/chat/updateBlockStatus", {"number": to, "status": "block" if is_blocked else "unblock"})

    # What the engine knows

    def fetch_media(self, ref: str) -> FetchedMedia:
        answer = self._call(
            "POST",
            "/chat/getBase64FromMediaMessage",
            {"message": {"key": {"id": ref}}, "convertToMp4": False},
            seconds=MEDIA_SECONDS,
            max_answer=MAX_MEDIA_ANSWER,
        )
        body = mapping(answer.body)
        encoded = body.get("base64")
        try:
            content = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
        except (binascii.Error, ValueError):
            content = b""
        if not content:
            raise Refused("media.unavailable", "the engine has no such file now", permanent=False)
        return FetchedMedia(content, name(body.get("mimetype")), name(body.get("fileName")))

    def check_numbers(self, numbers: Sequence[str]) -> list[NumberCheck]:
        asked = [number.lstrip("+") for number in numbers]
        answer = self._call("POST", "/chat/whatsappNumbers", {"numbers": asked}, seconds=SEND_SECONDS)
        told = [mapping(row) for row in sequence(answer.body)]
        return [
            NumberCheck(
                number=name(row.get("number")) or "",
                exists=row.get("exists") is True,
                address=address_in(row.get("jid")),
                lid=address_in(row.get("lid")),
                name=name(row.get("name")),
            )
            for row in told
        ]

    def picture_url(self, to: str) -> str | None:
        """Signed and short-lived: fetch it at once."""
        answer = self._call("POST", "/chat/fetchProfilePictureUrl", {"number": to})
        return people.url(mapping(answer.body).get("profilePictureUrl"))

    def find_messages(self, since: float, chat: str | None = None, limit: int = 200) -> list[Event]:
        where: dict[str, Any] = {
            "messageTimestamp": {"gte": _iso(since), "lte": _iso(time.time() + CLOCK_SKEW_SECONDS)}
        }
        if chat is not None:
            # Either matches: rows under the person's LID carry the number as the alternative.
            where["key"] = {"remoteJid": chat, "remoteJidAlt": chat}
        answer = self._call("POST", "/chat/findMessages", {"where": where, "page": 1, "offset": limit})
        records = sequence(mapping(mapping(answer.body).get("messages")).get("records"))
        return [event for record in records for event in read_stored(record)]

    def contacts(self) -> list[ContactSeen]:
        rows = sequence(self._call("POST", "/chat/findContacts", {"where": {}}).body)
        seen = [people.read_contact({**mapping(row), "id": None}) for row in rows]
        return [event for event in seen if isinstance(event, ContactSeen)]

    def chats(self) -> list[Address]:
        rows = sequence(self._call("POST", "/chat/findChats", {}).body)
        found = [address_in(mapping(row).get("remoteJid")) for row in rows]
        return [address for address in found if address is not None]

    def groups(self, *, with_participants: bool = False) -> list[GroupSeen]:
        query = {"getParticipants": "true" if with_participants else "false"}
        # One picture request for each group, one after the other.
        rows = sequence(self._call("GET", "/group/fetchAllGroups", query=query, seconds=MEDIA_SECONDS).body)
        seen = [people.read_group(mapping(row)) for row in rows]
        return [event for event in seen if isinstance(event, GroupSeen)]

    def group(self, to: str) -> GroupSeen:
        answer = self._call("GET", "/group/findGroupInfos", query={"groupJid": to}, seconds=SEND_SECONDS)
        event = people.read_group(mapping(answer.body))
        if not isinstance(event, GroupSeen):
            raise Unknown("the engine's answer describes no group")
        return event


def _sent(answer: Answer) -> SentMessage:
    """Only a key with an id says that it was sent: Meta's refusals come as 201 too."""
    record = mapping(answer.body)
    key = mapping(record.get("key"))
    provider_id = identifier(key.get("id"))
    if provider_id is None:
        if "message" in record and "code" in record:
            raise Refused("engine.refused", message_of(record), permanent=True)
        raise Unknown("the engine's answer names no message")
    return SentMessage(
        provider_id,
        address_in(key.get("remoteJid")),
        best_status(record),
        epoch_seconds(record.get("messageTimestamp")) or None,
    )


def _webhook_body(webhook: WebhookSetup, events: Sequence[str]) -> dict[str, Any]:
    """All six fields, always: what is left out keeps its old value, a stale secret too."""
    return {
        "enabled": True,
        "url": webhook.url,
        "headers": {webhook.header_name: webhook.header_value, "jwt_key": webhook.jwt_key},
        "byEvents": False,
        "base64": False,
        "events": list(events),
    }


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
