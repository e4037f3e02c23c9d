"""The list of tenants, for those who may not read content; and a tenant's own settings."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Response

from hunfly_box.access import frame, permissions
from hunfly_box.access.authentication import REMEMBERED
from hunfly_box.access.viewer import Viewer
from hunfly_box.bootstrap import Resources
from hunfly_box.kit.errors import Invalid
from hunfly_box.tenancy import commands, queries
from hunfly_box.tenancy.queries import TenantSettings

# Shown first; the rest of the world follows.
NEAR_ZONES = (
    "America/Sao_Paulo",
    "America/Manaus",
    "America/Cuiaba",
    "America/Rio_Branco",
    "America/Noronha",
    "America/Fortaleza",
    "Europe/Lisbon",
)


@dataclass
class SettingsForm:
    """An unchecked box is not sent at all."""

    name: str
    locale: Literal["pt_BR", "en", "es"]
    timezone: str
    agents_see_queue: str = ""
    send_read_receipts: str = ""
    csrf_token: str = ""


@get("/tenants", sync_to_thread=True, opt={"permission": "tenant.list"})
def tenants_page(resources: Resources, viewer: Viewer) -> Response[str]:
    """A reseller sees their own; `reseller_id` is set for them alone."""
    with resources.control.transaction() as tx:
        lines = queries.tenants(tx, viewer.reseller_id)
        numbers = queries.numbers(tx, viewer.reseller_id)
    numbers_of: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for number in numbers:
        numbers_of[number.tenant_id].append(asdict(number))
    return frame.page(
        resources,
        viewer,
        "tenancy/tenants.html",
        "tenants",
        tenants=[asdict(line) | {"numbers": numbers_of[line.id]} for line in lines],
        is_box=viewer.reseller_id is None,
    )


@get("/settings", sync_to_thread=True, opt={"permission": "tenant_settings.read"})
def settings_page(resources: Resources, viewer: Viewer, saved: str = "") -> Response[str]:
    with resources.database.transaction(viewer.scope()) as tx:
        current = queries.settings(tx)
    return _settings_page(resources, viewer, current, saved=saved)


@post("/settings", sync_to_thread=True, opt={"permission": "tenant_settings.update"})
def save_settings(
    resources: Resources,
    viewer: Viewer,
    data: Annotated[SettingsForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[Any]:
    wanted = TenantSettings(
        data.name, data.locale, data.timezone, bool(data.agents_see_queue), bool(data.send_read_receipts)
    )
    try:
        with resources.database.transaction(viewer.scope()) as tx:
            commands.change_settings(tx, **asdict(wanted))
    except Invalid as error:
        faults = {item.field: item.code for item in error.errors}
        return _settings_page(resources, viewer, wanted, faults=faults, status_code=422)
    REMEMBERED.forget_all()
    return Redirect("/settings?saved=1", status_code=303)


def _settings_page(
    resources: Resources,
    viewer: Viewer,
    current: TenantSettings,
    *,
    saved: str = "",
    faults: dict[str, str] | None = None,
    status_code: int = 200,
) -> Response[str]:
    return frame.page(
        resources,
        viewer,
        "tenancy/settings.html",
        "settings",
        status_code=status_code,
        settings=asdict(current),
        zones=[*NEAR_ZONES, *sorted(available_timezones() - set(NEAR_ZONES))],
        may_change=permissions.may(viewer, "tenant_settings.update"),
        faults=faults or {},
        saved=bool(saved),
    )


ROUTES = [tenants_page, settings_page, save_settings]
