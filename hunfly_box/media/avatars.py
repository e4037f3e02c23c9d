"""Profile pictures and groups' names: asked of the provider now and then, fetched at once (links expire), and kept."""

from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import connecting
from hunfly_box.channels import queries as channels
from hunfly_box.kit import egress
from hunfly_box.kit.announcing import Changed
from hunfly_box.kit.database import Scope
from hunfly_box.kit.egress import EgressFailed, EgressRefused
from hunfly_box.kit.work import GiveUp, RetryLater
from hunfly_box.media import fetching
from hunfly_box.providers.messenger import ProviderError, Refused
from hunfly_box.providers.port import picture_mark

MOST_BYTES = 2 * 1024 * 1024
# An engine that does not answer is asked for pictures again much later: initials do in the meantime.
RETRY_SECONDS = 600.0

WHERE_TO_ASK = """
SELECT v.channel_id, i.address, i.kind = 'group' AS is_group FROM app.contact_identities i
JOIN app.conversations v ON v.tenant_id = i.tenant_id AND v.contact_id = i.contact_id
JOIN app.channels c ON c.tenant_id = v.tenant_id AND c.id = v.channel_id
WHERE i.contact_id = :id
ORDER BY c.state = 'open' DESC, i.kind = 'phone' DESC, v.last_message_at DESC NULLS LAST LIMIT 1
"""
# An engine that knows of no picture may only have failed to ask: the last one stays.
NOTE = """
WITH before AS (SELECT k.id, k.avatar_sha256, k.push_name FROM app.contacts k WHERE k.id = :id FOR UPDATE)
UPDATE app.contacts c SET avatar_checked_at = now(), avatar_sha256 = coalesce(:sha256, c.avatar_sha256),
                          avatar_mark = coalesce(:mark, c.avatar_mark), push_name = coalesce(:subject, c.push_name)
FROM before b WHERE c.id = b.id
RETURNING (c.avatar_sha256, c.push_name) IS DISTINCT FROM (b.avatar_sha256, b.push_name)
"""
CONVERSATIONS = "UPDATE app.conversations SET version = version WHERE contact_id = :id RETURNING id"


def fetch(resources: Resources, tenant_id: UUID, contact_id: UUID) -> None:
    """Raises RetryLater and GiveUp."""
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        asked = tx.maybe(dict[str, object], WHERE_TO_ASK, id=contact_id)
        line = channels.line(tx, UUID(str(asked["channel_id"]))) if asked else None
    if asked is None or line is None:
        raise GiveUp("no number to ask through")
    _, messenger = connecting.messenger_of(resources, tenant_id, line)
    subject = None
    try:
        if asked["is_group"]:
            group = messenger.group(str(asked["address"]))
            subject, url = group.subject, group.picture_url
        else:
            url = messenger.picture_url(str(asked["address"]))
        content = egress.fetch(url, max_bytes=MOST_BYTES, trusted_origins=[line.engine_url])[0] if url else None
    except (EgressRefused, Refused) as error:
        _note(resources, tenant_id, contact_id, None, None, subject)
        raise GiveUp(str(error)) from error
    except (EgressFailed, ProviderError) as error:
        raise RetryLater(str(error), after_seconds=RETRY_SECONDS) from error
    finally:
        messenger.close()
    stored = fetching.keep(resources.media_folder, tenant_id, content, None) if content else None
    is_picture = stored is not None and stored.mime.startswith("image/")
    sha256 = stored.sha256 if stored and is_picture else None
    _note(resources, tenant_id, contact_id, sha256, picture_mark(url), subject)


def _note(
    resources: Resources, tenant_id: UUID, contact_id: UUID, sha256: str | None, mark: str | None, subject: str | None
) -> None:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        if not tx.scalar(NOTE, id=contact_id, sha256=sha256, mark=mark, subject=subject):
            return
        for conversation_id in tx.scalars(CONVERSATIONS, id=contact_id):
            tx.announce(Changed(tenant_id, "conversation", conversation_id, conversation_id))
