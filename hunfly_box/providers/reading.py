"""The line an agent reads for a message or an event, in pt-BR, with its key for translation."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from hunfly_box.kit.i18n import mark
from hunfly_box.providers.port import (
    CallSeen,
    ChannelState,
    ChatGone,
    ContactSeen,
    Edited,
    Event,
    GroupSeen,
    Ignored,
    IncomingMessage,
    MessageType,
    Parked,
    ParticipantsChanged,
    PollTally,
    QrShown,
    ReactionChanged,
    Revoked,
    StatusChange,
    TypingSeen,
)


class Reading(Struct, frozen=True):
    """`key` is the text in pt-BR with `{places}`, and the msgid to translate it by; `params` fill the places."""

    key: str
    params: dict[str, str] = {}

    @property
    def text(self) -> str:
        return self.key.format_map(self.params)


# Alone, and with what was written beside it.
LABELS: dict[MessageType, tuple[str, str]] = {
    "image": (mark("📷 Foto"), mark("📷 Foto: {text}")),
    "video": (mark("🎬 Vídeo"), mark("🎬 Vídeo: {text}")),
    "video_note": (mark("🎬 Vídeo redondo"), mark("🎬 Vídeo redondo: {text}")),
    "audio": (mark("🎵 Áudio"), mark("🎵 Áudio: {text}")),
    "voice": (mark("🎤 Mensagem de voz"), mark("🎤 Mensagem de voz: {text}")),
    "document": (mark("📄 Documento"), mark("📄 Documento: {text}")),
    "sticker": (mark("🩷 Figurinha"), mark("🩷 Figurinha: {text}")),
    "location": (mark("📍 Localização"), mark("📍 Localização: {text}")),
    "live_location": (mark("📍 Localização em tempo real"), mark("📍 Localização em tempo real: {text}")),
    "contacts": (mark("👤 Contato"), mark("👤 Contato: {text}")),
    "poll": (mark("📊 Enquete"), mark("📊 Enquete: {text}")),
    "poll_vote": (mark("🗳️ Voto na enquete"), mark("🗳️ Voto na enquete: {text}")),
    "reply_button": (mark("↩️ Escolheu uma opção"), mark("↩️ Escolheu: {text}")),
    "order": (mark("🛒 Pedido"), mark("🛒 Pedido: {text}")),
    "event": (mark("📅 Evento"), mark("📅 Evento: {text}")),
    "view_once": (mark("👁️ Visualização única: abra no celular"), mark("👁️ Visualização única: {text}")),
    "unsupported": (
        mark("Mensagem não suportada: abra no celular"),
        mark("Mensagem não suportada: {text}"),
    ),
}
PLAIN = "{text}"
SECONDS_PER_MINUTE = 60


def preview(
    kind: MessageType,
    text: str | None = None,
    *,
    file_name: str | None = None,
    seconds: int | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Reading:
    """One line for a list: a label and, where there are any, the words or the file's name."""
    said = text or _words(kind, file_name, seconds, payload or {})
    alone, with_words = LABELS.get(kind, (PLAIN, PLAIN))
    if not said and alone is not PLAIN:
        return Reading(alone)
    return Reading(with_words, {"text": " ".join((said or "").split())})


def _words(kind: MessageType, file_name: str | None, seconds: int | None, payload: Mapping[str, Any]) -> str | None:
    if kind == "document":
        return file_name
    if kind in ("voice", "audio") and seconds is not None:
        return f"{seconds // SECONDS_PER_MINUTE}:{seconds % SECONDS_PER_MINUTE:02}"
    if kind in ("location", "live_location"):
        return payload.get("name") or payload.get("address")
    if kind == "contacts":
        names = [person.get("name") or "?" for person in payload.get("contacts") or []]
        return ", ".join(names)
    if kind == "poll_vote":
        return ", ".join(payload.get("options") or [])
    for field in ("question", "title", "name"):
        if payload.get(field):
            return str(payload[field])
    return None


def readable(event: Event) -> Reading:
    """What an event means to a person; parked and ignored ones say why."""
    if isinstance(event, IncomingMessage):
        media = event.media
        return preview(
            event.type,
            event.text,
            file_name=media.name if media else None,
            seconds=media.seconds if media else None,
            payload=event.payload,
        )
    key, *params = _told(event)
    return Reading(key, dict(zip(("text", "more"), params, strict=False)))


STATUS_WORDS = {
    "sending": mark("Enviando"),
    "sent": mark("Enviada"),
    "delivered": mark("Entregue"),
    "read": mark("Lida"),
    "played": mark("Ouvida"),
    "failed": mark("Não enviada"),
}
CHANNEL_WORDS = {
    "qr": mark("Aguardando a leitura do QR code"),
    "connecting": mark("Conectando"),
    "open": mark("Conectado"),
    "reconnecting": mark("Reconectando"),
    "logged_out": mark("Desconectado: leia o QR code de novo"),
    "banned": mark("Número banido pelo WhatsApp"),
    "restricted": mark("Número restrito por um tempo pelo WhatsApp"),
    "replaced": mark("Número em uso por outro programa"),
    "engine_down": mark("Motor do WhatsApp fora do ar"),
}
# Where the state alone would mislead.
CAUSE_WORDS = {
    "qr_timeout": mark("O tempo para ler o QR code acabou: comece de novo"),
    "removed": mark("Número removido do motor do WhatsApp"),
    "unspecified": mark("Desconectado"),
}
TYPING_WORDS = {
    "composing": mark("digitando…"),
    "recording": mark("gravando áudio…"),
    "paused": mark("parou de digitar"),
    "available": mark("online"),
    "unavailable": mark("offline"),
}
PARTICIPANT_WORDS = {
    "add": mark("Entraram no grupo: {text}"),
    "remove": mark("Saíram do grupo: {text}"),
    "promote": mark("Agora administram o grupo: {text}"),
    "demote": mark("Não administram mais o grupo: {text}"),
    "modify": mark("Mudaram de número no grupo: {text}"),
}


def _told(event: Event) -> tuple[str, ...]:  # noqa: C901 - one line for each kind of event
    match event:
        case StatusChange():
            return (STATUS_WORDS[event.status],)
        case Edited():
            return mark("✏️ Editada: {text}"), event.text
        case Revoked():
            return (mark("🚫 Mensagem apagada"),)
        case ReactionChanged(emoji=""):
            return (mark("Reação removida"),)
        case ReactionChanged():
            return mark("Reagiu com {text}"), event.emoji
        case PollTally():
            return mark("📊 Enquete: {text}"), ", ".join(f"{o.name} {len(o.voters)}" for o in event.options)
        case ContactSeen():
            return mark("Contato: {text} ({more})"), event.name or "?", _list(event.addresses)
        case GroupSeen():
            return mark("Grupo: {text}"), event.subject or event.group.value
        case ParticipantsChanged():
            people = ", ".join(person.name or person.addresses[0].value for person in event.participants)
            return PARTICIPANT_WORDS[event.action], people
        case ChannelState():
            return (CAUSE_WORDS.get(event.cause or "") or CHANNEL_WORDS[event.state],)
        case QrShown():
            return (mark("QR code para ler no celular"),)
        case TypingSeen():
            return (TYPING_WORDS[event.kind],)
        case CallSeen(is_video=True):
            return (mark("📞 Chamada de vídeo"),)
        case CallSeen():
            return (mark("📞 Chamada de voz"),)
        case ChatGone():
            return (mark("Conversa apagada no celular"),)
        case Ignored():
            return "ignored: {text}", event.reason
        case Parked():
            return "parked: {text}", event.reason
    raise AssertionError(event)


def _list(addresses: tuple[Any, ...]) -> str:
    return ", ".join(address.value for address in addresses)
