"""Every kind of message, in every wrapping, becomes something an agent can read."""

from typing import Any

import pytest

from hunfly_box.providers.evolution import parsing
from hunfly_box.providers.port import (
    Address,
    ChannelState,
    ContactSeen,
    Edited,
    Event,
    GroupSeen,
    Ignored,
    IncomingMessage,
    MediaRef,
    ParticipantsChanged,
    PollOption,
    PollTally,
    QuotedRef,
    ReactionChanged,
    Revoked,
    StatusChange,
    TypingSeen,
)
from tests.unit.providers.reading import readable

MARIA = Address("phone", "+5511988880000", "551188880000@s.whatsapp.net")
MARIA_LID = Address("lid", "222333444555666", "222333444555666@lid")
GROUP = Address("group", "120363000000000001", "120363000000000001@g.us")
KEY = {"remoteJid": MARIA.raw, "fromMe": False, "id": "A1", "participant": ""}
IMAGE = {"mimetype": "image/jpeg", "caption": "praia", "width": 80, "height": 100, "fileLength": {"low": 9, "high": 1}}


def read(event: str, data: Any) -> tuple[Event, ...]:
    return parsing.parse({"event": event, "instance": "i", "data": data}).events


def message(content: dict[str, Any], key: dict[str, Any] | None = None, **record: Any) -> IncomingMessage:
    data = {
        "key": {**KEY, **(key or {})},
        "message": content,
        "messageTimestamp": 1795379072,
        "pushName": "Maria",
        **record,
    }
    (event,) = read("messages.upsert", data)
    assert isinstance(event, IncomingMessage)
    return event


def wrapped(*wrappers: str, inside: dict[str, Any]) -> dict[str, Any]:
    for wrapper in reversed(wrappers):
        inside = {"messageContextInfo": {}, wrapper: {"message": inside}}
    return inside


@pytest.mark.parametrize(
    ("content", "kind", "line"),
    [
        ({"conversation": "oi"}, "text", "oi"),
        ({"extendedTextMessage": {"text": "veja https://x.br"}}, "text", "veja https://x.br"),
        ({"imageMessage": IMAGE}, "image", "📷 Foto: praia"),
        ({"videoMessage": {"seconds": 3}}, "video", "🎬 Vídeo"),
        ({"ptvMessage": {"seconds": 3}}, "video_note", "🎬 Vídeo redondo"),
        ({"audioMessage": {"seconds": 65, "ptt": True}}, "voice", "🎤 Mensagem de voz: 1:05"),
        ({"audioMessage": {"seconds": 7, "ptt": False}}, "audio", "🎵 Áudio: 0:07"),
        ({"documentMessage": {"fileName": "a.pdf"}}, "document", "📄 Documento: a.pdf"),
        ({"documentMessage": {"fileName": "a.pdf", "caption": "veja"}}, "document", "📄 Documento: veja"),
        ({"stickerMessage": {"isAnimated": True}}, "sticker", "🩷 Figurinha"),
        ({"lottieStickerMessage": {"message": {"stickerMessage": {}}}}, "sticker", "🩷 Figurinha"),
        ({"locationMessage": {"degreesLatitude": -23.5, "degreesLongitude": -46.6}}, "location", "📍 Localização"),
        ({"locationMessage": {"isLive": True}}, "live_location", "📍 Localização em tempo real"),
        ({"liveLocationMessage": {"caption": "indo"}}, "live_location", "📍 Localização em tempo real: indo"),
        ({"contactMessage": {"displayName": "João", "vcard": ""}}, "contacts", "👤 Contato: João"),
        (
            {"contactsArrayMessage": {"contacts": [{"displayName": "João"}, {"vcard": "FN:Ana"}]}},
            "contacts",
            "👤 Contato: João, Ana",
        ),
        ({"pollCreationMessage": {"name": "Qual?", "options": [{"optionName": "A"}]}}, "poll", "📊 Enquete: Qual?"),
        ({"pollCreationMessageV2": {"name": "Qual?"}}, "poll", "📊 Enquete: Qual?"),
        ({"pollUpdateMessage": {"vote": {"selectedOptions": ["A", "B"]}}}, "poll_vote", "🗳️ Voto na enquete: A, B"),
        ({"pollUpdateMessage": {"vote": {"encPayload": {"0": 1}}}}, "poll_vote", "🗳️ Voto na enquete"),
        ({"listResponseMessage": {"title": "Opção 1"}}, "reply_button", "↩️ Escolheu: Opção 1"),
        ({"buttonsResponseMessage": {"selectedDisplayText": "Sim"}}, "reply_button", "↩️ Escolheu: Sim"),
        ({"templateButtonReplyMessage": {"selectedDisplayText": "Não"}}, "reply_button", "↩️ Escolheu: Não"),
        ({"interactiveResponseMessage": {"body": {"text": "Ok"}}}, "reply_button", "↩️ Escolheu: Ok"),
        ({"interactiveResponseMessage": {}}, "reply_button", "↩️ Escolheu uma opção"),
        ({"orderMessage": {"orderTitle": "Bolo", "itemCount": 2}}, "order", "🛒 Pedido: Bolo"),
        ({"productMessage": {"product": {"title": "Bolo"}}}, "order", "🛒 Pedido: Bolo"),
        ({"eventMessage": {"name": "Festa", "startTime": "1795379072"}}, "event", "📅 Evento: Festa"),
        ({"listMessage": {"title": "Menu", "description": "Escolha"}}, "text", "Menu Escolha"),
        ({"buttonsMessage": {"contentText": "Escolha"}}, "text", "Escolha"),
        ({"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Oi"}}}, "text", "Oi"),
        ({"interactiveMessage": {"header": {"title": "T"}, "body": {"text": "B"}}}, "text", "T B"),
        ({"viewOnceMessageV2": {"message": {"imageMessage": IMAGE}}}, "image", "📷 Foto: praia"),
        ({"groupInviteMessage": {"groupName": "G"}}, "unsupported", "Mensagem não suportada: abra no celular"),
        ({"somethingNew": {"x": 1}}, "unsupported", "Mensagem não suportada: abra no celular"),
        ({"conversation": ""}, "unsupported", "Mensagem não suportada: abra no celular"),
        ({}, "unsupported", "Mensagem não suportada: abra no celular"),
    ],
)
def test_a_kind_of_message_is_read(content: dict[str, Any], kind: str, line: str) -> None:
    for form in (content, wrapped("ephemeralMessage", "deviceSentMessage", inside=content)):
        event = message(form)
        assert (event.type, readable(event)) == (kind, line)


@pytest.mark.parametrize(
    "wrappers",
    [
        ("ephemeralMessage",),
        ("viewOnceMessage",),
        ("viewOnceMessageV2Extension",),
        ("documentWithCaptionMessage",),
        ("groupMentionedMessage",),
        ("ephemeralMessage", "viewOnceMessageV2"),
        ("deviceSentMessage", "ephemeralMessage", "documentWithCaptionMessage"),
    ],
)
def test_wrappers_are_taken_off_however_deep(wrappers: tuple[str, ...]) -> None:
    event = message(wrapped(*wrappers, inside={"imageMessage": IMAGE}))
    assert event.type == "image"
    assert event.text == "praia"
    assert event.is_view_once == any(wrapper.startswith("viewOnce") for wrapper in wrappers)


def test_wrappers_without_end_are_no_trap() -> None:
    event = message(wrapped(*["ephemeralMessage"] * 17, inside={"conversation": "x"}))
    assert event.type == "unsupported"


def test_a_file_is_described() -> None:
    event = message({"imageMessage": IMAGE})
    assert event.media == MediaRef(ref="A1", mime="image/jpeg", size=(1 << 32) + 9, width=80, height=100)
    assert message({"documentMessage": {"mimetype": "false", "fileName": "x"}}).media == MediaRef("A1", name="x")


@pytest.mark.parametrize(
    "waveform", [{"0": 0, "1": 50, "2": 200}, "ADLI", [0, 50, 200], {"type": "Buffer", "data": [0, 50, 200]}]
)
def test_a_voice_note_has_peaks_however_its_bytes_are_written(waveform: Any) -> None:
    event = message({"audioMessage": {"ptt": True, "seconds": "7", "waveform": waveform}})
    assert event.media == MediaRef("A1", seconds=7, is_voice=True, peaks=(0, 50, 100))


def test_an_unsupported_message_keeps_its_raw_form_without_secrets() -> None:
    event = message({"somethingNew": {"words": "x", "mediaKey": {"0": 1}, "n": 1 << 70}})
    assert event.raw == {"somethingNew": {"words": "x", "mediaKey": None, "n": str(1 << 70)}}
    assert message({"conversation": "x"}).raw is None


def test_contacts_have_names_and_numbers() -> None:
    vcard = (
        "BEGIN:VCARD\nVERSION:3.0\nFN:João\nORG:Padaria;\nitem1.TEL;waid=551177770000:+55 11 7777-0000\n"
        "TEL:+1 415\nEMAIL;type=INTERNET:a@b.c\nEND:VCARD"
    )
    assert message({"contactMessage": {"vcard": vcard}}).payload == {
        "contacts": [
            {
                "name": "João",
                "phones": [
                    {"number": "+55 11 7777-0000", "wa_id": "+5511977770000"},
                    {"number": "+1 415", "wa_id": None},
                ],
                "emails": ["a@b.c"],
                "organization": "Padaria",
            }
        ]
    }


def test_a_photograph_in_a_card_does_not_hide_the_number() -> None:
    photograph = "PHOTO;BASE64:" + "\n ".join(["A" * 74] * 5_000)
    event = message({"contactMessage": {"vcard": f"BEGIN:VCARD\nFN:João\n{photograph}\nTEL:+1 415\nEND:VCARD"}})
    assert event.payload is not None
    assert event.payload["contacts"][0]["phones"] == [{"number": "+1 415", "wa_id": None}]


def test_an_order_has_its_sum() -> None:
    order = {"orderId": "1", "itemCount": 2, "totalAmount1000": {"low": 12500, "high": 0}, "totalCurrencyCode": "BRL"}
    payload = message({"orderMessage": order}).payload
    assert payload is not None
    assert (payload["total"], payload["currency"], payload["item_count"]) == (12.5, "BRL", 2)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"orderMessage": {"orderTitle": "Bolo", "message": "para sábado"}}, "para sábado"),
        ({"orderMessage": {"orderTitle": "Bolo"}}, "Bolo"),
        ({"productMessage": {"product": {"title": "Bolo"}, "body": "tem hoje?"}}, "tem hoje?"),
        ({"productMessage": {"product": {"title": "Bolo"}}}, "Bolo"),
    ],
)
def test_an_order_says_at_least_what_it_is_about(content: dict[str, Any], text: str) -> None:
    assert message(content).text == text


def test_a_vote_brings_the_standing_of_its_poll_along() -> None:
    vote = {"pollCreationMessageKey": {"id": "POLL"}, "vote": {"selectedOptions": ["A"]}}
    standing = [{"name": "A", "voters": [MARIA.raw]}, {"name": "B", "voters": []}]
    data = {"key": KEY, "message": {"pollUpdateMessage": vote}, "pollUpdates": standing}

    voted, tally = read("messages.upsert", data)

    assert isinstance(voted, IncomingMessage)
    assert (voted.type, voted.text) == ("poll_vote", "A")
    assert tally == PollTally("POLL", (PollOption("A", (MARIA,)), PollOption("B")))


def test_a_quote_says_what_and_whom() -> None:
    context = {
        "stanzaId": "Q1",
        "participant": MARIA.raw,
        "quotedMessage": wrapped("ephemeralMessage", inside={"imageMessage": IMAGE}),
    }
    expected = QuotedRef("Q1", "praia", MARIA, "image")
    assert message({"conversation": "x"}, contextInfo=context).quoted == expected
    assert message({"extendedTextMessage": {"text": "x", "contextInfo": context}}).quoted == expected
    assert message({"conversation": "x"}, contextInfo={"stanzaId": "Q1"}).quoted == QuotedRef("Q1")


def test_mentions_forwarding_and_advertisement_are_told() -> None:
    context = {
        "mentionedJid": [MARIA_LID.raw, "status@broadcast"],
        "groupMentions": [{"groupJid": GROUP.raw}],
        "forwardingScore": 2,
        "conversionSource": "FB_Ads",
        "externalAdReply": {"title": "Bolos", "sourceUrl": "https://fb.me/1", "ctwaClid": "c", "thumbnail": {"0": 1}},
    }
    event = message({"conversation": "x"}, contextInfo=context)
    assert event.mentions == (MARIA_LID, GROUP)
    assert event.is_forwarded
    assert event.referral == {
        "title": "Bolos",
        "source_url": "https://fb.me/1",
        "click_id": "c",
        "conversion_source": "FB_Ads",
    }
    assert message({"conversation": "x"}, contextInfo={"isForwarded": True}).is_forwarded
    assert message({"conversation": "x"}).referral is None


@pytest.mark.parametrize(
    ("key", "chat", "others"),
    [
        ({"remoteJid": MARIA.raw}, MARIA, ()),
        ({"remoteJid": MARIA.raw, "remoteJidAlt": MARIA_LID.raw}, MARIA, (MARIA_LID,)),
        ({"remoteJid": MARIA_LID.raw, "remoteJidAlt": MARIA.raw}, MARIA, (MARIA_LID,)),
        ({"remoteJid": MARIA_LID.raw, "senderPn": MARIA.raw}, MARIA, (MARIA_LID,)),
        ({"remoteJid": MARIA.raw, "senderLid": MARIA_LID.raw}, MARIA, (MARIA_LID,)),
        ({"remoteJid": MARIA_LID.raw}, MARIA_LID, ()),
        ({"remoteJid": MARIA.raw, "fromMe": True, "senderLid": "999999999@lid"}, MARIA, ()),
        ({"remoteJid": MARIA.raw, "remoteJidAlt": MARIA.raw}, MARIA, ()),
    ],
)
def test_a_person_is_known_by_number_and_lid_together(
    key: dict[str, Any], chat: Address, others: tuple[Address, ...]
) -> None:
    event = message({"conversation": "x"}, key)
    assert (event.chat, event.alt_addresses, event.author) == (chat, others, None)


def test_a_group_message_has_an_author() -> None:
    group = {"remoteJid": GROUP.raw, "participant": MARIA_LID.raw, "participantAlt": MARIA.raw}
    event = message({"conversation": "x"}, group)
    assert (event.chat, event.author, event.alt_addresses, event.author_name) == (GROUP, MARIA, (MARIA_LID,), "Maria")
    ours = message({"conversation": "x"}, {**group, "fromMe": True}, pushName="Você")
    assert (ours.author, ours.alt_addresses, ours.author_name, ours.direction) == (None, (), None, "out")


def test_digits_in_place_of_a_name_are_no_name() -> None:
    assert message({"conversation": "x"}, pushName="551188880000").author_name is None
    assert message({"conversation": "x"}, pushName="2001").author_name == "2001"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("SERVER_ACK", "sent"),
        ("PLAYED", "played"),
        (3, "delivered"),
        ("ERROR", "failed"),
        ("DELETED", None),
        (None, None),
    ],
)
def test_an_own_message_has_a_status(told: Any, status: str | None) -> None:
    assert message({"conversation": "x"}, {"fromMe": True}, status=told).status == status
    assert message({"conversation": "x"}, status=told).status is None


def test_an_echo_of_the_api_is_told_from_what_was_typed_on_the_phone() -> None:
    data = {"key": {**KEY, "fromMe": True}, "message": {"conversation": "x"}}
    (echo,) = read("send.message", data)
    (typed,) = read("messages.upsert", data)
    assert isinstance(echo, IncomingMessage)
    assert isinstance(typed, IncomingMessage)
    assert (echo.is_api_echo, typed.is_api_echo) == (True, False)


def test_reactions_are_put_and_taken_away() -> None:
    body = {"key": {"id": "T1", "fromMe": True}, "text": "👍", "senderTimestampMs": {"low": -936591360, "high": 409}}
    data = {"key": {**KEY, "remoteJidAlt": MARIA_LID.raw}, "message": {"reactionMessage": body}, "pushName": "Maria"}
    put = ReactionChanged("A1", MARIA, "T1", True, "👍", False, MARIA, "Maria", (MARIA_LID,), 1760000000000)
    assert read("messages.upsert", data) == (put,)
    body["text"] = ""
    (taken,) = read("messages.upsert", data)
    assert isinstance(taken, ReactionChanged)
    assert taken.emoji == ""


@pytest.mark.parametrize("kind", ["MESSAGE_EDIT", 14])
@pytest.mark.parametrize(
    ("edited", "text"),
    [
        ({"conversation": "novo"}, "novo"),
        ({"extendedTextMessage": {"text": "novo"}}, "novo"),
        ({"imageMessage": {"caption": "novo"}}, "novo"),
        ({"imageMessage": {}}, ""),
        ({"ephemeralMessage": {"message": {"conversation": "novo"}}}, "novo"),
    ],
)
def test_an_edit_is_read_in_all_its_forms(kind: Any, edited: dict[str, Any], text: str) -> None:
    protocol = {"key": KEY, "type": kind, "editedMessage": edited, "timestampMs": "1795379099397"}
    expected = (Edited("A1", text, 1795379099397, MARIA),)
    assert read("messages.edited", protocol) == expected
    assert read("send.message.update", protocol) == expected
    inside = {"key": {**KEY, "id": "E1"}, "message": {"protocolMessage": protocol}}
    assert read("messages.upsert", inside) == expected
    inside["message"] = {"editedMessage": {"message": {"protocolMessage": protocol}}}
    assert read("messages.upsert", inside) == expected


def test_an_edit_dressed_as_an_acknowledgement_is_no_status() -> None:
    update = {"keyId": "A1", "remoteJid": MARIA.raw, "status": "SERVER_ACK"}
    for edited in (
        {"conversation": "novo"},
        {"protocolMessage": {"type": 14, "editedMessage": {"conversation": "novo"}}},
    ):
        dressed = {**update, "message": {"editedMessage": {"message": edited}}}
        assert read("messages.update", dressed) == (Edited("A1", "novo", None, MARIA),)
    assert read("messages.update", update) == (StatusChange("A1", "sent", MARIA),)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("messages.edited", {"key": KEY, "type": "REVOKE"}),
        ("messages.edited", {"key": KEY, "type": 0}),
        ("messages.upsert", {"key": {**KEY, "id": "E1"}, "message": {"protocolMessage": {"key": KEY, "type": 0}}}),
        ("messages.update", {"keyId": "A1", "remoteJid": MARIA.raw, "status": "DELETED"}),
        ("messages.delete", {"id": "A1", "remoteJid": MARIA.raw, "fromMe": False, "status": "DELETED"}),
        ("messages.delete", {"id": "row", "key": {**KEY, "deleted": True}, "message": None, "status": "DELETED"}),
    ],
)
def test_a_deletion_is_read_in_all_its_forms(event: str, data: dict[str, Any]) -> None:
    assert read(event, data) == (Revoked("A1", MARIA),)


@pytest.mark.parametrize("kind", ["EPHEMERAL_SETTING", "HISTORY_SYNC_NOTIFICATION", 3, 5, 99, False, None])
def test_other_protocol_messages_change_nothing(kind: Any) -> None:
    assert read("messages.edited", {"key": KEY, "type": kind}) == (Ignored("protocol"),)


@pytest.mark.parametrize(
    "share", [{"type": "APP_STATE_SYNC_KEY_SHARE"}, {"type": 6}, {"appStateSyncKeyShare": {"keys": []}}]
)
def test_key_shares_are_dropped(share: dict[str, Any]) -> None:
    assert read("messages.edited", share) == (Ignored("key_share"),)
    inside = {"key": KEY, "message": {"protocolMessage": share}}
    assert read("messages.upsert", inside) == (Ignored("key_share"),)


def test_votes_are_counted() -> None:
    update = {
        "keyId": "P1",
        "status": "READ",
        "pollUpdates": [{"name": "A", "voters": [MARIA.raw]}, {"name": "B", "voters": []}],
    }
    tally, status = read("messages.update", update)
    assert isinstance(tally, PollTally)
    assert [(option.name, option.voters) for option in tally.options] == [("A", (MARIA,)), ("B", ())]
    assert status == StatusChange("P1", "read")


def test_stories_and_newsletters_never_reach_an_inbox() -> None:
    for jid, reason in (
        ("status@broadcast", "status_broadcast"),
        ("1@newsletter", "newsletter"),
        ("5@broadcast", "status_broadcast"),
    ):
        data = {"key": {"remoteJid": jid, "id": "A1"}, "message": {"conversation": "x"}}
        assert read("messages.upsert", data) == (Ignored(reason),)
        assert read("contacts.update", {"remoteJid": jid, "pushName": "x"}) == (Ignored(reason),)


def test_contacts_join_their_addresses() -> None:
    (seen,) = read("contacts.update", [{"remoteJid": MARIA_LID.raw, "remoteJidAlt": MARIA.raw, "pushName": "Maria"}])
    assert seen == ContactSeen((MARIA, MARIA_LID), "Maria")
    assert read("contacts.upsert", {"remoteJid": GROUP.raw, "pushName": "x"}) == (Ignored("group_contact"),)


def test_groups_tell_their_people() -> None:
    members = [
        {"id": MARIA_LID.raw, "phoneNumber": MARIA.raw, "admin": "superadmin"},
        {"id": "333@lid", "phoneNumber": "333"},
    ]
    (seen,) = read("groups.upsert", [{"id": GROUP.raw, "subject": "G", "participants": members}])
    assert isinstance(seen, GroupSeen)
    assert seen.participants is not None
    assert [(person.addresses, person.is_admin) for person in seen.participants] == [
        ((MARIA, MARIA_LID), True),
        ((Address("lid", "333", "333@lid"),), False),
    ]
    (changed,) = read("groups.update", {"id": GROUP.raw, "subject": "H"})
    assert changed == GroupSeen(GROUP, "H")
    (left,) = read("group-participants.update", {"id": GROUP.raw, "action": "remove", "participants": [MARIA.raw]})
    assert isinstance(left, ParticipantsChanged)
    assert left.participants[0].addresses == (MARIA,)


def test_typing_is_seen_by_author() -> None:
    presences = {MARIA_LID.raw: {"lastKnownPresence": "recording"}, "x": {}, MARIA.raw: None}
    assert read("presence.update", {"id": GROUP.raw, "presences": presences}) == (
        TypingSeen(GROUP, MARIA_LID, "recording"),
    )


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (401, "logged_out"),
        (402, "restricted"),
        (403, "banned"),
        (406, "banned"),
        (440, "replaced"),
        (428, "reconnecting"),
        (999, "reconnecting"),
    ],
)
def test_a_close_has_a_state_and_a_cause(code: int, state: str) -> None:
    (event,) = read("connection.update", {"state": "close", "statusReason": code})
    assert isinstance(event, ChannelState)
    assert (event.state, event.code) == (state, code)
    assert event.cause
    (status,) = read("status.instance", {"status": "closed", "disconnectionReasonCode": code})
    assert status == event


def test_event_names_are_known_in_every_spelling() -> None:
    data = {"state": "connecting"}
    for spelling in ("connection.update", "CONNECTION_UPDATE", "connection-update"):
        assert isinstance(read(spelling, data)[0], ChannelState)
