"""What happens seldom at the desk: acts that WhatsApp refuses, things to pass on, new faces, and what was said long ago."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Demo, wait_until
from tests.e2e.test_inbox_work import HAS_LEFT, SHOP, OpenDesk, act, bubble, open_conversation, row, shown_to, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]


def test_an_edit_and_a_reaction_that_whatsapp_refuses_are_taken_back_and_said(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    open_conversation(page, "Maria Aparecida")
    write(page, "Abrimos às 8h")
    said = page.locator("article.msg.out", has_text="Abrimos às")
    expect(said).to_have_attribute("data-status", HAS_LEFT, timeout=15_000)
    demo.tell("fault", action="refuse", path="chat/updateMessage", times=1)
    act(page, said, "Editar")
    write(page, "Abrimos às 9h")
    expect(said.locator(".undone")).to_have_text(
        "O WhatsApp não aceitou a edição. Voltou o texto de antes.", timeout=15_000
    )
    expect(said.locator(".tx")).to_have_text("Abrimos às 8h")
    expect(said).not_to_contain_text("editada")

    demo.tell("receive", instance=SHOP, contact="sample-0", text="Obrigada pela resposta")
    thanks = bubble(page, "Obrigada pela resposta").last
    demo.tell("fault", action="refuse", path="message/sendReaction", times=1)
    thanks.hover()
    thanks.locator("[data-act=react]").click()
    page.locator("#menu-react [data-react='👍']").click()
    expect(thanks.locator(".undone")).to_have_text("O WhatsApp não aceitou a reação.", timeout=15_000)
    expect(thanks.locator(".rx")).to_have_count(0)
    thanks.hover()
    thanks.locator("[data-act=react]").click()
    page.locator("#menu-react [data-react='👍']").click()
    expect(thanks.locator(".rx")).to_contain_text("👍")
    expect(thanks.locator(".undone")).to_have_count(0)


def pass_on(page: Page, kind: str, to: str) -> None:
    act(page, page.locator(f"article.msg.in[data-type={kind}]").last, "Encaminhar")
    page.locator("#dlg-forward [data-found]").get_by_role("button", name=to).first.click()


def test_a_place_a_card_and_a_poll_are_passed_on_and_what_cannot_says_why(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    card = {"name": "Rui Entregas", "number": "5511912345678"}
    place = {"latitude": -19.9, "longitude": -43.9, "name": "Praça do Papa", "address": "Mangabeiras"}
    demo.tell("receive", instance=SHOP, contact="sample-0", kind="location", **place)
    demo.tell("receive", instance=SHOP, contact="sample-0", kind="contact", **card)
    demo.tell("receive", instance=SHOP, contact="sample-0", kind="poll", name="Que sabor?", options=["Queijo", "Coco"])
    open_conversation(page, "Maria Aparecida")
    for kind in ("location", "contacts", "poll"):
        pass_on(page, kind, "Rafael")
        expect(page.locator("#toasts")).to_contain_text("Encaminhada para")
    wait_until(lambda: "Que sabor?" in str(shown_to(demo, "sample-4")), "the poll on the other phone", 30)
    arrived = str(shown_to(demo, "sample-4"))
    assert "Praça do Papa" in arrived
    assert "Rui Entregas" in arrived
    open_conversation(page, "Rafael de Minas")
    sent = page.locator("article.msg.out")
    expect(sent.filter(has_text="Praça do Papa").locator(".fwd")).to_be_visible()
    expect(sent.filter(has_text="Rui Entregas").locator(".vcard")).to_be_visible()
    expect(sent.filter(has_text="Que sabor?").locator(".poll li")).to_have_count(2)

    many = [f"Opção {number}" for number in range(12)]
    demo.tell("receive", instance=SHOP, contact="sample-0", kind="poll", name="Longa demais?", options=many)
    open_conversation(page, "Maria Aparecida")
    expect(bubble(page, "Longa demais?")).to_be_visible()
    pass_on(page, "poll", "Rafael")
    expect(page.locator("#toasts")).to_contain_text("O WhatsApp só deixa encaminhar enquetes de 2 a 10 opções.")


def test_another_portrait_shows_without_a_reload(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("receive", instance=SHOP, contact="sample-0", text="Oi, tudo bem?")
    open_conversation(page, "Maria Aparecida")
    faces = [row(page, "Maria Aparecida").locator(".av img"), page.locator("#pane .th-h .av img")]
    for face in faces:
        expect(face).to_have_count(1, timeout=30_000)
    before = faces[1].get_attribute("src")
    demo.tell("change_picture", instance=SHOP, contact="sample-0")
    for face in faces:
        expect(face).not_to_have_attribute("src", before or "", timeout=30_000)
    assert faces[0].evaluate("image => image.src") == faces[1].evaluate("image => image.src")


def test_a_search_leads_to_what_was_said_long_ago_and_back_to_the_end(demo: Demo, desk: OpenDesk) -> None:
    page = desk("padaria", "manager").page
    demo.tell("add_contact", name="Dona Longeva", id="longeva", number="5531977770099")
    begun = int(time.time()) - 5_000
    demo.tell("receive", instance=SHOP, contact="longeva", text="Quero a torta jabuticabeira", at=begun)
    for number in range(1, 900):
        demo.tell("receive", instance=SHOP, contact="longeva", text=f"recado {number}.", at=begun + number)
    expect(row(page, "Dona Longeva")).to_contain_text("recado 899.", timeout=60_000)

    page.locator("#conv-q").fill("jabuticabeira")
    expect(row(page, "Dona Longeva")).to_contain_text("jabuticabeira", timeout=15_000)
    row(page, "Dona Longeva").click()
    old = bubble(page, "Quero a torta jabuticabeira")
    expect(old).to_be_in_viewport(timeout=20_000)
    expect(old).to_have_class(re.compile("flash"))
    expect(bubble(page, "recado 899.")).to_have_count(0)

    # Downwards it goes on, page by page, in order and without a gap.
    page.locator("#pane hb-thread").evaluate("thread => thread.scrollTop = 0")
    expect(bubble(page, "recado 60.")).to_have_count(1)
    shown = page.locator("#pane article.msg .tx").all_text_contents()
    numbers = [int(text.split()[1].strip(".")) for text in shown if text.startswith("recado")]
    assert numbers == list(range(1, len(numbers) + 1))

    # What comes meanwhile waits at the end, and what is written leads there.
    demo.tell("receive", instance=SHOP, contact="longeva", text="recado de agora")
    expect(row(page, "Dona Longeva")).to_be_visible()
    page.wait_for_timeout(500)
    expect(bubble(page, "recado de agora")).to_have_count(0)
    jump = page.locator("#composer .jump")
    expect(jump).to_be_visible()
    write(page, "Anotado, Dona Longeva!")
    expect(bubble(page, "Anotado, Dona Longeva!")).to_be_in_viewport()
    expect(bubble(page, "recado de agora")).to_be_visible()
    expect(bubble(page, "recado 899.")).to_be_visible()
    expect(jump).to_be_hidden()
    expect(bubble(page, "Anotado, Dona Longeva!")).to_have_attribute("data-status", HAS_LEFT, timeout=20_000)
    expect(bubble(page, "Anotado, Dona Longeva!")).to_have_count(1)

    # The button leads back as well.
    row(page, "Dona Longeva").click()
    expect(old).to_be_in_viewport(timeout=20_000)
    jump.click()
    expect(bubble(page, "Anotado, Dona Longeva!")).to_be_in_viewport()
