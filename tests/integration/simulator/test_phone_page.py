"""The customer's phone in a real browser: both sides talk, at two widths and in two themes, without a violation of axe."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.integration.simulator.house import MARIA, House

AXE = Path(__file__).parents[3] / "web" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield made
        made.close()


def open_phone(browser: Browser, house: House, **settings: object) -> Page:
    context = browser.new_context(locale="en-US", permissions=["microphone"], **settings)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(house.sim.phone_url)
    return page


@pytest.fixture
def page(browser: Browser, house: House) -> Iterator[Page]:
    made = open_phone(browser, house, viewport={"width": 1200, "height": 900})
    made.locator(".chat-row").first.click()
    yield made
    assert made.complaints == []
    made.context.close()


def bubbles(page: Page, kind: str = "text") -> object:
    return page.locator(f".bubble.is-{kind}")


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.keyboard.press("Enter")


def act(page: Page, bubble: object, name: str) -> None:
    bubble.hover()
    bubble.get_by_role("button", name="Message actions").click()
    page.get_by_role("button", name=name, exact=True).click()


def test_both_sides_talk_and_ticks_climb(page: Page, house: House) -> None:
    write(page, "Tem bolo de cenoura?")
    asked = house.hook.wait_for("messages.upsert")[-1]["data"]
    assert asked["message"]["conversation"] == "Tem bolo de cenoura?"
    mine = bubbles(page).last
    expect(mine.get_by_role("img", name="delivered", exact=True)).to_be_visible()
    house.call("POST", "/chat/markMessageAsRead/bai2", {"readMessages": [asked["key"]]})
    expect(mine.get_by_role("img", name="read", exact=True)).to_be_visible()
    house.send_text("Temos sim!", quoted={"key": {"id": asked["key"]["id"]}})
    reply = bubbles(page).last
    expect(reply).to_contain_text("Temos sim!")
    expect(reply.locator(".quote")).to_contain_text("Tem bolo de cenoura?")
    house.sim.wait_idle()
    assert "READ" in [one["data"]["status"] for one in house.hook.events("messages.update")]


def test_everything_a_phone_can_send_reaches_the_webhook(page: Page, house: House) -> None:
    kinds = {
        "Sample photo": "imageMessage",
        "Sample video": "videoMessage",
        "Sample document": "documentMessage",
        "Sample voice note": "audioMessage",
        "Sticker": "stickerMessage",
        "Location": "locationMessage",
        "Contact card": "contactMessage",
    }
    for n, (label, kind) in enumerate(kinds.items(), 1):
        page.get_by_role("button", name="Attach").click()
        page.get_by_role("button", name=label, exact=True).click()
        assert house.hook.wait_for("messages.upsert", n)[-1]["data"]["messageType"] == kind
    expect(page.locator(".bubble")).to_have_count(len(kinds))


def test_a_recorded_voice_note_arrives_as_ogg_opus(page: Page, house: House) -> None:
    page.get_by_role("button", name="Record a voice note").click()
    page.wait_for_timeout(1200)
    page.get_by_role("button", name="Send the recording").click()
    told = house.hook.wait_for("messages.upsert")[-1]["data"]
    assert told["message"]["audioMessage"]["mimetype"] == "audio/ogg; codecs=opus"
    assert told["message"]["audioMessage"]["ptt"] is True
    # The browser itself takes our Ogg for playable, and knows its length.
    loaded = """audio => new Promise((done) => audio.duration > 0 ? done(audio.duration)
        : audio.addEventListener("loadedmetadata", () => done(audio.duration)))"""
    assert page.locator(".bubble audio").evaluate(loaded) > 0.5


def test_a_file_of_ones_own_is_sent(page: Page, house: House, tmp_path: Path) -> None:
    path = tmp_path / "lista.txt"
    path.write_text("2 kg de farinha")
    page.locator("#pick-document").set_input_files(path)
    told = house.hook.wait_for("messages.upsert")[-1]["data"]["message"]["documentMessage"]
    assert (told["fileName"], told["mimetype"]) == ("lista.txt", "text/plain")


def test_own_messages_can_be_edited_and_deleted(page: Page, house: House) -> None:
    write(page, "Quero dois")
    act(page, bubbles(page).last, "Edit")
    write(page, "Quero três")
    expect(bubbles(page).last).to_contain_text("Quero três")
    assert house.hook.wait_for("messages.edited")[-1]["data"]["editedMessage"] == {"conversation": "Quero três"}
    act(page, bubbles(page).last, "Delete for everyone")
    expect(bubbles(page).last).to_contain_text("Message deleted")
    assert house.hook.wait_for("messages.edited", 2)[-1]["data"]["type"] == "REVOKE"


def test_reactions_and_replies(page: Page, house: House) -> None:
    _, sent = house.send_text("Chega amanhã")
    house.sim.wait_idle()
    theirs = bubbles(page).last
    act(page, theirs, "React with 👍")
    expect(theirs).to_contain_text("👍")
    told = house.hook.wait_for("messages.upsert")[-1]["data"]["message"]["reactionMessage"]
    assert (told["key"]["id"], told["key"]["fromMe"], told["text"]) == (sent["key"]["id"], True, "👍")
    act(page, theirs, "Reply")
    write(page, "Obrigada!")
    context = house.hook.wait_for("messages.upsert", 2)[-1]["data"]["contextInfo"]
    assert context["stanzaId"] == sent["key"]["id"]


def test_typing_is_seen_both_ways(page: Page, house: House) -> None:
    body = {"number": MARIA, "presence": "composing", "delay": 100_000}
    asking = threading.Thread(target=house.call, args=("POST", "/chat/sendPresence/bai2", body))
    asking.start()
    expect(page.locator("#chat-note")).to_have_text("typing…")
    asking.join()
    expect(page.locator("#chat-note")).to_have_text("online")
    page.get_by_role("textbox", name="Message").press_sequentially("Oi")
    told = house.hook.wait_for("presence.update")[-1]["data"]["presences"]
    assert [one["lastKnownPresence"] for one in told.values()] == ["composing"]


def test_listening_to_a_voice_note_plays_its_tick(page: Page, house: House) -> None:
    from base64 import b64encode

    from tests.integration.simulator.test_recorded_webhooks import sample

    house.call(
        "POST", "/message/sendWhatsAppAudio/bai2", {"number": MARIA, "audio": b64encode(sample("voice.ogg")).decode()}
    )
    page.wait_for_selector(".bubble audio")
    page.evaluate("document.querySelector('.bubble audio').play()")
    house.hook.wait_for("messages.update", 4)
    assert house.hook.events("messages.update")[-1]["data"]["status"] == "PLAYED"


def test_a_new_number_is_linked_by_a_button(browser: Browser, house: House) -> None:
    house.sim.create_instance("nova", webhook={"url": house.hook.url})
    house.call("GET", "/instance/connect/nova")
    page = open_phone(browser, house)
    page.get_by_role("button", name="Scan the code").click()
    expect(page.locator(".number", has_text="nova")).to_contain_text("connected")
    expect(page.locator(".chat-row", has_text="nova").first).to_be_visible()
    assert house.call("GET", "/instance/connectionState/nova")[1]["instance"]["state"] == "open"
    page.context.close()


def test_a_new_customer_can_be_made(page: Page, house: House) -> None:
    page.get_by_role("button", name="New customer").click()
    page.get_by_label("Name").fill("Zé da Padaria")
    page.get_by_label("Number with country").fill("5511900001111")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#customer")).to_contain_text("Zé da Padaria")
    page.locator(".chat-row").first.click()
    write(page, "Olá")
    assert house.hook.wait_for("messages.upsert")[-1]["data"]["pushName"] == "Zé da Padaria"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core comes with the front end's packages")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, house: House, theme: str, width: int) -> None:
    house.sim.create_instance("nova", webhook={"url": house.hook.url})
    house.call("GET", "/instance/connect/nova")
    page = open_phone(browser, house, viewport={"width": width, "height": 844}, color_scheme=theme)
    page.wait_for_selector(".qr")
    violations = _axe(page, "list")
    page.locator(".chat-row").first.click()
    for label in ("Sample photo", "Sample document", "Location", "Contact card", "Sample voice note"):
        page.get_by_role("button", name="Attach").click()
        page.get_by_role("button", name=label, exact=True).click()
    house.send_text("Resposta")
    write(page, "Oi")
    page.wait_for_timeout(300)
    violations += _axe(page, "chat")
    page.locator(".bubble").last.get_by_role("button", name="Message actions").click()
    violations += _axe(page, "menu")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New customer").click()
    violations += _axe(page, "dialog")
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def _axe(page: Page, state: str) -> list[str]:
    """Run beside the page's own policy, which allows no script of others."""
    page.evaluate(AXE.read_text("utf-8"))
    found = json.loads(page.evaluate("axe.run().then((result) => JSON.stringify(result.violations))"))
    return [f"{state}: {one['id']} {[node['html'][:120] for node in one['nodes']]}" for one in found]
