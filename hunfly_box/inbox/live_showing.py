"""Changed rows → the streams that may see them. Rows are read again: a wrong announcement shows nothing."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from msgspec import Raw

from hunfly_box.bootstrap import Resources
from hunfly_box.channels.objects import channels
from hunfly_box.inbox import live_frames, objects, render
from hunfly_box.inbox.live_frames import Frames, Variant
from hunfly_box.inbox.objects import Conversation, Message
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Scope, TenantTransaction
from hunfly_box.kit.hub import Audience, Hub, Watcher

log = logging.getLogger(__name__)

# One statement's worth; longer lists are read in slices.
AT_ONCE = 200
# A label or a person on more conversations than this: screens see it when they load them next.
MOST_TOUCHED = 200
# Above every version.
GONE = 2**63

ASSIGNEES = "SELECT id, assignee_id FROM app.conversations WHERE tenant_id = app.tenant_id() AND id = ANY (:ids)"
OF_CONTACTS = """
SELECT id FROM app.conversations WHERE tenant_id = app.tenant_id() AND contact_id = ANY (:ids)
ORDER BY last_message_at DESC NULLS LAST LIMIT :most
"""
OF_LABELS = """
SELECT conversation_id AS id FROM app.conversation_labels WHERE tenant_id = app.tenant_id() AND label_id = ANY (:ids)
LIMIT :most
"""
# Where a conversation went that is no more: the line its merge left in the log.
MERGED_INTO = """
SELECT conversation_id FROM app.live_versions
WHERE tenant_id = app.tenant_id() AND kind = 'conversation' AND entity_id = :id AND conversation_id <> :id
ORDER BY version DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Plain:
    """A message that needs no HTML, and its conversation where the message is the newest.

    For a caller that has just written both and knows them by heart: nothing is read again.
    """

    tenant_id: UUID
    message: Message
    conversation: Conversation | None
    assignee_id: UUID | None


def push_plain(hub: Hub, plain: Iterable[Plain]) -> None:
    """In the event loop. Encoded once, also as the last message of its conversation."""
    for one in plain:
        message, conversation = one.message, one.conversation
        data = live_frames.encode(message)
        body = live_frames.frame("message", data, message.version)
        if conversation is not None:
            conversation.last_message = cast("Message", Raw(data))
            body += live_frames.conversation_frame(conversation)
        audience = Audience(one.assignee_id)
        hub.push_alike(one.tenant_id, body, audience.has)
        hub.note_shown(message.id, message.version)
        if conversation is not None:
            _tell_who_lost_sight(hub, one.tenant_id, conversation, audience)


def push_conversation(hub: Hub, tenant_id: UUID, conversation: Conversation) -> None:
    """In the event loop."""
    audience = Audience(UUID(conversation.assignee.id) if conversation.assignee else None)
    hub.push_alike(tenant_id, live_frames.conversation_frame(conversation), audience.has)
    _tell_who_lost_sight(hub, tenant_id, conversation, audience)


def _tell_who_lost_sight(hub: Hub, tenant_id: UUID, conversation: Conversation, audience: Audience) -> None:
    """It was pushed; who saw it until now and does so no longer is told that it left."""
    hub.note_shown(conversation.id, conversation.version)
    before = hub.audience_before(tenant_id, conversation.id, audience)
    if before is not audience:
        gone = live_frames.gone_frame(conversation.id, conversation.version)
        hub.push_alike(
            tenant_id, gone, lambda watcher: not audience.has(watcher) and (before is None or before.has(watcher))
        )


def show(resources: Resources, changes: Sequence[Changed]) -> None:
    """From any thread but the event loop's. A tenant nobody watches costs nothing."""
    by_tenant: dict[UUID, list[Changed]] = {}
    for change in changes:
        by_tenant.setdefault(change.tenant_id, []).append(change)
    for tenant_id, its_changes in by_tenant.items():
        if resources.hub.watches(tenant_id):
            for start in range(0, len(its_changes), AT_ONCE):
                _show_slice(resources, tenant_id, its_changes[start : start + AT_ONCE])


def _show_slice(resources: Resources, tenant_id: UUID, changes: list[Changed]) -> None:
    hub = resources.hub
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        wanted = _conversation_ids(tx, changes)
        messages = objects.messages(tx, _ids(changes, "message"))
        conversations = objects.conversations(tx, wanted)
        numbers = _ids(changes, "channel")
        limit = resources.settings.sends_per_minute
        shown_channels = channels(tx, numbers, sends_per_minute=limit) if numbers else []
        assignees = _assignees(tx, messages)
        missing = set(wanted) - {UUID(conversation.id) for conversation in conversations}
        gone = {id_: tx.scalar(MERGED_INTO, id=id_) for id_ in missing}
    variants = hub.variants(tenant_id)
    for message in messages:
        audience = Audience(assignees.get(message.conversation_id))
        frames = live_frames.message_frames(message, variants, _renderer(resources))
        hub.call(hub.push, tenant_id, frames, audience.has)
        hub.note_shown(message.id, message.version)
        if message.direction == "out" and message.status is not None:
            status = live_frames.status_frame(message)
            hub.call(hub.push_alike, tenant_id, status, audience.has)
    for conversation in conversations:
        hub.call(push_conversation, hub, tenant_id, conversation)
    for channel in shown_channels:
        body = live_frames.plain_frame("channel", channel, channel.version)
        hub.call(hub.push_alike, tenant_id, body)
        hub.note_shown(str(channel.id), channel.version)
    for id_, into in gone.items():
        body = live_frames.gone_frame(id_, None, str(into) if into else None)
        hub.call(hub.push_alike, tenant_id, body)
        hub.note_shown(str(id_), GONE)


def _ids(changes: Iterable[Changed], kind: str) -> list[UUID]:
    return list(dict.fromkeys(change.entity_id for change in changes if change.kind == kind))


def _conversation_ids(tx: TenantTransaction, changes: list[Changed]) -> list[UUID]:
    """Those that changed, and those that show a person or a label that did."""
    found = dict.fromkeys(_ids(changes, "conversation"))
    if contacts := _ids(changes, "contact"):
        found |= dict.fromkeys(tx.scalars(OF_CONTACTS, ids=contacts, most=MOST_TOUCHED))
    if labels := _ids(changes, "label"):
        found |= dict.fromkeys(tx.scalars(OF_LABELS, ids=labels, most=MOST_TOUCHED))
    return list(found)


def _assignees(tx: TenantTransaction, messages: list[Message]) -> dict[str, UUID | None]:
    ids = list({UUID(message.conversation_id) for message in messages})
    lines = tx.all(dict[str, Any], ASSIGNEES, ids=ids) if ids else []
    return {str(line["id"]): line["assignee_id"] for line in lines}


def _renderer(resources: Resources) -> live_frames.Render:
    return lambda message, locale, zone: render.bubble_html(resources.templates, message, locale, zone)


def frames_for(resources: Resources, message: Message, variant: Variant, cursor: int) -> bytes:
    frames: Frames = live_frames.message_frames(message, [variant], _renderer(resources), cursor)
    return frames[variant]


def to_person(hub: Hub, tenant_id: UUID, user_id: UUID, body: bytes) -> None:
    """In the event loop: to every screen of one person."""

    def is_theirs(watcher: Watcher) -> bool:
        return watcher.user_id == user_id

    hub.push_alike(tenant_id, body, is_theirs)
