"""The `/group` routes that only read."""

from __future__ import annotations

from hunfly_box.simulator import jids
from hunfly_box.simulator.contract_call import Answer, Call
from hunfly_box.simulator.contract_errors import ContractError, bad_request
from hunfly_box.simulator.model import Contact, Group
from hunfly_box.simulator.shapes import Json, without_nothing


async def all_groups(call: Call) -> Answer:
    wanted = call.query.get("getParticipants")
    if wanted not in ("true", "false"):
        raise bad_request("The getParticipants needs to be informed in the query")
    groups = call.engine.world.groups.values()
    return 200, [_group(call, group, with_members=wanted == "true") for group in groups]


async def group_infos(call: Call) -> Answer:
    return 200, _group(call, _asked_group(call), with_members=True)


async def group_participants(call: Call) -> Answer:
    return 200, {"participants": _members(call, _asked_group(call))}


def _asked_group(call: Call) -> Group:
    jid = call.query.get("groupJid")
    if not jid:
        raise bad_request("The group id needs to be informed in the query")
    group = call.engine.world.groups.get(jid)
    if group is None:
        raise ContractError(404, ["Error fetching group", "item-not-found"])
    return group


def _group(call: Call, group: Group, *, with_members: bool) -> Json:
    owner = _member(call, group.members[0]).live_jid if group.members else None
    shown: Json = {
        "id": group.jid,
        "subject": group.subject,
        "subjectOwner": owner,
        "subjectTime": group.created,
        "pictureUrl": f"{call.engine.world.pictures_at}/store/pictures/{jids.digits_of(group.jid)}.jpg?oe=0",
        "size": len(group.members) + 1,
        "creation": group.created,
        "owner": owner,
        "desc": group.description,
        "descId": "X",
        "restrict": False,
        "announce": False,
    }
    return shown | ({"participants": _members(call, group)} if with_members else {})


def _member(call: Call, contact_id: str) -> Contact:
    return call.engine.world.contacts[contact_id]


def _members(call: Call, group: Group) -> list[Json]:
    shown = []
    for n, member in enumerate(group.members):
        contact = _member(call, member)
        by_lid = group.addressing == "lid" and contact.lid_jid is not None
        entry: Json = {"id": contact.lid_jid if by_lid else contact.live_jid}
        entry |= without_nothing(phoneNumber=contact.pn_jid)
        shown.append(entry | {"admin": "superadmin" if n == 0 else None})
    own = {"id": call.instance.owner_jid, "phoneNumber": call.instance.owner_jid, "admin": None}
    return [*shown, own] if call.instance.owner_jid else shown
