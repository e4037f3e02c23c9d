"""Customers to begin with, and the small talk that an old number brings along."""

from __future__ import annotations

import time

from hunfly_box.simulator.model import Contact, Group, Instance, Row, World
from hunfly_box.simulator.shapes import phone_message_id

# A customer of each kind: by number, by LID with a number, by LID alone, with and without the ninth digit.
PEOPLE = (
    ("Maria Aparecida", "5511988880001", None, "pn"),
    ("João Batista", "5521977770002", None, "pn"),
    ("Lívia Fonseca", "5511966660003", "182736455463701", "lid"),
    ("Sem Número", None, "190817263544028", "lid"),
    ("Rafael de Minas", "553188880005", None, "pn"),
    ("Carmen López", "5491155550006", "176543210987604", "pn"),
)
GROUP_JID = "120363000000000001@g.us"
GROUP_SUBJECT = "Condomínio Jardim"

# The customer begins, the shop answers, by turns.
TALK = (
    "Bom dia! Vocês abrem aos sábados?",
    "Abrimos sim, das 9h às 14h.",
    "Que bom! E o pedido, já saiu para entrega?",
    "Saiu agora há pouco, chega em 40 minutos.",
    "Perfeito 👍",
    "Qualquer coisa, é só chamar!",
)
MINUTES_BETWEEN = 47


def fill(world: World) -> None:
    for n, (name, number, lid, addressing) in enumerate(PEOPLE):
        if f"sample-{n}" not in world.contacts:
            world.add_contact(
                name, id=f"sample-{n}", number=number, lid=lid, addressing=addressing, picture=int(n % 3 != 1)
            )
    if GROUP_JID not in world.groups:
        world.groups[GROUP_JID] = Group(GROUP_JID, GROUP_SUBJECT, ["sample-0", "sample-1", "sample-2"])


def old_message(instance: Instance, contact: Contact, n: int, total: int) -> Row:
    """The n-th of so many with this customer: question and answer by turns, the last one not long ago."""
    own = n % 2 == 1
    row = Row(
        chat=contact.id,
        key={
            "remoteJid": contact.stored_jid,
            "fromMe": own,
            "id": phone_message_id(),
            "participant": "",
            "addressingMode": contact.addressing,
        },
        message={"conversation": TALK[n % len(TALK)]},
        message_type="conversation",
        timestamp=int(time.time()) - (total - n) * MINUTES_BETWEEN * 60,
        push_name="Você" if own else contact.name,
        source="android",
        status="READ" if own else "DELIVERY_ACK",
        author=None if own else contact.id,
        history=True,
        seen_by_engine=False,
    )
    instance.rows[row.key_id] = row
    return row
