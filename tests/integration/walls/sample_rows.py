"""One row of every table for a tenant, written by the administrator, so that each wall has something to hide."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from hunfly_box.kit.ids import new_id

INSERTS = {
    "tenants": "INSERT INTO app.tenants (id, name, slug, agents_see_queue) VALUES (%(tenant)s, 'T', %(slug)s, false)",
    "users": "INSERT INTO app.users (id, email, name, password_hash) VALUES (%(user)s, %(email)s, 'U', 'x'), (%(other)s, %(email2)s, 'O', 'x')",
    "memberships": "INSERT INTO app.memberships (tenant_id, user_id, role, name) VALUES (%(tenant)s, %(user)s, 'agent', 'U'), (%(tenant)s, %(other)s, 'agent', 'O')",
    "api_tokens": "INSERT INTO app.api_tokens (id, tenant_id, user_id, prefix, token_hash, scopes, expires_at) VALUES (%(token)s, %(tenant)s, %(user)s, %(slug)s, 'x', '{}', now())",
    "channels": "INSERT INTO app.channels (tenant_id, id, name, provider, instance, engine_url, route_key, secrets) VALUES (%(tenant)s, %(channel)s, 'C', 'evolution', 'same', 'http://x', %(slug)s, 'x')",
    "channel_health": "INSERT INTO app.channel_health (tenant_id, channel_id) VALUES (%(tenant)s, %(channel)s)",
    "channel_sends": "INSERT INTO app.channel_sends (tenant_id, channel_id, delivery_id) VALUES (%(tenant)s, %(channel)s, %(delivery)s)",
    "contacts": "INSERT INTO app.contacts (tenant_id, id, name) VALUES (%(tenant)s, %(contact)s, 'Person')",
    "contact_identities": "INSERT INTO app.contact_identities (tenant_id, id, contact_id, kind, value, address) VALUES (%(tenant)s, %(identity)s, %(contact)s, 'phone', '+5511999990000', 'x')",
    "conversations": "INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, assignee_id) VALUES (%(tenant)s, %(conversation)s, %(channel)s, %(contact)s, %(user)s)",
    "rounds": "INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (%(tenant)s, %(round)s, %(conversation)s)",
    "media": "INSERT INTO app.media (tenant_id, id, conversation_id, mime) VALUES (%(tenant)s, %(media)s, %(conversation)s, 'image/png')",
    "messages": "INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, text, provider_id, sent_at) VALUES (%(tenant)s, %(message)s, %(conversation)s, %(channel)s, 'in', 'text', 'contact', %(word)s, 'SAME-ID', now())",
    "message_revisions": "INSERT INTO app.message_revisions (tenant_id, id, message_id) VALUES (%(tenant)s, %(revision)s, %(message)s)",
    "reactions": "INSERT INTO app.reactions (tenant_id, message_id, reactor, emoji, reacted_at_ms) VALUES (%(tenant)s, %(message)s, 'us', 'x', 1)",
    "labels": "INSERT INTO app.labels (tenant_id, id, name) VALUES (%(tenant)s, %(label)s, 'same label')",
    "conversation_labels": "INSERT INTO app.conversation_labels (tenant_id, conversation_id, label_id) VALUES (%(tenant)s, %(conversation)s, %(label)s)",
    "contact_labels": "INSERT INTO app.contact_labels (tenant_id, contact_id, label_id) VALUES (%(tenant)s, %(contact)s, %(label)s)",
    "conversation_reads": "INSERT INTO app.conversation_reads (tenant_id, conversation_id, user_id, inbound_seen) VALUES (%(tenant)s, %(conversation)s, %(user)s, 0)",
    "drafts": "INSERT INTO app.drafts (tenant_id, conversation_id, user_id, text) VALUES (%(tenant)s, %(conversation)s, %(user)s, 'x')",
    "deliveries": "INSERT INTO app.deliveries (tenant_id, id, message_id, conversation_id, channel_id) VALUES (%(tenant)s, %(delivery)s, %(message)s, %(conversation)s, %(channel)s)",
    "work": "INSERT INTO app.work (tenant_id, id, kind, dedup_key) VALUES (%(tenant)s, %(work)s, 'k', 'same')",
    "journal": "INSERT INTO app.journal (tenant_id, id, channel_id, event, state, body) VALUES (%(tenant)s, %(journal)s, %(channel)s, 'e', 'parked', 'x')",
    "pending_changes": "INSERT INTO app.pending_changes (tenant_id, id, channel_id, provider_id, change) VALUES (%(tenant)s, %(pending)s, %(channel)s, 'SAME-ID', '{}')",
    "live_versions": None,  # written by the triggers
    "idempotency_keys": "INSERT INTO app.idempotency_keys (tenant_id, user_id, key, body_sha256) VALUES (%(tenant)s, %(user)s, 'same', 'x')",
    "audit": "INSERT INTO app.audit (tenant_id, id, actor, action) VALUES (%(tenant)s, %(audit)s, 'a', 'b')",
    "search_queue": None,  # written by the triggers
    "message_search": "INSERT INTO app.message_search (tenant_id, message_id, conversation_id, sent_at, version, words) VALUES (%(tenant)s, %(message)s, %(conversation)s, now(), 1, to_tsvector('app.words', %(word)s))",
}

TENANT_TABLES = sorted(set(INSERTS) - {"tenants", "users"})


@dataclass(frozen=True)
class Sample:
    """The ids of one tenant's rows; `user` is the agent the conversation is assigned to, `other` a colleague."""

    tenant: UUID
    user: UUID
    other: UUID
    ids: dict[str, object]


def fill(connection: Connection, word: str) -> Sample:
    names = "tenant user other token channel contact identity conversation round media message revision label delivery work journal pending audit"
    ids: dict[str, object] = {name: new_id() for name in names.split()}
    ids |= {"slug": str(ids["tenant"]), "email": f"{ids['user']}@x", "email2": f"{ids['other']}@x", "word": word}
    for statement in INSERTS.values():
        if statement:
            connection.execute(statement, ids)
    return Sample(ids["tenant"], ids["user"], ids["other"], ids)  # type: ignore[arg-type]
