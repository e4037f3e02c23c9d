"""The line an agent reads for a message or an event, for the table of meanings."""

from collections.abc import Mapping
from typing import Any

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

# Alone, and with what was written beside it.
LABELS: dict[MessageType, tuple[str, str]] = {
    "image": ("📷 Foto", "📷 Foto: {text}"),
    "video": ("🎬 Vídeo", "🎬 Vídeo: {text}"),
    "video_note": ("🎬 Vídeo redondo", "🎬 Vídeo redondo: {text}"),
    "audio": ("🎵 Áudio", "🎵 Áudio: {text}"),
    "voice": ("🎤 Mensagem de voz", "🎤 Mensagem de voz: {text}"),
    "document": ("📄 Documento", "📄 Documento: {text}"),
    "sticker": ("🩷 Figurinha", "🩷 Figurinha: {text}"),
    "location": ("📍 Localização", "📍 Localização: {text}"),
    "live_location": ("📍 Localização em tempo real", "📍 Localização em tempo real: {text}"),
    "contacts": ("👤 Contato", "👤 Contato: {text}"),
    "poll": ("📊 Enquete", "📊 Enquete: {text}"),
    "poll_vote": ("🗳️ Voto na enquete", "🗳️ Voto na enquete: {text}"),
    "reply_button": ("↩️ Escolheu uma opção", "↩️ Escolheu: {text}"),
    "order": ("🛒 Pedido", "🛒 Pedido: {text}"),
    "event": ("📅 Evento", "📅 Evento: {text}"),
    "view_once": ("👁️ Visualização única: abra no celular", "👁️ Visualização única: {text}"),
    "unsupported": (
        "Mensagem não suportada: abra no celular",
        "Mensagem não suportada: {text}",
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
) -> str:
    """One line for a list: a label and, where there are any, the words or the file's name."""
    said = text or _words(kind, file_name, seconds, payload or {})
    alone, with_words = LABELS.get(kind, (PLAIN, PLAIN))
    if not said and alone is not PLAIN:
        return alone
    return with_words.format(text=" ".join((said or "").split()))


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


def readable(event: Event) -> str:
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
    line, *words = _told(event)
    return line.format(**dict(zip(("text", "more"), words, strict=False)))


STATUS_WORDS = {
    "sending": "Enviando",
    "sent": "Enviada",
    "delivered": "Entregue",
    "read": "Lida",
    "played": "Ouvida",
    "failed": "Não enviada",
}
CHANNEL_WORDS = {
    "qr": "Aguardando a leitura do QR code",
    "connecting": "Conectando",
    "open": "Conectado",
    "reconnecting": "Reconectando",
    "logged_out": "Desconectado: leia o QR code de novo",
    "banned": "Número banido pelo WhatsApp",
    "restricted": "Número restrito por um tempo pelo WhatsApp",
    "replaced": "Número em uso por outro programa",
    "engine_down": "Motor do WhatsApp fora do ar",
}
# Where the state alone would mislead.
CAUSE_WORDS = {
    "qr_timeout": "O tempo para ler o QR code acabou: comece de novo",
    "removed": "Número removido do motor do WhatsApp",
    "unspecified": "Desconectado",
}
TYPING_WORDS = {
    "composing": "digitando…",
    "recording": "gravando áudio…",
    "paused": "parou de digitar",
    "available": "online",
    "unavailable": "offline",
}
PARTICIPANT_WORDS = {
    "add": "Entraram no grupo: {text}",
    "remove": "Saíram do grupo: {text}",
    "promote": "Agora administram o grupo: {text}",
    "demote": "Não administram mais o grupo: {text}",
    "modify": "Mudaram de número no grupo: {text}",
}


def _told(event: Event) -> tuple[str, ...]:  # noqa: C901 - one line for each kind of event
    match event:
        case StatusChange():
            return (STATUS_WORDS[event.status],)
        case Edited():
            return "✏️ Editada: {text}", event.text
        case Revoked():
            return ("🚫 Mensagem apagada",)
        case ReactionChanged(emoji=""):
            return ("Reação removida",)
        case ReactionChanged():
            return "Reagiu com {text}", event.emoji
        case PollTally():
            return "📊 Enquete: {text}", ", ".join(f"{o.name} {len(o.voters)}" for o in event.options)
        case ContactSeen():
            return "Contato: {text} ({more})", event.name or "?", _list(event.addresses)
        case GroupSeen():
            return "Grupo: {text}", event.subject or event.group.value
        case ParticipantsChanged():
            people = ", ".join(person.name or person.addresses[0].value for person in event.participants)
            return PARTICIPANT_WORDS[event.action], people
        case ChannelState():
            return (CAUSE_WORDS.get(event.cause or "") or CHANNEL_WORDS[event.state],)
        case QrShown():
            return ("QR code para ler no celular",)
        case TypingSeen():
            return (TYPING_WORDS[event.kind],)
        case CallSeen(is_video=True):
            return ("📞 Chamada de vídeo",)
        case CallSeen():
            return ("📞 Chamada de voz",)
        case ChatGone():
            return ("Conversa apagada no celular",)
        case Ignored():
            return "ignored: {text}", event.reason
        case Parked():
            return "parked: {text}", event.reason
    raise AssertionError(event)


def _list(addresses: tuple[Any, ...]) -> str:
    return ", ".join(address.value for address in addresses)
