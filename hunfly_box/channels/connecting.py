"""Talking to the engine about a number: pairing, state, webhook. No transaction is open while it answers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from hunfly_box.bootstrap import Resources
from hunfly_box.channels import commands, credentials, queries
from hunfly_box.channels.commands import WEBHOOK_PATH
from hunfly_box.channels.credentials import Secrets
from hunfly_box.channels.queries import Line
from hunfly_box.kit.database import Scope, TenantTransaction
from hunfly_box.kit.errors import HunflyError
from hunfly_box.providers.messenger import Messenger, NotSent, Pairing, ProviderError, Refused, Unknown, WebhookSetup
from hunfly_box.providers.port import ChannelState, QrShown
from hunfly_box.providers.registry import Credentials, messenger_for

log = logging.getLogger("hunfly.channels")


# Refusals that are the truth about the number: it would go on as "open" while nothing goes out any more.
REFUSALS = {
    "engine.instance_missing": ChannelState("logged_out", cause="removed"),
    "engine.unauthorized": ChannelState("engine_down", cause="engine.unauthorized"),
    "engine.license_required": ChannelState("engine_down", cause="engine.license_required"),
}


class EngineDown(HunflyError):
    status = 503
    code = "channel.engine_down"
    title = "The WhatsApp engine does not answer"


class EngineRefused(HunflyError):
    status = 502
    code = "channel.engine_refused"
    title = "The WhatsApp engine refused"


@dataclass(frozen=True, slots=True)
class Connected:
    state: str
    qr_png_base64: str | None
    pairing_code: str | None


def connect(resources: Resources, tenant_id: UUID, channel_id: UUID, pairing_number: str | None = None) -> Connected:
    """Makes the instance when it is missing, points its webhook at us, asks for a code.

    Raises NotFound, EngineDown, EngineRefused.
    """
    line = _line(resources, tenant_id, channel_id)
    with _engine(resources, tenant_id, line) as (known, messenger):
        setup = webhook_setup(resources, line, known)
        if not messenger.create(setup):
            messenger.configure_webhook(setup)
            messenger.apply_settings()
        if pairing_number and messenger.state().state == "connecting":
            # A number is heard only while the instance is closed: the codes it shows now have to end first.
            messenger.logout()
        pairing = messenger.connect(pairing_number)
        own = messenger.own() if pairing.state == "open" else None
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        _note_pairing(tx, line, pairing, own)
        shown = queries.pairing(tx, channel_id)
        state = queries.line(tx, channel_id).state
    return Connected(state, shown.qr_png_base64, shown.pairing_code)


def poll(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    """The engine's own word about the number. Its silence is a state too."""
    asked = _line(resources, tenant_id, channel_id)
    told = _told_state(resources, tenant_id, asked)
    if told is None:
        return
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        line = queries.line(tx, channel_id)
        # What was said while we asked is newer than what we heard; the next poll asks again.
        if (line.state, line.engine_url) != (asked.state, asked.engine_url):
            return
        if told.state == "engine_down" and line.state in ("new", "banned", "logged_out"):
            return
        commands.note_state(tx, channel_id, line.state, told)
        if told.state == "open":
            commands.note_checked(tx, channel_id)


def _told_state(resources: Resources, tenant_id: UUID, line: Line) -> ChannelState | None:
    """None for a refusal that says nothing of the number."""
    try:
        with _engine(resources, tenant_id, line) as (_, messenger):
            return messenger.own() if line.phone is None and line.state != "new" else messenger.state()
    except EngineDown:
        return ChannelState("engine_down", cause="engine.unreachable")
    except EngineRefused as refusal:
        log.warning("engine refused state of channel %s: %s", line.id, refusal.detail)
        return REFUSALS.get(refusal.code)


def reconcile_webhook(resources: Resources, tenant_id: UUID, channel_id: UUID) -> bool:
    """Whether it had to be set again: engines forget it in restarts, and a lost webhook is silence."""
    line = _line(resources, tenant_id, channel_id)
    if line.state == "new":
        return False
    with _engine(resources, tenant_id, line) as (known, messenger):
        setup = webhook_setup(resources, line, known)
        if messenger.webhook_is(setup):
            return False
        messenger.configure_webhook(setup)
    log.warning("the webhook of channel %s was not as it should be and was set again", channel_id)
    return True


def disconnect(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    """Unlinks the device; the conversations stay."""
    line = _line(resources, tenant_id, channel_id)
    with _engine(resources, tenant_id, line) as (_, messenger):
        messenger.logout()
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        commands.note_state(tx, line.id, "open", ChannelState("logged_out", cause="by_us"))


def restart(resources: Resources, tenant_id: UUID, channel_id: UUID) -> None:
    with _engine(resources, tenant_id, _line(resources, tenant_id, channel_id)) as (_, messenger):
        messenger.restart()


def webhook_setup(resources: Resources, line: Line, known: Secrets) -> WebhookSetup:
    return WebhookSetup(
        url=f"{resources.settings.webhook_origin}{WEBHOOK_PATH}/{line.route_key}",
        header_name=known.header_name,
        header_value=known.header_value,
        jwt_key=known.jwt_key,
    )


def messenger_of(resources: Resources, tenant_id: UUID, line: Line) -> tuple[Secrets, Messenger]:
    known = credentials.unseal(resources.sealer, tenant_id, line.id, line.secrets)
    reach = Credentials(engine_url=line.engine_url, api_key=known.api_key, reference=line.instance)
    return known, messenger_for(line.provider, reach)


@contextmanager
def _engine(resources: Resources, tenant_id: UUID, line: Line) -> Iterator[tuple[Secrets, Messenger]]:
    known, messenger = messenger_of(resources, tenant_id, line)
    try:
        yield known, messenger
    except (NotSent, Unknown) as error:
        raise EngineDown(str(error)) from error
    except Refused as error:
        raise EngineRefused(error.message, code=error.code) from error
    except ProviderError as error:
        raise EngineRefused(str(error)) from error
    finally:
        messenger.close()


def _line(resources: Resources, tenant_id: UUID, channel_id: UUID) -> Line:
    with resources.database.transaction(Scope.system(tenant_id)) as tx:
        return queries.line(tx, channel_id)


def _note_pairing(tx: TenantTransaction, line: Line, pairing: Pairing, own: ChannelState | None) -> None:
    if pairing.state == "open":
        commands.note_state(tx, line.id, line.state, own or ChannelState("open"))
    elif pairing.png_base64 or pairing.pairing_code:
        commands.note_qr(tx, line.id, QrShown(pairing.png_base64, pairing.pairing_code))
    elif line.state in ("new", "logged_out", "banned", "restricted", "replaced"):
        commands.note_state(tx, line.id, "connecting", ChannelState("connecting"))
