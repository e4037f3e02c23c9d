"""The pages beside the inbox, in a real browser: numbers are paired, labels kept, what could not be used is tried again."""

import json
import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]

SHOP = "floricultura"
PHONE = "5521930003333"

Desks = Callable[..., Desk]


def engine_key(demo: Demo) -> str:
    return str(json.loads((demo.folder / "keys" / "demo-engine.json").read_text())["api_key"])


def make_number(page: Page, demo: Demo, key: str | None = None) -> tuple[str, str]:
    """A new number, up to the offer to connect it; its name and instance."""
    name = f"Teste {secrets.token_hex(3)}"
    page.goto(f"{demo.url}/channels")
    page.get_by_role("button", name="Novo número").click()
    page.fill("#new-name", name)
    page.fill("#new-api_key", key or engine_key(demo))
    instance = page.input_value("#new-instance")
    page.get_by_role("button", name="Criar número").click()
    expect(page.get_by_role("heading", name=f"{name} foi criado")).to_be_visible()
    return name, instance


def card(page: Page, name: str) -> object:
    return page.get_by_role("article", name=name)


def test_a_number_is_paired_by_qr_and_by_code_and_its_fate_is_seen_at_once(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    onlooker = desk(SHOP, "agent").page
    name, instance = make_number(page, demo)

    page.get_by_role("button", name="Conectar agora").click()
    expect(page.get_by_alt_text("Código QR")).to_be_visible(timeout=15_000)
    before = page.inner_text("[data-until]")
    expect(page.locator("[data-until]")).not_to_have_text(before)

    page.get_by_text("Sem câmera?").click()
    page.fill("#pair-number", "21 93000-3333")
    page.get_by_role("button", name="Gerar código").click()
    expect(page.get_by_label("Código de 8 letras")).to_have_text(re.compile(r"^\w{4}-\w{4}$"), timeout=15_000)

    onlooker.goto(f"{demo.url}/channels")
    demo.tell("scan", instance=instance, number=PHONE, name="Teste")
    expect(page.get_by_role("heading", name="Número conectado")).to_be_visible()
    page.get_by_role("button", name="Pronto").click()
    expect(card(page, name).get_by_text("Conectado", exact=True)).to_be_visible()  # type: ignore[attr-defined]
    expect(card(page, name).get_by_text("+55 21 93000-3333")).to_be_visible()  # type: ignore[attr-defined]

    demo.tell("close", instance=instance, code=403)
    for screen in (page, onlooker):
        expect(card(screen, name).get_by_text("Bloqueado pelo WhatsApp")).to_be_visible(timeout=3_000)  # type: ignore[attr-defined]
    expect(card(page, name).get_by_text("O WhatsApp bloqueou este número.")).to_be_visible()  # type: ignore[attr-defined]
    assert onlooker.get_by_role("button", name="Conectar").count() == 0


def test_a_wrong_key_is_said_and_can_be_put_right(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    name, _ = make_number(page, demo, key="not-the-key")

    page.get_by_role("button", name="Conectar agora").click()
    expect(page.get_by_text("O motor do WhatsApp recusou o pedido.")).to_be_visible(timeout=15_000)
    page.keyboard.press("Escape")

    page.get_by_role("button", name=f"Mais ações de {name}").click()
    page.get_by_role("button", name="Editar").locator("visible=true").click()
    page.fill("#new-api_key", engine_key(demo))
    page.get_by_role("button", name="Gravar").click()
    expect(page.get_by_text("Número gravado.")).to_be_visible()

    card(page, name).get_by_role("button", name="Conectar").click()  # type: ignore[attr-defined]
    expect(page.get_by_alt_text("Código QR")).to_be_visible(timeout=15_000)


def test_a_number_is_worked_by_keyboard_and_left_only_after_a_question(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    page.goto(f"{demo.url}/channels")
    page.get_by_role("button", name="Mais ações de Loja").focus()
    page.keyboard.press("Enter")
    menu = page.locator(".menu:popover-open")
    expect(menu).to_be_visible()
    # The list is drawn again every five seconds; an open menu must not notice.
    with page.expect_response("**/ui/channels"):
        pass
    expect(menu).to_be_visible()

    page.get_by_role("button", name="Desconectar").locator("visible=true").click()
    question = page.get_by_role("dialog", name="Desconectar Loja?")
    expect(question).to_be_visible()
    expect(question.get_by_role("button", name="Cancelar")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_be_hidden()
    expect(card(page, "Loja").get_by_text("Conectado", exact=True)).to_be_visible()  # type: ignore[attr-defined]


def test_what_could_not_be_used_is_listed_shown_and_tried_again(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    demo.tell("emit", instance="floricultura-demo", event="messages.upsert", data={"key": "torta de <b>limão</b>"})

    def listed() -> bool:
        page.goto(f"{demo.url}/journal")
        return page.get_by_role("link", name="Ver o conteúdo").count() > 0

    for _ in range(20):
        if listed():
            break
        page.wait_for_timeout(250)
    expect(page.get_by_role("heading", name=re.compile("sem uso"))).to_be_visible()
    page.get_by_role("link", name="Ver o conteúdo").first.click()
    expect(page.get_by_role("region", name="Conteúdo recebido")).to_contain_text("torta de <b>limão</b>")

    page.get_by_role("button", name="Tentar de novo").click()
    expect(page.get_by_role("status").first).to_contain_text("continua sem uso")


def test_labels_are_made_renamed_and_removed(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    name = f"Urgente {secrets.token_hex(2)}"
    page.goto(f"{demo.url}/settings")
    page.get_by_role("link", name="Etiquetas").click()
    page.get_by_label("Nome da etiqueta", exact=True).fill(name)
    page.get_by_label("Roxo").first.check(force=True)
    page.get_by_role("button", name="Criar").click()
    expect(page.get_by_text("As etiquetas foram gravadas.")).to_be_visible()

    page.get_by_label(f"Nome da etiqueta {name}").fill(f"{name}!")
    page.get_by_role("button", name=f"Gravar a etiqueta {name}").click()
    page.goto(f"{demo.url}/inbox")
    page.locator('[popovertarget="filter-label"]').click()
    expect(page.get_by_text(f"{name}!").first).to_be_visible()

    page.goto(f"{demo.url}/settings/labels")
    page.get_by_role("button", name=f"Apagar a etiqueta {name}!").click()
    page.get_by_role("button", name="Apagar", exact=True).locator("visible=true").click()
    expect(page.get_by_text("A etiqueta foi apagada.")).to_be_visible()
    assert page.get_by_label(f"Nome da etiqueta {name}").count() == 0


def test_a_contact_gets_a_name_and_facts_from_its_panel(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    page.goto(f"{demo.url}/inbox?tab=all")
    page.locator(".conv").first.click()
    page.locator("#side").get_by_role("button", name="Editar").click()
    name = f"Dona {secrets.token_hex(3)}"
    page.fill("#contact-name", name)
    page.fill("#contact-facts", "sem separador")
    page.get_by_role("button", name="Gravar", exact=True).locator("visible=true").click()
    expect(page.get_by_text("Escreva cada linha como nome: valor.")).to_be_visible()

    page.fill("#contact-facts", "Aniversário: 12 de maio")
    page.get_by_role("button", name="Gravar", exact=True).locator("visible=true").click()
    expect(page.locator("#side h2").first).to_have_text(name)
    expect(page.locator("#side dl")).to_contain_text("12 de maio")
    expect(page.locator(".conv").first).to_contain_text(name)


def test_a_reseller_lands_on_counts_and_states_and_reads_no_content(demo: Demo, desk: Desks) -> None:
    page = desk(None, "reseller").page

    assert page.url.endswith("/tenants")
    row = page.get_by_role("row", name=re.compile("Floricultura Ipê"))
    expect(row).to_contain_text("+55 21 93000-2222")
    expect(row).to_contain_text("Funcionou pela última vez")
    page.goto(f"{demo.url}/inbox")
    assert page.locator(".conv, hb-thread").count() == 0


def test_g_and_a_letter_go_to_another_place(desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    expect(page.locator("#convs")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_url("**/channels")
    page.go_back()
    expect(page.locator("#convs")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#dlg-help").get_by_text("G N")).to_be_visible()
