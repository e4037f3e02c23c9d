"""The Channels page: who sees what, states in plain words, and pairing against the simulated engine."""

import re
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from hunfly_box.channels import commands, credentials, queries
from hunfly_box.channels.credentials import new_secrets
from hunfly_box.kit.database import Scope
from hunfly_box.providers.port import QrShown
from hunfly_box.simulator import Simulator
from tests.cast import Person
from tests.conftest import Box
from tests.integration.access.conftest import Browser, Browsers

pytestmark = pytest.mark.services

NOBODY_THERE = "http://127.0.0.1:1"
STATES = {
    "new": "Falta ligar este número ao WhatsApp.",
    "qr": "O código está esperando a leitura.",
    "connecting": "O WhatsApp está abrindo a conexão.",
    "reconnecting": "A conexão com o WhatsApp caiu.",
    "logged_out": "Alguém desconectou este aparelho no celular.",
    "banned": "O WhatsApp bloqueou este número.",
    "restricted": "O WhatsApp limitou este número por um tempo.",
    "replaced": "Outro programa abriu a sessão deste número.",
    "engine_down": "O programa que fala com o WhatsApp não responde.",
}

signed_in: dict[UUID, Browser] = {}


def browser_of(browsers: Browsers, who: Person) -> Browser:
    """Signing in costs a password hash: once for each person and module."""
    if who.id not in signed_in:
        signed_in[who.id] = browsers(who)
    return signed_in[who.id]


def send(browser: Browser, path: str, **fields: str) -> httpx.Response:
    """As htmx posts a form."""
    token = browser.form_token("/channels")
    return browser.post(path, fields, headers={"x-csrf-token": token, "hx-request": "true"})


@pytest.fixture(autouse=True)
def no_numbers(box: Box) -> Iterator[None]:
    yield
    for tenant in (box.cast.tenant_a, box.cast.tenant_b):
        with box.resources.database.transaction(Scope.system(tenant)) as tx:
            tx.execute("DELETE FROM app.channels")


def make_channel(box: Box, name: str = "Loja", url: str = NOBODY_THERE, api_key: str = "a-key") -> UUID:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        made = commands.create_channel(
            tx,
            box.resources.sealer,
            name=name,
            provider="evolution",
            instance=f"i-{name.lower()}",
            engine_url=url,
            secrets=new_secrets(api_key),
        )
    return made.id


def set_state(box: Box, channel_id: UUID, state: str, cause: str | None = None) -> None:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        tx.execute(
            "UPDATE app.channels SET state = :state, cause = :cause WHERE id = :id",
            state=state,
            cause=cause,
            id=channel_id,
        )


def line(box: Box, channel_id: UUID) -> queries.Line:
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        return queries.line(tx, channel_id)


def test_without_numbers_the_page_invites_those_who_may_connect_one(box: Box, browsers: Browsers) -> None:
    for person, may in ((box.cast.ana, True), (box.cast.bruno, False)):
        page = browser_of(browsers, person).get("/channels")
        assert "Nenhum número ainda" in page.text
        assert ("Novo número" in page.text) == may
    assert re.search(r'data-cursor="\d{16}"', page.text)


@pytest.mark.parametrize("state", STATES)
def test_each_state_says_what_happened_in_plain_words(box: Box, browsers: Browsers, state: str) -> None:
    set_state(box, make_channel(box), state)

    cards = browser_of(browsers, box.cast.ana).get("/ui/channels").text

    assert f'data-state="{state}"' in cards
    assert STATES[state] in cards


def test_an_open_number_needs_no_explanation(box: Box, browsers: Browsers) -> None:
    set_state(box, make_channel(box), "open")

    cards = browser_of(browsers, box.cast.ana).get("/ui/channels").text

    assert "Conectado" in cards
    assert "0/20" in cards
    assert "Fila vazia" in cards
    assert "note-box" not in cards


def test_an_agent_sees_the_name_and_the_state_and_no_more(box: Box, browsers: Browsers) -> None:
    set_state(box, make_channel(box, "Vitrine"), "banned")

    cards = browser_of(browsers, box.cast.bruno).get("/ui/channels").text

    assert "Vitrine" in cards
    assert "Bloqueado pelo WhatsApp" in cards
    for hidden in ("Envios por minuto", "Funcionou", "hx-post", "popovertarget"):
        assert hidden not in cards


def test_a_manager_sees_everything_and_changes_nothing(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)
    browser = browser_of(browsers, box.cast.beto)

    cards = browser.get("/ui/channels").text

    assert "Envios por minuto" in cards
    assert "hx-post" not in cards
    assert send(browser, f"/ui/channels/{channel_id}/connect").status_code == 403
    assert send(browser, f"/ui/channels/{channel_id}/edit", name="Outro").status_code == 403


def test_another_tenants_number_does_not_exist(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)
    carla = browser_of(browsers, box.cast.carla)

    assert "Loja" not in carla.get("/ui/channels").text
    for path in ("pairing", "edit", "disconnect"):
        assert carla.get(f"/ui/channels/{channel_id}/{path}").status_code == 404
    for path in ("connect", "restart", "check", "disconnect", "edit"):
        assert send(carla, f"/ui/channels/{channel_id}/{path}", name="x").status_code == 404
    assert line(box, channel_id).name == "Loja"


def test_a_new_number_shows_its_secrets_once_and_keeps_the_key_to_itself(box: Box, browsers: Browsers) -> None:
    ana = browser_of(browsers, box.cast.ana)

    made = send(
        ana, "/ui/channels", name="Balcão", instance="balcao-1", engine_url=NOBODY_THERE, api_key="the-engine-key"
    )

    assert made.status_code == 201
    channel_id = UUID(re.search(r"/ui/channels/([0-9a-f-]{36})/connect", made.text)[1])  # type: ignore[index]
    stored = line(box, channel_id)
    known = credentials.unseal(box.resources.sealer, box.cast.tenant_a, channel_id, stored.secrets)
    assert known.api_key == "the-engine-key"
    assert known.hmac in made.text
    assert "the-engine-key" not in made.text
    for path in ("/channels", "/ui/channels", f"/ui/channels/{channel_id}/edit", f"/ui/channels/{channel_id}/pairing"):
        later = ana.get(path).text
        assert known.hmac not in later
        assert "the-engine-key" not in later


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("instance", "com espaço"),
        ("engine_url", "ftp://engine"),
        ("engine_url", "http://["),
        ("api_key", ""),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_is_made(box: Box, browsers: Browsers, field: str, value: str) -> None:
    fields = {"name": "Loja", "instance": "loja-9", "engine_url": NOBODY_THERE, "api_key": "k", field: value}

    answer = send(browser_of(browsers, box.cast.ana), "/ui/channels", **fields)

    assert answer.status_code == 422
    assert f'id="new-{field}-fault"' in answer.text
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        assert tx.scalar("SELECT count(*) FROM app.channels") == 0


def test_an_instance_that_is_there_already_is_said_at_its_field(box: Box, browsers: Browsers) -> None:
    make_channel(box)

    answer = send(
        browser_of(browsers, box.cast.ana),
        "/ui/channels",
        name="B",
        instance="i-loja",
        engine_url=NOBODY_THERE,
        api_key="k",
    )

    assert answer.status_code == 422
    assert "Já existe um número com este nome de instância." in answer.text


def test_an_edit_renames_and_an_empty_key_keeps_the_old_one(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)

    answer = send(
        browser_of(browsers, box.cast.ana), f"/ui/channels/{channel_id}/edit", name="Vitrine", engine_url=NOBODY_THERE
    )

    assert answer.status_code == 204
    assert "hb:done" in answer.headers["hx-trigger"]
    stored = line(box, channel_id)
    assert stored.name == "Vitrine"
    assert credentials.unseal(box.resources.sealer, box.cast.tenant_a, channel_id, stored.secrets).api_key == "a-key"


def test_a_key_is_not_sent_to_an_address_it_was_not_given_for(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)
    ana = browser_of(browsers, box.cast.ana)
    path = f"/ui/channels/{channel_id}/edit"

    assert send(ana, path, name="Loja", engine_url="http://127.0.0.1:2").status_code == 422
    assert line(box, channel_id).engine_url == NOBODY_THERE

    assert send(ana, path, name="Loja", engine_url="http://127.0.0.1:2", api_key="its-own").status_code == 204
    stored = line(box, channel_id)
    assert stored.engine_url == "http://127.0.0.1:2"
    assert credentials.unseal(box.resources.sealer, box.cast.tenant_a, channel_id, stored.secrets).api_key == "its-own"


def test_an_engine_that_is_away_is_said_in_the_dialog(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)

    answer = send(browser_of(browsers, box.cast.ana), f"/ui/channels/{channel_id}/connect")

    assert answer.status_code == 200
    assert "O programa que fala com o WhatsApp não responde." in answer.text
    assert "Tentar de novo" in answer.text


def test_a_wrong_key_is_said_in_the_dialog(box: Box, browsers: Browsers, engine: Simulator) -> None:
    channel_id = make_channel(box, url=engine.url, api_key="not-the-key")

    answer = send(browser_of(browsers, box.cast.ana), f"/ui/channels/{channel_id}/connect")

    assert "O motor do WhatsApp recusou o pedido." in answer.text


def test_a_number_is_paired_by_qr_then_by_code(box: Box, browsers: Browsers, engine: Simulator) -> None:
    channel_id = make_channel(box, url=engine.url, api_key=engine.api_key)
    ana = browser_of(browsers, box.cast.ana)

    shown = send(ana, f"/ui/channels/{channel_id}/connect")

    assert 'data-step="qr"' in shown.text
    assert 'src="data:image/png;base64,iVBOR' in shown.text
    assert re.search(r'data-until="[^"]+">4\d s<', shown.text)

    asked = send(ana, f"/ui/channels/{channel_id}/connect", number="11 94000-3333")

    assert 'data-step="code"' in asked.text
    assert re.search(r">[0-9A-Z]{4}-[0-9A-Z]{4}<", asked.text)
    assert 'data-step="code"' in ana.get(f"/ui/channels/{channel_id}/pairing?by=code").text

    engine.scan("i-loja", number="5511940003333", name="Loja")
    send(ana, f"/ui/channels/{channel_id}/check")
    assert 'data-step="open"' in ana.get(f"/ui/channels/{channel_id}/pairing").text

    assert send(ana, f"/ui/channels/{channel_id}/disconnect").status_code == 204
    assert "foi desconectado aqui na caixa" in ana.get("/ui/channels").text


def test_a_number_that_is_none_is_said_at_its_field(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)

    answer = send(browser_of(browsers, box.cast.ana), f"/ui/channels/{channel_id}/connect", number="12")

    assert "pair-fault" in answer.text


def test_a_code_that_nobody_renews_has_expired(box: Box, browsers: Browsers) -> None:
    channel_id = make_channel(box)
    with box.resources.database.transaction(Scope.system(box.cast.tenant_a)) as tx:
        commands.note_qr(tx, channel_id, QrShown("iVBOR", None))
        tx.execute("UPDATE app.channels SET qr_at = now() - interval '90 seconds' WHERE id = :id", id=channel_id)

    shown = browser_of(browsers, box.cast.ana).get(f"/ui/channels/{channel_id}/pairing").text

    assert "O código venceu." in shown
    assert "iVBOR" not in shown
