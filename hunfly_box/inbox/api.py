"""REST: conversations and their messages."""

from uuid import UUID

from litestar import delete, get, patch, post, put
from litestar.response import Response
from msgspec import UNSET

from hunfly_box.access import permissions, writing
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.inbox import filters, objects, outgoing, queries, searching
from hunfly_box.inbox.bodies import (
    ConversationChange,
    ConversationList,
    FirstMessage,
    MessageList,
    ReactionChange,
    TextChange,
)
from hunfly_box.inbox.commands import changing, deleting, editing, noting, reacting, replying, resending, starting
from hunfly_box.inbox.objects import Conversation, Message
from hunfly_box.inbox.outgoing import Outgoing
from hunfly_box.kit.database import TenantTransaction
from hunfly_box.kit.errors import Forbidden
from hunfly_box.kit.openapi import Cursor, IdempotencyKey, Limit, problems


@get(
    "/api/v1/conversations",
    sync_to_thread=True,
    opt={"permission": "conversation.read"},
    operation_id="listConversations",
    tags=["conversations"],
    responses=problems(),
)
def list_conversations(
    resources: Resources,
    viewer: Viewer,
    status: str | None = None,
    assignee: str | None = None,
    channel: str | None = None,
    label: str | None = None,
    q: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ConversationList:
    """The latest first; with `q`, people by name or number, then what was said. `assignee`: me, none or an id."""
    wanted = filters.parse(status=status, assignee=assignee, channel=channel, label=label)
    query = (q or "").strip()
    if query and not permissions.may(viewer, "search.messages"):
        raise Forbidden
    with resources.database.transaction(viewer.scope()) as tx:
        if query:
            page = searching.search_page(tx, query, wanted, cursor=cursor, limit=limit)
        else:
            page = queries.conversation_page(tx, wanted, cursor=cursor, limit=limit)
    return ConversationList(page.items, page.next)


@get(
    "/api/v1/conversations/{conversation_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "conversation.read"},
    operation_id="getConversation",
    tags=["conversations"],
    responses=problems(404),
)
def get_conversation(resources: Resources, viewer: Viewer, conversation_id: UUID) -> Conversation:
    with resources.database.transaction(viewer.scope()) as tx:
        return queries.conversation(tx, conversation_id)


@patch(
    "/api/v1/conversations/{conversation_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "conversation.update"},
    operation_id="changeConversation",
    tags=["conversations"],
    responses=problems(404),
)
def change_conversation(
    resources: Resources,
    viewer: Viewer,
    conversation_id: UUID,
    data: ConversationChange,
    idempotency_key: IdempotencyKey = None,
) -> Response[Conversation]:
    """Status, snooze, assignee and labels; all of what is given, or nothing."""
    if data.assignee_id is not UNSET and not permissions.may(viewer, "conversation.assign"):
        raise Forbidden

    def write(tx: TenantTransaction) -> Conversation:
        changing.change(
            tx,
            conversation_id,
            status=data.status,
            snoozed_until=data.snoozed_until,
            assignee_id=data.assignee_id,
            labels=data.labels,
        )
        # Whoever has just handed it over is still told how it stands; nobody else gets past the command.
        with tx.as_system():
            return queries.conversation(tx, conversation_id)

    asked = writing.asked(viewer, idempotency_key, f"changeConversation {conversation_id}", data)
    return writing.once(resources, viewer, asked, write)


@get(
    "/api/v1/conversations/{conversation_id:uuid}/messages",
    sync_to_thread=True,
    opt={"permission": "message.read"},
    operation_id="listMessages",
    tags=["messages"],
    responses=problems(404),
)
def list_messages(
    resources: Resources, viewer: Viewer, conversation_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> MessageList:
    """Newest first; the cursor goes to older ones. Notes and the grey lines of the thread are among them."""
    with resources.database.transaction(viewer.scope()) as tx:
        queries.require_conversation(tx, conversation_id)
        page = queries.message_page(tx, conversation_id, cursor=cursor, limit=limit)
    return MessageList(page.items, page.next)


@post(
    "/api/v1/conversations/{conversation_id:uuid}/messages",
    sync_to_thread=True,
    opt={"permission": "message.send"},
    operation_id="sendMessage",
    tags=["messages"],
    responses=problems(404, 409),
)
def send_message(
    resources: Resources,
    viewer: Viewer,
    conversation_id: UUID,
    data: Outgoing,
    idempotency_key: IdempotencyKey = None,
) -> Response[Message]:
    """Queued or waiting for the number; type `note` stays in the house."""

    def write(tx: TenantTransaction) -> Message:
        command = noting.note if data.type == "note" else replying.reply
        message_id = command(tx, conversation_id, data, client_key=idempotency_key)
        return objects.messages(tx, [message_id])[0]

    asked = writing.asked(viewer, idempotency_key, f"sendMessage {conversation_id}", data)
    return writing.once(resources, viewer, asked, write, status=writing.CREATED)


@post(
    "/api/v1/messages",
    sync_to_thread=True,
    opt={"permission": "message.start"},
    operation_id="sendMessageToNumber",
    tags=["messages"],
    responses=problems(404, 409, 502),
)
def send_message_to_number(
    resources: Resources, viewer: Viewer, data: FirstMessage, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    """Asks WhatsApp whether the number is there, and begins the conversation when there is none."""
    asked = writing.asked(viewer, idempotency_key, "sendMessageToNumber", data)
    before = writing.answered_before(resources, viewer, asked)
    if before is not None:
        return before
    outgoing.check(data)
    phone = starting.typed_phone(data.to)
    with writing.running(resources, viewer, asked):
        # The number is looked up before the transaction: nobody waits for the network while holding rows.
        found = starting.look_up(resources, viewer.scope(), data.channel_id, phone)

        def write(tx: TenantTransaction) -> Message:
            message_id = starting.start(tx, data.channel_id, found, data, client_key=idempotency_key)
            return objects.messages(tx, [message_id])[0]

        return writing.once(resources, viewer, asked, write, status=writing.CREATED)


@post(
    "/api/v1/messages/{message_id:uuid}/deliveries",
    sync_to_thread=True,
    opt={"permission": "message.retry"},
    operation_id="sendMessageAgain",
    tags=["messages"],
    responses=problems(404, 409),
)
def send_message_again(
    resources: Resources, viewer: Viewer, message_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    """For one that failed, is not confirmed, or waited too long."""

    def write(tx: TenantTransaction) -> Message:
        resending.send_again(tx, message_id)
        return queries.message(tx, message_id)

    asked = writing.asked(viewer, idempotency_key, f"sendMessageAgain {message_id}")
    return writing.once(resources, viewer, asked, write, status=writing.CREATED)


@patch(
    "/api/v1/messages/{message_id:uuid}",
    sync_to_thread=True,
    opt={"permission": "message.edit"},
    operation_id="editMessage",
    tags=["messages"],
    responses=problems(404, 409),
)
def edit_message(
    resources: Resources, viewer: Viewer, message_id: UUID, data: TextChange, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    """Within fifteen minutes, as on the phone."""

    def write(tx: TenantTransaction) -> Message:
        editing.edit(tx, message_id, data.text)
        return queries.message(tx, message_id)

    asked = writing.asked(viewer, idempotency_key, f"editMessage {message_id}", data)
    return writing.once(resources, viewer, asked, write)


@delete(
    "/api/v1/messages/{message_id:uuid}",
    status_code=200,
    sync_to_thread=True,
    opt={"permission": "message.delete"},
    operation_id="deleteMessage",
    tags=["messages"],
    responses=problems(404, 409),
)
def delete_message(
    resources: Resources, viewer: Viewer, message_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    """For everyone. One that has not left yet never leaves."""

    def write(tx: TenantTransaction) -> Message:
        deleting.delete(tx, message_id)
        return queries.message(tx, message_id)

    asked = writing.asked(viewer, idempotency_key, f"deleteMessage {message_id}")
    return writing.once(resources, viewer, asked, write)


@put(
    "/api/v1/messages/{message_id:uuid}/reaction",
    sync_to_thread=True,
    opt={"permission": "message.react"},
    operation_id="reactToMessage",
    tags=["messages"],
    responses=problems(404, 409),
)
def react_to_message(
    resources: Resources, viewer: Viewer, message_id: UUID, data: ReactionChange, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    """One for the whole number, as on the phone."""

    def write(tx: TenantTransaction) -> Message:
        reacting.react(tx, message_id, data.emoji)
        return queries.message(tx, message_id)

    asked = writing.asked(viewer, idempotency_key, f"reactToMessage {message_id}", data)
    return writing.once(resources, viewer, asked, write)


@delete(
    "/api/v1/messages/{message_id:uuid}/reaction",
    status_code=200,
    sync_to_thread=True,
    opt={"permission": "message.react"},
    operation_id="takeReactionBack",
    tags=["messages"],
    responses=problems(404, 409),
)
def take_reaction_back(
    resources: Resources, viewer: Viewer, message_id: UUID, idempotency_key: IdempotencyKey = None
) -> Response[Message]:
    def write(tx: TenantTransaction) -> Message:
        reacting.take_back(tx, message_id)
        return queries.message(tx, message_id)

    asked = writing.asked(viewer, idempotency_key, f"takeReactionBack {message_id}")
    return writing.once(resources, viewer, asked, write)


ROUTES = [
    list_conversations,
    get_conversation,
    change_conversation,
    list_messages,
    send_message,
    send_message_to_number,
    send_message_again,
    edit_message,
    delete_message,
    react_to_message,
    take_reaction_back,
]
