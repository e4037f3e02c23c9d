"""What happens in groups: somebody founds one, renames it, comes or goes."""

from __future__ import annotations

from hunfly_box.simulator import jids, views
from hunfly_box.simulator.commands import Command, contact_of, instance_of
from hunfly_box.simulator.engine import Engine
from hunfly_box.simulator.model import Contact, Group
from hunfly_box.simulator.shapes import Json, without_nothing

GROUP_PREFIX = "1203630000"


def add_group(
    engine: Engine,
    subject: str,
    members: list[str],
    addressing: str = "lid",
    jid: str | None = None,
    instance: str | None = None,
) -> Json:
    """With `instance`, that number is told of the new group."""
    people = [contact_of(engine.world, member) for member in members]
    made = jid or f"{GROUP_PREFIX}{len(engine.world.groups) + 10:08d}{jids.GROUP}"
    group = Group(made, subject, [one.id for one in people], addressing)
    engine.world.groups[made] = group
    engine.show(type="contacts")
    if instance is not None:
        found = instance_of(engine.world, instance)
        owner = people[0].live_jid if people else found.owner_jid
        told: Json = {"id": made, "subject": subject, "owner": owner, "creation": group.created}
        ranks = ["superadmin"] + [None] * len(people)
        told["participants"] = [
            {"id": address_in(group, one), "admin": rank} for one, rank in zip(people, ranks, strict=False)
        ]
        engine.when_connected(found, lambda: engine.webhooks.queue(found, "groups.upsert", [told]))
    return views.group(group)


def rename_group(engine: Engine, instance: str, group: str, author: str, subject: str) -> None:
    """Reaches only those who smuggled GROUPS_UPDATE in at creation: the engine's list does not know it."""
    found, known = instance_of(engine.world, instance), engine.world.groups[group]
    known.subject = subject
    engine.show(type="contacts")
    told = {"id": group, "subject": subject, "author": address_in(known, contact_of(engine.world, author))}
    engine.when_connected(found, lambda: engine.webhooks.queue(found, "groups.update", [told]))


def change_members(
    engine: Engine, instance: str, group: str, author: str, members: list[str], action: str = "add"
) -> None:
    found, known = instance_of(engine.world, instance), engine.world.groups[group]
    people = [contact_of(engine.world, member) for member in members]
    if action == "add":
        known.members += [one.id for one in people if one.id not in known.members]
    elif action == "remove":
        known.members = [one for one in known.members if one not in {person.id for person in people}]
    engine.show(type="contacts")
    told = {
        "id": group,
        "author": address_in(known, contact_of(engine.world, author)),
        "participants": [address_in(known, one) for one in people],
        "action": action,
        "participantsData": [_shown(engine, known, one) for one in people],
    }
    engine.when_connected(found, lambda: engine.webhooks.queue(found, "group-participants.update", told))


def address_in(group: Group, contact: Contact) -> str:
    return contact.raw_jid if group.addressing == "lid" else contact.live_jid


def _shown(engine: Engine, group: Group, contact: Contact) -> Json:
    jid = address_in(group, contact)
    # A member without a known number gets the privacy id's digits in its place, as from the engine.
    number = contact.pn_jid or jids.digits_of(jid)
    shown: Json = {"jid": jid, "phoneNumber": number, "name": None}
    return shown | without_nothing(imgUrl=engine.world.picture_url(contact))


GROUP_COMMANDS: dict[str, Command] = {one.__name__: one for one in (add_group, rename_group, change_members)}
