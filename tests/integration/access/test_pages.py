"""The pages of access and tenancy, the headers of every answer, health, figures, files and the API's document."""

import re

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from hunfly_box.channels import commands as channels
from hunfly_box.kit.database import Scope
from hunfly_box.kit.redis import key
from hunfly_box.tenancy import commands as tenancy
from tests.conftest import Box
from tests.integration.access.conftest import Browsers

SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def numbers(box: Box) -> None:
    for tenant_id, name in ((box.cast.tenant_a, "Vendas"), (box.cast.tenant_b, "Flores")):
        with box.resources.database.transaction(Scope.system(tenant_id)) as tx:
            channels.create_channel(
                tx, box.resources.sealer, name=name, provider="evolution", instance=name.lower(), engine_url="http://x"
            )


def test_the_owner_of_the_box_sees_every_tenant_and_the_state_of_its_numbers(
    box: Box, browsers: Browsers, numbers: None
) -> None:
    page = browsers(box.cast.olga).get("/tenants").text
    for text in ("Padaria", "Floricultura", "Vendas", "Flores", "Ainda não conectado"):
        assert text in page


def test_a_reseller_sees_their_own_tenants_alone(box: Box, browsers: Browsers, numbers: None) -> None:
    with box.resources.control.transaction() as tx:
        tenancy.create_tenant(tx, name="De outra revenda", slug="outra")
    assert "De outra revenda" in browsers(box.cast.olga).get("/tenants").text
    page = browsers(box.cast.duda).get("/tenants").text
    assert "Padaria" in page
    assert "De outra revenda" not in page


@pytest.mark.parametrize("language", ["pt_BR", "en", "es"])
def test_the_sign_in_page_speaks_the_language_asked_for_and_remembers_it(browsers: Browsers, language: str) -> None:
    browser = browsers()
    tag = language.replace("_", "-")
    assert f'<html lang="{tag}"' in browser.get(f"/login?lang={language}").text
    assert f'<html lang="{tag}"' in browser.get("/login").text


def test_a_browsers_own_language_is_taken_first(browsers: Browsers) -> None:
    assert '<html lang="es"' in browsers().get("/login", headers={"accept-language": "es-MX,es;q=0.9"}).text
    assert '<html lang="pt-BR"' in browsers().get("/login", headers={"accept-language": "fr"}).text


@pytest.mark.parametrize(
    ("wanted", "landed"),
    [
        ("/inbox/5", "/inbox/5"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/logout", "/"),
        ("/a\r\nX-Planted: 1", "/"),
    ],
)
def test_signing_in_leads_only_to_pages_of_ours(box: Box, browsers: Browsers, wanted: str, landed: str) -> None:
    assert browsers().sign_in(box.cast.ana, next=wanted).headers["location"] == landed


def test_ones_own_taste_is_kept(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.beto)
    form = {"locale": "en", "theme": "dark", "sound": "off", "csrf_token": browser.form_token("/profile")}
    assert browser.post("/profile", form).status_code == 303
    page = browser.get("/profile").text
    assert '<html lang="en"' in page
    assert 'data-theme="dark"' in page
    headers = {"x-csrf-token": browser.form_token("/profile")}
    answer = browser.request("PATCH", "/ui/preferences", json={"single_keys": False}, headers=headers)
    assert answer.json() == {
        "theme": "dark",
        "locale": "en",
        "sound": "off",
        "desktop": False,
        "private": False,
        "single_keys": False,
    }
    wrong = browser.request("PATCH", "/ui/preferences", json={"colour": "red"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "validation")


def test_the_admin_of_a_tenant_changes_its_settings_and_a_manager_reads_them(box: Box, browsers: Browsers) -> None:
    ana, beto = browsers(box.cast.ana), browsers(box.cast.beto)
    form = {
        "name": "Padaria Nova",
        "locale": "pt_BR",
        "timezone": "America/Manaus",
        "send_read_receipts": "1",
        "csrf_token": ana.form_token("/settings"),
    }
    assert ana.post("/settings", form).status_code == 303
    with box.resources.control.transaction() as tx:
        stored = tx.connection.exec_driver_sql(
            "SELECT name, timezone, agents_see_queue, send_read_receipts FROM app.tenants WHERE id = %s",
            (box.cast.tenant_a,),
        ).one()
    assert tuple(stored) == ("Padaria Nova", "America/Manaus", False, True)
    assert "Padaria Nova" in beto.get("/settings").text
    assert beto.post("/settings", form | {"csrf_token": beto.form_token("/settings")}).status_code == 403
    assert ana.post("/settings", form | {"timezone": "Mars/Olympus"}).status_code == 422
    with box.resources.database.transaction(box.cast.ana.scope) as tx:
        assert tx.scalar("SELECT count(*) FROM app.audit WHERE action = 'tenant_settings.changed'") == 1
    restored = form | {"name": "Padaria", "timezone": "America/Sao_Paulo", "agents_see_queue": "1"}
    assert ana.post("/settings", restored).status_code == 303


DEMANDED = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "microphone=(self)",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def test_every_route_answers_with_strict_headers_to_everybody(app: Litestar, box: Box, browsers: Browsers) -> None:
    paths = [re.sub(r"\{[^}]+\}", SOME_ID, route.path_format) for route in app.routes if isinstance(route, HTTPRoute)]
    for browser in (browsers(box.cast.ana), browsers()):
        for path in [*paths, "/no/such/page", "/api/v1/none"]:
            answer = browser.get(path)
            for name, beginning in DEMANDED.items():
                assert answer.headers[name].startswith(beginning), f"{path} {name}"
            assert "unsafe" not in answer.headers["content-security-policy"]
            if not path.startswith("/static"):
                assert answer.headers["cache-control"] == "no-store", path


def test_unknown_pages_and_calls_are_told_apart_from_nothing(box: Box, browsers: Browsers) -> None:
    browser = browsers(box.cast.ana)
    page = browser.get("/no/such/page")
    assert page.status_code == 404
    assert "Esta página não existe" in page.text
    call = browser.get("/api/v1/none")
    assert (call.status_code, call.json()["code"]) == (404, "not_found")
    wrong_method = browser.get("/logout", headers={"accept": "application/json"})
    assert (wrong_method.status_code, wrong_method.json()["code"]) == (405, "method_not_allowed")


def test_the_box_tells_who_watches_it_how_it_does(box: Box, browsers: Browsers) -> None:
    here, outside = browsers(ip="127.0.0.1"), browsers()
    assert outside.get("/health/live").json() == {"status": "ok"}
    assert outside.get("/health/ready").json() == {"status": "ok", "database": "ok", "redis": "ok"}
    assert outside.get("/health/deep").status_code == 404
    assert here.get("/health/deep").status_code == 503
    box.resources.redis.set(key(None, "worker", "one"), b"1", ex=5)
    deep = here.get("/health/deep")
    assert deep.status_code == 200, deep.text
    assert deep.json()["write"]["ok"] is True
    assert browsers(box.cast.olga).get("/health/deep").status_code == 200
    assert browsers(box.cast.ana).get("/health/deep").status_code == 404


def test_figures_are_for_the_machine_itself_unless_a_proxy_asks(box: Box, browsers: Browsers) -> None:
    here = browsers(ip="127.0.0.1")
    text = here.get("/metrics").text
    for name in (
        "hunfly_http_request_duration_seconds_bucket",
        'hunfly_http_requests_total{status="200"}',
        "hunfly_webhook_processing_duration_seconds",
        "hunfly_queue_backlog",
        "hunfly_queue_processing_time",
        "hunfly_sse_active_connections",
        "hunfly_sse_events_sent_total",
        "hunfly_worker_jobs_failed_total",
    ):
        assert name in text, name
    assert here.get("/metrics", headers={"x-forwarded-for": "203.0.113.1"}).status_code == 404
    assert browsers().get("/metrics").status_code == 404
    assert browsers(box.cast.olga).get("/metrics").status_code == 200


def test_files_are_served_small_and_kept_for_long(browsers: Browsers) -> None:
    browser = browsers()
    page = browser.get("/login").text
    style = re.search(r'href="(/static/dist/app\.css\?v=\w+)"', page)
    assert style is not None
    whole = browser.get(style[1], headers={"accept-encoding": "br"})
    assert whole.headers["content-encoding"] == "br"
    assert whole.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in whole.headers["cache-control"]
    again = browser.get(style[1], headers={"accept-encoding": "br", "if-none-match": whole.headers["etag"]})
    assert again.status_code == 304
    for outside in ("/static/../app.py", "/static/%2e%2e/%2e%2e/pyproject.toml", "/static/dist/none.js", "/static/"):
        assert browser.get(outside).status_code == 404, outside


def test_the_document_of_the_api_is_equal_to_its_routes(app: Litestar, browsers: Browsers) -> None:
    document = browsers().get("/api/openapi.json").json()
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    routes = {
        (str(method), route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/api/v1/")
        for handler in route.route_handlers
        for method in set(handler.http_methods) - {"OPTIONS"}
    }
    assert described == routes
    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert browsers().get("/api").json() == browsers().get("/api/openapi.json").json()
    for framework_page in ("redoc", "swagger", "elements", "rapidoc", "scalar", "openapi.yaml", "oauth2-redirect.html"):
        assert browsers().get(f"/api/{framework_page}").status_code == 404
    page = browsers().get("/api/docs")
    assert page.status_code == 200
    assert all(path in page.text for _, path in routes)
    assert "://" not in re.sub(r"http://www\.w3\.org/\S+", "", page.text)
