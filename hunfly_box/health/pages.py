"""/health/* and /metrics. Not counted by the limits: who watches the box asks often."""

from typing import Any

from litestar import Request, get
from litestar.datastructures import Headers
from litestar.response import Response

from hunfly_box import VERSION
from hunfly_box.access import authentication, permissions
from hunfly_box.bootstrap import Resources
from hunfly_box.health import checks
from hunfly_box.health.checks import Finding
from hunfly_box.kit import metrics
from hunfly_box.kit.errors import NotFound
from hunfly_box.kit.http import is_forwarded, is_loopback

AnyRequest = Request[Any, Any, Any]
OPEN = {"permission": "public", "unmetered": True}


@get("/health/live", sync_to_thread=False, opt=OPEN)
def live() -> dict[str, str]:
    """The process answers; nothing else is asked."""
    return {"status": "ok"}


@get("/health/ready", sync_to_thread=True, opt=OPEN)
def ready(resources: Resources) -> Response[Any]:
    findings = checks.ready(resources)
    return _answer(findings, {item.name: "ok" if item.is_well else "down" for item in findings})


@get("/health/deep", sync_to_thread=True, opt=OPEN)
def deep(request: AnyRequest, resources: Resources) -> Response[Any]:
    """For the owner of the box, and for who asks from the machine itself."""
    _refuse_strangers(request, resources, "health.deep")
    findings = checks.deep(resources)
    shown = {
        item.name: {"ok": item.is_well, "milliseconds": item.milliseconds, "detail": item.detail} for item in findings
    }
    return _answer(findings, shown | {"version": VERSION})


@get("/metrics", sync_to_thread=True, opt=OPEN)
def figures(request: AnyRequest, resources: Resources) -> Response[bytes]:
    _refuse_strangers(request, resources, "metrics.read")
    found = checks.backlog_or_none(resources)
    if found is not None:
        metrics.backlog_is(found)
    metrics.streams_so_far(resources.hub.events_sent, resources.hub.cut_off)
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


def _refuse_strangers(request: AnyRequest, resources: Resources, permission: str) -> None:
    """They are told that there is nothing here. A forwarding header means that the proxy asks for somebody else."""
    headers = Headers.from_scope(request.scope)
    peer = request.scope.get("client")
    if is_loopback(peer[0] if peer else "") and not is_forwarded(headers):
        return
    viewer = authentication.viewer_from_headers(resources, headers)
    if viewer is None or not permissions.may(viewer, permission):
        raise NotFound


def _answer(findings: list[Finding], shown: dict[str, Any]) -> Response[Any]:
    is_well = all(item.is_well for item in findings)
    return Response(
        {"status": "ok" if is_well else "down", **shown},
        status_code=200 if is_well else 503,
        headers={} if is_well else {"Retry-After": "2"},
    )


ROUTES = [live, ready, deep, figures]
