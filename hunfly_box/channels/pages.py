"""The Channels page, and the parts of it that are fetched again: cards, the pairing dialog, small forms."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import get, post
from litestar.enums import MediaType, RequestEncodingType
from litestar.params import Body
from litestar.response import Response

from hunfly_box.access import frame, permissions
from hunfly_box.access.permissions import Reach
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.channels import commands, connecting, objects, queries, showing
from hunfly_box.channels.connecting import EngineDown, EngineRefused
from hunfly_box.channels.credentials import new_secrets
from hunfly_box.kit import hx
from hunfly_box.kit.errors import Conflict, HunflyError, Invalid
from hunfly_box.kit.i18n import gettext as _
from hunfly_box.kit.i18n import speaking_to

NAMES = {name: f"channel.{name}" for name in ("create", "connect", "disconnect", "update")}


@dataclass
class ChannelForm:
    name: str = ""
    instance: str = ""
    engine_url: str = ""
    api_key: str = ""


@dataclass
class NumberForm:
    number: str = ""


@dataclass
class EditForm:
    """An empty key keeps the one that is stored."""

    name: str = ""
    engine_url: str = ""
    api_key: str = ""


@get("/channels", sync_to_thread=True, opt={"permission": "channel.read"})
def channels_page(resources: Resources, viewer: Viewer) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        cursor = queries.live_cursor(tx)
        shown = objects.channels(tx, sends_per_minute=resources.settings.sends_per_minute)
    return frame.page(
        resources, viewer, "channels/index.html", "channels", channels=shown, cursor=cursor, **_rights(viewer)
    )


@get("/ui/channels", sync_to_thread=True, opt={"permission": "channel.read"})
def channel_cards(resources: Resources, viewer: Viewer) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        shown = objects.channels(tx, sends_per_minute=resources.settings.sends_per_minute)
    return frame.fragment(resources, viewer, "channels/cards.html", channels=shown, **_rights(viewer))


@get("/ui/channels/new", sync_to_thread=True, opt={"permission": "channel.create"})
def new_channel(resources: Resources, viewer: Viewer) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        engine_url = queries.usual_engine(tx)
    form = ChannelForm(instance=showing.instance_name(viewer.tenant_slug or "caixa"), engine_url=engine_url or "")
    return frame.fragment(resources, viewer, "channels/new.html", form=form, faults={})


@post("/ui/channels", status_code=201, sync_to_thread=True, opt={"permission": "channel.create"})
def create_channel(
    resources: Resources,
    viewer: Viewer,
    data: Annotated[ChannelForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """Answers with the secrets, this once. The engine is called only when somebody connects the number."""
    try:
        if not data.api_key.strip():
            raise commands.refused("api_key", "required", "The engine's key is needed.")
        with resources.database.transaction(viewer.scope()) as tx:
            made = commands.create_channel(
                tx,
                resources.sealer,
                name=data.name,
                provider="evolution",
                instance=data.instance.strip(),
                engine_url=data.engine_url.strip(),
                secrets=new_secrets(data.api_key.strip()),
            )
    except (Invalid, Conflict) as error:
        faults = {item.field: item.code for item in error.errors} or {"instance": error.code}
        answer = frame.fragment(resources, viewer, "channels/new.html", form=data, faults=faults)
        answer.status_code = 422
        return answer
    address = f"{resources.settings.webhook_origin}{made.webhook_path}"
    secrets = made.secrets.shown_once()
    answer = frame.fragment(
        resources, viewer, "channels/made.html", id=made.id, name=data.name.strip(), address=address, secrets=secrets
    )
    answer.status_code = 201
    answer.headers.update(hx.trigger("hb:channels"))
    return answer


@post(
    "/ui/channels/{channel_id:uuid}/connect",
    status_code=200,
    sync_to_thread=True,
    opt={"permission": "channel.connect"},
)
def connect_channel(
    resources: Resources,
    viewer: Viewer,
    channel_id: UUID,
    data: Annotated[NumberForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[str]:
    """The dialog with the code to scan, or, when a number is given, with the one to type on that phone."""
    tenant_id = viewer.scope().tenant_id
    number, problem, fault = "", "", ""
    try:
        number = showing.pairing_number(data.number) if data.number.strip() else ""
        connecting.connect(resources, tenant_id, channel_id, number or None)
    except Invalid as error:
        fault = error.errors[0].code
    except (EngineDown, EngineRefused) as error:
        problem = error.code
    return _pairing(
        resources, viewer, channel_id, "channels/connect.html", data.number, problem, fault, by_code=bool(number)
    )


@get("/ui/channels/{channel_id:uuid}/pairing", sync_to_thread=True, opt={"permission": "channel.connect"})
def show_pairing(resources: Resources, viewer: Viewer, channel_id: UUID, by: str = "qr") -> Response[str]:
    """The moving part of the dialog: asked every two seconds, and whenever the number's state changes."""
    return _pairing(resources, viewer, channel_id, "channels/pairing.html", "", "", "", by_code=by == "code")


@post(
    "/ui/channels/{channel_id:uuid}/restart",
    status_code=204,
    sync_to_thread=True,
    opt={"permission": "channel.connect"},
)
def restart_channel(resources: Resources, viewer: Viewer, channel_id: UUID) -> Response[None]:
    return _ask_engine(resources, viewer, channel_id, connecting.restart, lambda: _("Reconexão pedida ao WhatsApp."))


@post(
    "/ui/channels/{channel_id:uuid}/check", status_code=204, sync_to_thread=True, opt={"permission": "channel.connect"}
)
def check_channel(resources: Resources, viewer: Viewer, channel_id: UUID) -> Response[None]:
    """Asks the engine now, instead of within half a minute."""
    return _ask_engine(resources, viewer, channel_id, connecting.poll, lambda: _("Estado do número conferido."))


@get("/ui/channels/{channel_id:uuid}/disconnect", sync_to_thread=True, opt={"permission": "channel.disconnect"})
def confirm_disconnect(resources: Resources, viewer: Viewer, channel_id: UUID) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        line = queries.line(tx, channel_id)
    return frame.fragment(resources, viewer, "channels/disconnect.html", id=channel_id, name=line.name)


@post(
    "/ui/channels/{channel_id:uuid}/disconnect",
    status_code=204,
    sync_to_thread=True,
    opt={"permission": "channel.disconnect"},
)
def disconnect_channel(resources: Resources, viewer: Viewer, channel_id: UUID) -> Response[None]:
    return _ask_engine(
        resources, viewer, channel_id, connecting.disconnect, lambda: _("Número desconectado. As conversas ficaram.")
    )


@get("/ui/channels/{channel_id:uuid}/edit", sync_to_thread=True, opt={"permission": "channel.update"})
def edit_form(resources: Resources, viewer: Viewer, channel_id: UUID) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        line = queries.line(tx, channel_id)
    form = EditForm(line.name, line.engine_url)
    return frame.fragment(resources, viewer, "channels/edit.html", id=channel_id, form=form, faults={})


@post("/ui/channels/{channel_id:uuid}/edit", status_code=200, sync_to_thread=True, opt={"permission": "channel.update"})
def edit_channel(
    resources: Resources,
    viewer: Viewer,
    channel_id: UUID,
    data: Annotated[EditForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    try:
        with resources.database.transaction(viewer.scope()) as tx:
            commands.change_engine(tx, resources.sealer, channel_id, data.engine_url, data.api_key.strip())
            commands.rename(tx, channel_id, data.name)
    except Invalid as error:
        faults = {item.field: item.code for item in error.errors}
        answer = frame.fragment(resources, viewer, "channels/edit.html", id=channel_id, form=data, faults=faults)
        answer.status_code = 422
        return answer
    with speaking_to(viewer.language):
        return _done(_("Número gravado."))


def _pairing(
    resources: Resources,
    viewer: Viewer,
    channel_id: UUID,
    template: str,
    number: str,
    problem: str,
    fault: str,
    *,
    by_code: bool,
) -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        line = queries.line(tx, channel_id)
        shown = queries.pairing(tx, channel_id)
    return frame.fragment(
        resources,
        viewer,
        template,
        channel=line,
        pairing=showing.pairing(line, shown, problem, by_code=by_code),
        number=number,
        fault=fault,
    )


def _ask_engine(resources: Resources, viewer: Viewer, channel_id: UUID, ask: Any, words: Any) -> Response[None]:
    """What the engine did is said in a line at the edge; the card follows by itself."""
    tenant_id = viewer.scope().tenant_id
    try:
        ask(resources, tenant_id, channel_id)
    except (EngineDown, EngineRefused) as error:
        with speaking_to(viewer.language):
            return _done(_excuse(error))
    with speaking_to(viewer.language):
        return _done(words())


def _excuse(error: HunflyError) -> str:
    if isinstance(error, EngineDown):
        return _("O motor do WhatsApp não responde. Tente de novo em um momento.")
    return _("O motor do WhatsApp recusou o pedido. Confira o endereço e a chave.")


def _done(text: str) -> Response[None]:
    return Response(None, status_code=204, media_type=MediaType.HTML, headers=hx.trigger("hb:done", {"text": text}))


def _rights(viewer: Viewer) -> dict[str, Any]:
    """Agents see names and states only."""
    return {
        "is_whole": permissions.reach(viewer.role, "channel.read") is Reach.ALL,
        "rights": [name for name, permission in NAMES.items() if permissions.may(viewer, permission)],
    }


ROUTES = [
    channels_page,
    channel_cards,
    new_channel,
    create_channel,
    connect_channel,
    show_pairing,
    restart_channel,
    check_channel,
    confirm_disconnect,
    disconnect_channel,
    edit_form,
    edit_channel,
]
