"""A day at the desk, in real browsers on the real product: what is done with a conversation and with its messages."""

import base64
import io
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Demo, Desk, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]

OpenDesk = Callable[..., Desk]
SHOP = "padaria-demo"
HAS_LEFT = re.compile("sent|delivered|read|played")


def bubble(page: Page, text: str) -> Locator:
    return page.locator("article.msg", has_text=text)


def row(page: Page, name: str) -> Locator:
    return page.locator("#convs a.conv", has_text=name)


def open_conversation(page: Page, name: str) -> None:
    row(page, name).first.click()
    expect(page.locator("#pane .th-h h2")).to_have_text(name)
    expect(page.locator("hb-composer textarea")).to_be_visible()


def write(page: Page, text: str) -> None:
    page.locator("hb-composer textarea").fill(text)
    page.locator("hb-composer textarea").press("Enter")


def act(page: Page, message: Locator, name: str) -> None:
    """By the message's own menu."""
    message.hover()
    message.locator("[data-act=more]").click()
    page.locator("#menu-message").get_by_role("button", name=name).click()


def choose(page: Page, name: str) -> None:
    page.get_by_role("button", name="Mais ações", exact=True).locator("visible=true").first.click()
    page.locator("#menu-more").get_by_role("button", name=name).click()


def shown_to(demo: Demo, customer: str) -> list[dict[str, object]]:
    return list(demo.ask("messages", instance=SHOP, chat=customer))


def test_a_conversation_is_owned_labelled_put_off_and_closed(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("receive", instance=SHOP, contact="sample-1", text="Têm pão de queijo?")
    open_conversation(page, "João Batista")
    page.keyboard.press("Escape")

    owner = page.locator("[data-assign-button]")
    owner.click()
    page.locator("#menu-assign").get_by_role("button", name="Bruno").click()
    expect(owner).to_contain_text("Bruno")
    choose(page, "Assumir a conversa")
    expect(page.locator("#toasts")).to_contain_text("A conversa é sua.")
    owner.click()
    page.locator("#menu-assign").get_by_role("button", name="Ninguém").click()
    expect(owner).to_contain_text("Sem dono")

    choose(page, "Etiquetas")
    label = page.locator("#menu-labels [data-toggle-label]").first
    label.click()
    expect(label).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#side [data-side-labels] .label")).to_have_count(1)
    label.click()
    expect(page.locator("#side [data-side-labels] .label")).to_have_count(0)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Adiar", exact=True).click()
    page.get_by_role("button", name="Daqui a 1 hora").click()
    expect(page.get_by_role("button", name="Reabrir")).to_be_visible()
    page.get_by_role("button", name="Desfazer").last.click()
    expect(page.get_by_role("button", name="Reabrir")).to_be_hidden()

    page.locator("#pane").get_by_role("button", name="Resolver").click()
    expect(row(page, "João Batista")).to_have_count(0)
    page.locator("[data-chip=status]").click()
    page.locator("#filter-status").get_by_role("button", name="Resolvidas").click()
    open_conversation(page, "João Batista")
    page.get_by_role("button", name="Reabrir").click()
    expect(page.locator("#pane").get_by_role("button", name="Resolver")).to_be_visible()


def test_a_blocked_contact_is_not_written_to(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Lívia Fonseca")
    choose(page, "Bloquear contato")
    page.get_by_role("button", name="Bloquear", exact=True).click()
    expect(page.locator("[data-strip=blocked]")).to_be_visible()
    write(page, "Não deve sair")
    expect(bubble(page, "Não deve sair")).to_contain_text("Contato bloqueado.")
    bubble(page, "Não deve sair").get_by_role("button", name="Descartar").click()
    expect(bubble(page, "Não deve sair")).to_have_count(0)
    page.get_by_role("button", name="Desbloquear", exact=True).click()
    expect(page.locator("[data-strip=blocked]")).to_be_hidden()


def test_a_message_is_quoted_reacted_to_edited_forwarded_and_taken_back(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Maria Aparecida")
    demo.tell("receive", instance=SHOP, contact="sample-0", text="Vocês entregam no centro?")
    question = bubble(page, "Vocês entregam no centro?").last
    question.hover()
    question.locator("[data-act=reply]").click()
    write(page, "Entregamos sim")
    answer = page.locator("article.msg.out", has_text="Entregamos sim")
    expect(answer.locator(".quote")).to_contain_text("Vocês entregam no centro?")
    expect(answer).to_have_attribute("data-status", HAS_LEFT, timeout=15_000)

    question.hover()
    question.locator("[data-act=react]").click()
    page.locator("#menu-react [data-react='👍']").click()
    expect(question.locator(".rx")).to_contain_text("👍")
    wait_until(
        lambda: any(one["reactions"] for one in shown_to(demo, "sample-0")), "the reaction on the customer's phone"
    )

    act(page, answer, "Editar")
    write(page, "Entregamos sim, até as 18h")
    expect(answer).to_contain_text("até as 18h")
    expect(answer).to_contain_text("editada")
    wait_until(lambda: "até as 18h" in str(shown_to(demo, "sample-0")), "the edit on the customer's phone")

    act(page, answer, "Encaminhar")
    page.locator("#dlg-forward [data-found]").get_by_role("button", name="Rafael").click()
    expect(page.locator("#toasts")).to_contain_text("Encaminhada para")
    wait_until(lambda: "até as 18h" in str(shown_to(demo, "sample-4")), "the forwarded text on the other phone")

    act(page, answer, "Apagar para todos")
    page.locator("#dlg-confirm").get_by_role("button", name="Apagar").click()
    expect(page.locator("article.msg.out", has_text="Mensagem apagada")).to_be_visible()
    gone = wait_until(lambda: [one for one in shown_to(demo, "sample-0") if one["deleted"]], "the deletion")
    assert len(gone) == 1


def test_what_fails_says_why_and_is_sent_again_in_place(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Maria Aparecida")
    demo.tell("fault", action="fail", path="*sendText*", status=400, message="Bad Request", times=1)
    write(page, "Vai falhar uma vez")
    failed = bubble(page, "Vai falhar uma vez")
    expect(failed).to_have_attribute("data-status", "failed", timeout=20_000)
    expect(failed.locator(".fail span")).not_to_be_empty()
    failed.get_by_role("button", name="Enviar de novo").click()
    expect(failed).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)
    expect(failed).to_have_count(1)
    assert len([one for one in shown_to(demo, "sample-0") if one.get("text") == "Vai falhar uma vez"]) == 1


def test_drafts_notes_and_presence_are_shared_between_two_browsers(demo: Demo, desk: OpenDesk) -> None:
    here, there = desk("padaria", "manager").page, desk("padaria", "manager").page
    colleague = desk("padaria", "tenant_admin").page
    open_conversation(here, "Rafael de Minas")
    open_conversation(colleague, "Rafael de Minas")
    expect(colleague.locator("[data-viewers]")).to_be_visible()

    here.locator("hb-composer textarea").press_sequentially("Um rascunho")
    expect(colleague.locator("[data-strip=typing]")).to_contain_text("está escrevendo")
    wait_until(lambda: saved_draft(there, demo), "the draft to be kept by the server")
    open_conversation(there, "Rafael de Minas")
    expect(there.locator("hb-composer textarea")).to_have_value("Um rascunho")
    here.locator("hb-composer textarea").fill("")

    here.keyboard.press("Control+Shift+N")
    write(here, "Cliente prefere *ligação*")
    note = colleague.locator("article.msg.note", has_text="Cliente prefere")
    expect(note).to_contain_text("nota privada")
    expect(note.locator("strong, b:not(.x)").first).to_have_text("ligação")
    assert "Cliente prefere" not in str(shown_to(demo, "sample-4"))

    demo.tell("typing", instance=SHOP, contact="sample-4", state="composing")
    expect(here.locator(".typing-row")).to_be_visible()


def saved_draft(page: Page, demo: Demo) -> bool:
    page.goto(f"{demo.url}/inbox")
    return "Um rascunho" in row(page, "Rafael de Minas").first.inner_text()


def test_what_was_typed_or_wiped_just_before_a_reload_stays_so(desk: OpenDesk) -> None:
    page = desk("padaria", "tenant_admin").page
    open_conversation(page, "Rafael de Minas")
    text = page.locator("hb-composer textarea")
    with page.expect_response("**/ui/drafts/*"):
        text.press_sequentially("Sai às")
    text.press_sequentially(" 18h")
    page.reload()
    expect(text).to_have_value("Sai às 18h")
    text.fill("")
    page.reload()
    expect(text).to_have_value("")


def test_what_happens_shows_in_the_contact_panel_at_once(demo: Demo, desk: OpenDesk) -> None:
    page, colleague = desk("padaria", "manager").page, desk("padaria", "tenant_admin").page
    open_conversation(page, "Rafael de Minas")
    open_conversation(colleague, "Rafael de Minas")
    page.keyboard.press("Control+Shift+N")
    write(page, "Paga sempre em dinheiro")
    for side in (page.locator("#side"), colleague.locator("#side")):
        expect(side.locator("[data-part=notes]")).to_contain_text("Paga sempre em dinheiro")
    colleague.locator("#side").get_by_role("button", name="Editar").click()
    colleague.locator("#contact-facts").fill("Aniversário: 12 de maio")
    with colleague.expect_request(lambda request: request.method == "PATCH") as asked:
        colleague.get_by_role("button", name="Gravar", exact=True).click()
    # The name the customer goes by must go on following what they call themselves.
    assert "name" not in asked.value.post_data_json
    expect(page.locator("#side [data-part=facts]")).to_contain_text("12 de maio")


def test_an_agent_hears_that_the_conversation_went_to_somebody_else(demo: Demo, desk: OpenDesk) -> None:
    manager, agent = desk("padaria", "manager").page, desk("padaria", "agent").page
    demo.tell("receive", instance=SHOP, contact="sample-5", text="Hola")
    open_conversation(agent, "Carmen López")
    open_conversation(manager, "Carmen López")
    agent.locator("hb-composer textarea").fill("Meia resposta")
    choose(manager, "Assumir a conversa")
    expect(agent.locator("#toasts")).to_contain_text("passou para outra pessoa")
    manager.locator("[data-assign-button]").click()
    manager.locator("#menu-assign").get_by_role("button", name="Ninguém").click()
    open_conversation(agent, "Carmen López")
    expect(agent.locator("hb-composer textarea")).to_have_value("Meia resposta")
    agent.locator("hb-composer textarea").fill("")


def test_emoji_pasted_pictures_and_dropped_files_are_sent(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Maria Aparecida")
    page.get_by_role("button", name="Emoji", exact=True).click()
    page.locator("#menu-emoji button").first.click()
    page.keyboard.press("Escape")
    assert page.locator("hb-composer textarea").input_value()
    page.locator("hb-composer textarea").fill("")

    give(page, "paste", picture(), "colada.png", "image/png")
    expect(page.locator("hb-composer .files .file")).to_have_count(1)
    page.locator("hb-composer textarea").fill("Uma foto colada")
    page.locator("hb-composer textarea").press("Enter")
    expect(bubble(page, "Uma foto colada").locator("img")).to_be_visible()
    expect(bubble(page, "Uma foto colada")).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)

    give(page, "drop", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "cardapio.pdf", "application/pdf")
    page.locator("hb-composer textarea").press("Enter")
    expect(page.locator("article.msg.out .doc", has_text="cardapio.pdf")).to_be_visible(timeout=20_000)

    give(page, "drop", b"isto nao e uma foto", "falsa.jpg", "image/jpeg")
    page.locator("hb-composer textarea").press("Enter")
    posed = page.locator("article.msg.out", has=page.locator(".doc", has_text="falsa.jpg"))
    expect(posed).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)

    bubble(page, "Uma foto colada").locator("[data-act=view]").click()
    expect(page.locator("#lightbox img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#lightbox")).to_be_hidden()


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (320, 200), (20, 120, 140)).save(drawn, "PNG")
    return drawn.getvalue()


GIVE = """([kind, encoded, name, type]) => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const target = document.querySelector(kind === 'paste' ? 'hb-composer textarea' : '#pane hb-thread');
  const options = { bubbles: true, cancelable: true };
  if (kind === 'paste') target.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: data }));
  else for (const step of ['dragenter', 'dragover', 'drop'])
    target.dispatchEvent(new DragEvent(step, { ...options, dataTransfer: data }));
}"""


def give(page: Page, kind: str, content: bytes, name: str, mime: str) -> None:
    page.evaluate(GIVE, [kind, base64.b64encode(content).decode(), name, mime])


def test_the_list_is_searched_filtered_and_begun_anew(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    page.keyboard.press("/")
    page.locator("#conv-q").fill("rafael")
    expect(page.locator("#convs a.conv")).to_have_count(1)
    page.locator("#conv-q").fill("88880005")
    expect(row(page, "Rafael de Minas")).to_have_count(1)
    page.locator("#conv-q").fill("xyzxyz")
    expect(page.locator("#convs")).to_contain_text("Nada encontrado")
    page.get_by_role("button", name="Limpar filtros").click()
    expect(row(page, "Maria Aparecida")).to_have_count(1)

    page.locator("#conv-q").fill("+55 21 97777-0002")
    expect(row(page, "João Batista")).to_have_count(1)
    page.locator("#conv-q").fill("")
    expect(row(page, "Maria Aparecida")).to_have_count(1)

    page.locator("[data-tab=mine]").click()
    expect(page.locator("[data-tab=mine]")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-tab=all]").click()
    expect(row(page, "Maria Aparecida")).to_have_count(1)

    demo.tell("fault", action="reset", path="*whatsappNumbers*")
    page.get_by_role("button", name="Nova conversa").click()
    page.fill("#new-phone", "11 91234-1111")
    page.fill("#new-text", "Olá!")
    page.get_by_role("button", name="Conferir e enviar").click()
    expect(page.locator("#dlg-new [data-error]")).to_contain_text("O número não responde agora", timeout=20_000)
    page.keyboard.press("Escape")
    demo.tell("clear_faults")

    demo.tell("not_on_whatsapp", numbers=["5511912340000"])
    page.get_by_role("button", name="Nova conversa").click()
    page.fill("#new-phone", "11 91234-0000")
    page.fill("#new-text", "Olá! Aqui é da padaria.")
    page.get_by_role("button", name="Conferir e enviar").click()
    expect(page.locator("#dlg-new [data-error]")).to_have_text("Este número não tem WhatsApp.", timeout=15_000)
    page.fill("#new-phone", "11 91234-5678")
    page.get_by_role("button", name="Conferir e enviar").click()
    expect(bubble(page, "Olá! Aqui é da padaria.")).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)


def test_a_search_goes_through_what_was_resolved_too(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("receive", instance=SHOP, contact="sample-0", text="Qual o horário de domingo?")
    open_conversation(page, "Maria Aparecida")
    page.locator("#pane").get_by_role("button", name="Resolver").click()
    expect(row(page, "Maria Aparecida")).to_have_count(0)
    page.locator("#conv-q").fill("maria apar")
    expect(row(page, "Maria Aparecida").locator(".closed")).to_have_text("Resolvida")
    page.locator("#conv-q").fill("")
    expect(row(page, "Maria Aparecida")).to_have_count(0)
    demo.tell("receive", instance=SHOP, contact="sample-0", text="Alguém aí?")
    expect(row(page, "Maria Aparecida")).to_have_count(1)
    expect(row(page, "Maria Aparecida").locator(".closed")).to_have_count(0)


def test_who_searches_while_the_next_conversation_is_still_coming_goes_on_searching(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("receive", instance=SHOP, contact="sample-1", text="Tem alguém aí?")
    demo.tell("receive", instance=SHOP, contact="sample-4", text="Boa tarde!")
    expect(row(page, "Rafael de Minas")).to_have_count(1)
    answers: list[Route] = []
    page.route(re.compile(r"/inbox/[0-9a-f-]{36}"), lambda route: answers.append(route))
    row(page, "João Batista").first.click()
    expect(row(page, "João Batista").first).to_have_attribute("aria-current", "true")
    page.locator("#conv-q").press_sequentially("rafa")
    wait_until(lambda: page.wait_for_timeout(50) or answers, "the conversation to be asked for")
    for answer in answers:
        answer.continue_()
    expect(page.locator("#pane .th-h h2")).to_have_text("João Batista")
    expect(page.locator("hb-composer textarea")).to_be_visible()
    page.keyboard.type("el")
    expect(page.locator("#conv-q")).to_have_value("rafael")
    expect(row(page, "Rafael de Minas")).to_have_count(1)
    expect(row(page, "João Batista")).to_have_count(0)


def test_a_message_elsewhere_is_counted_in_the_title_and_read_where_it_is_opened(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Maria Aparecida")
    demo.tell("receive", instance=SHOP, contact="sample-4", text="Ainda está aberto?")
    expect(row(page, "Rafael de Minas").locator(".count")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    page.locator("[data-chip=status]").click()
    page.locator("#filter-status").get_by_role("button", name="Adiadas").click()
    expect(row(page, "Rafael de Minas")).to_have_count(0)
    # What waits is counted also where the list does not show it.
    expect(page).to_have_title(re.compile(r"^\(\d+\) "))
    page.locator("[data-chip=clear]").click()
    open_conversation(page, "Rafael de Minas")
    expect(row(page, "Rafael de Minas").locator(".count")).to_be_hidden()
    wait_until(
        lambda: (
            [one for one in shown_to(demo, "sample-4") if one.get("text") == "Ainda está aberto?"][-1]["tick"] == "read"
        ),
        "the blue ticks on the customer's phone",
    )
    choose(page, "Marcar como não lida")
    expect(row(page, "Rafael de Minas").locator(".count")).to_be_visible()


def test_a_group_bears_its_name_and_its_members_theirs(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("receive", instance=SHOP, contact="sample-0", group="120363000000000001@g.us", text="Oi, vizinhos")
    expect(row(page, "Condomínio Jardim")).to_be_visible(timeout=60_000)
    open_conversation(page, "Condomínio Jardim")
    expect(bubble(page, "Oi, vizinhos")).to_contain_text("Maria Aparecida")
    write(page, "Bom dia a todos")
    expect(bubble(page, "Bom dia a todos")).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)


def test_a_picture_that_could_not_be_fetched_is_fetched_on_demand(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("fault", action="fail", path="*getBase64*", status=400, message="gone")
    content = base64.b64encode(picture()).decode()
    demo.tell("receive", instance=SHOP, contact="sample-0", kind="image", media=content, caption="Olha a foto")
    open_conversation(page, "Maria Aparecida")
    message = bubble(page, "Olha a foto")
    expect(message).to_contain_text("Mídia indisponível", timeout=30_000)
    demo.tell("clear_faults")
    message.get_by_role("button", name="Tentar de novo").click()
    expect(message.locator("img")).to_be_visible(timeout=30_000)
