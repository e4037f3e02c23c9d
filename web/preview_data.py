"""Sample people and messages for the preview: every message type an agent can meet, in REST shape."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

NOW = datetime.now(UTC)

_numbers = count(1)


def new_id(group: int = 1) -> str:
    return str(UUID(int=(0x01900000_0000_7000_8000 << 48) | (group << 40) | (next(_numbers) * 2654435761 % (1 << 40))))


def at(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")


ANA = {"id": new_id(2), "name": "Ana Ribeiro"}
BRUNO = {"id": new_id(2), "name": "Bruno Lopes"}
CAMILA = {"id": new_id(2), "name": "Camila Prado"}
USERS = [ANA, BRUNO, CAMILA]
ME = {**ANA, "email": "ana@doceencanto.com.br", "role": "tenant_admin"}

LABELS = [
    {"id": new_id(3), "name": name, "color": color}
    for color, name in enumerate(["Reclamação", "Pix pendente", "Cliente fiel", "Orçamento", "Festa", "Atacado"])
]

CHANNELS = [
    {
        "id": new_id(4),
        "name": "Loja",
        "provider": "evolution",
        "phone": "+553135550134",
        "state": "open",
        "cause": None,
        "since": at(26_000),
        "last_event_at": at(0.4),
        "queue": {"waiting": 0, "oldest_at": None},
        "rate": {"used": 7, "limit": 20},
    },
    {
        "id": new_id(4),
        "name": "Encomendas",
        "provider": "evolution",
        "phone": "+5531985550199",
        "state": "reconnecting",
        "cause": "o celular está sem internet",
        "since": at(34),
        "last_event_at": at(34),
        "queue": {"waiting": 4, "oldest_at": at(30)},
        "rate": {"used": 0, "limit": 20},
    },
]

NAMES = [
    "Mariana Alves",
    "Rafael Souza",
    "Seu Jorge Padaria",
    "Luiza Martins",
    "Festa Condomínio Ipê",
    "Thiago Ferraz",
    "Beatriz Nogueira",
    "Otávio Reis",
    "Dona Célia",
    "Helena Prates",
    "Igor Matos",
    "Júlia Campos",
]
TEXTS = [
    "E posso pagar o resto no cartão no dia?",
    "Manda 40 brigadeiros amanhã cedo então",
    "Combinado, obrigada 🙏",
    "O bolo chegou amassado, e agora?",
    "Vocês revendem para o Rio?",
]


def message(conversation: dict[str, Any], direction: str, minutes_ago: float, **fields: Any) -> dict[str, Any]:
    sender = (
        {"kind": "contact", "id": conversation["contact"]["id"], "name": conversation["contact"]["name"]}
        if direction == "in"
        else {"kind": "user", **ANA}
    )
    moment = at(minutes_ago)
    return {
        "id": new_id(5),
        "conversation_id": conversation["id"],
        "channel_id": conversation["channel_id"],
        "provider_id": None,
        "direction": direction,
        "author": sender,
        "type": "text",
        "text": None,
        "media": None,
        "location": None,
        "contacts": None,
        "poll": None,
        "quoted": None,
        "reactions": [],
        "status": "read" if direction == "out" else None,
        "error": None,
        "edited_at": None,
        "deleted_at": None,
        "sent_at": moment,
        "version": int((NOW - timedelta(minutes=minutes_ago)).timestamp() * 1e6),
        **fields,
    }


def media(mime: str, url: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "id": new_id(6),
        "mime": mime,
        "name": None,
        "size": 188_416,
        "seconds": None,
        "width": None,
        "height": None,
        "url": url,
        "state": "ready",
        **fields,
    }


def conversation(index: int) -> dict[str, Any]:
    name = NAMES[index % len(NAMES)] if index < len(NAMES) else f"Cliente {index}"
    made: dict[str, Any] = {
        "id": new_id(1),
        "channel_id": CHANNELS[index % 2]["id"],
        "contact": {
            "id": new_id(7),
            "name": name,
            "phone": f"+55319955501{index:02}"[:14],
            "is_group": "Condomínio" in name,
            "avatar_url": None,
            "blocked": False,
        },
        "status": "open",
        "snoozed_until": None,
        "assignee": [ANA, None, BRUNO][index % 3],
        "labels": LABELS[index % 4 : index % 4 + index % 3],
        "waiting_since": at(index * 9 + 2) if index % 2 == 0 else None,
        "version": int(NOW.timestamp() * 1e6) - index * 1000,
        "inbound_count": 20,
    }
    made["last_message"] = message(
        made, "in" if index % 2 == 0 else "out", index * 9 + 1, text=TEXTS[index % len(TEXTS)]
    )
    return made


def every_type(conversation: dict[str, Any]) -> list[dict[str, Any]]:
    """One thread with all of it, oldest first."""
    peaks = [20 + (step * 37) % 75 for step in range(44)]
    picture = "/static/img/map.svg"
    first = message(conversation, "in", 1500, text="Oii, boa tarde! Vi o bolo de flores no Instagram e me apaixonei 😍")
    quoted = {"id": first["id"], "text": first["text"], "author": first["author"]["name"], "type": "text"}

    def incoming(minutes: float, **fields: Any) -> dict[str, Any]:
        return message(conversation, "in", minutes, **fields)

    def outgoing(minutes: float, **fields: Any) -> dict[str, Any]:
        return message(conversation, "out", minutes, **fields)

    return [
        {
            **incoming(1510, type="text", text="Vim pelo anúncio"),
            "referral": {"title": "Bolos de casamento", "url": "https://exemplo.com.br", "text": "Peça o seu"},
        },
        first,
        incoming(
            1499,
            type="image",
            text="Esse aqui! *lindo* demais",
            media=media("image/jpeg", picture, width=640, height=480, name="bolo.jpg"),
        ),
        {
            **outgoing(1495, type="system", text="Ana assumiu a conversa", icon="user-plus", status=None),
            "author": {"kind": "system", "id": None, "name": ""},
        },
        outgoing(1490, text="Oi, Mariana! Que alegria 🎉 Veja https://exemplo.com.br/bolos_2026.", quoted=quoted),
        outgoing(1489, text="Massa e recheio você já tem em mente?", status="played"),
        incoming(1480, type="voice", media=media("audio/ogg", "/audio.ogg", seconds=34, peaks=peaks)),
        outgoing(1478, type="note", text="O andar sem glúten precisa ser assado na segunda. _Importante_", status=None),
        outgoing(
            1470,
            type="document",
            text="Segue o orçamento",
            media=media("application/pdf", "/doc.pdf", name="Orçamento Mariana - bolo 3 andares.pdf"),
            edited_at=at(1400),
            reactions=[{"emoji": "❤️", "by": "Mariana"}],
        ),
        incoming(
            60,
            type="location",
            location={
                "lat": -19.92,
                "lng": -43.93,
                "name": "Espaço Jardim das Acácias",
                "address": "R. dos Timbiras, 1840",
            },
        ),
        incoming(59, type="contacts", contacts=[{"name": "Noivo Pedro", "phones": ["+5531988880000"]}]),
        incoming(
            58,
            type="poll",
            poll={
                "name": "Qual recheio?",
                "options": [{"name": "Brigadeiro", "votes": 2}, {"name": "Ninho", "votes": 1}],
            },
        ),
        incoming(57, type="poll_vote", text="Brigadeiro"),
        incoming(56, type="sticker", media=media("image/webp", "/static/img/icon.svg", width=120, height=120)),
        incoming(55, type="video", media=media("video/mp4", "/video.mp4", seconds=21, width=640, height=360)),
        incoming(54, type="video_note", media=media("video/mp4", "/video.mp4", seconds=9, width=320, height=320)),
        incoming(53, type="image", media=media("image/jpeg", None, state="pending")),
        incoming(52, type="image", media=media("image/jpeg", None, state="unavailable")),
        incoming(51, type="view_once", text=None),
        incoming(50, type="unsupported", text="newsletterAdminInviteMessage"),
        incoming(49, type="order", text="3 itens, R$ 120,00"),
        incoming(48, type="event", text="Degustação, sexta às 15h"),
        incoming(47, type="reply_button", text="Quero fechar"),
        {**incoming(46, text="Repassando"), "forwarded": True},
        incoming(45, text="sumiu", deleted_at=at(44)),
        outgoing(
            30, text="Não saiu", status="failed", error={"code": "provider.refused", "detail": "O WhatsApp recusou."}
        ),
        outgoing(29, text="Saiu ou não?", status="unconfirmed"),
        outgoing(28, text="Na fila", status="waiting_channel"),
        {
            **outgoing(27, text="Digitado no celular", status="delivered"),
            "author": {"kind": "phone", "id": None, "name": "Loja"},
        },
        incoming(3, text="🥰"),
        incoming(2, text="Perfeito! Qual a chave Pix pra eu mandar os 40%?"),
        incoming(1, text="E posso pagar o resto no cartão no dia?"),
    ]
