"""axe-core finds nothing on the pages beside the inbox, nor in their dialogs: both themes, desk and phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.e2e.axe import violations
from tests.e2e.conftest import Demo, Desk
from tests.e2e.test_pages import SHOP, make_number

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SCREENS = [(theme, size) for theme in ("light", "dark") for size in ((1440, 900), (390, 844))]

# A change of theme is drawn, and no colour is on its way to another: on a busy machine frames come late.
SETTLED = """async () => {
  // An inherited colour sets out anew on each level, one frame after the level above has arrived.
  for (let round = 0; round < 30; round += 1) {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const moving = document.getAnimations();
    if (!moving.length) break;
    for (const one of moving) {
      try { one.finish(); } catch { one.cancel(); }
    }
  }
}"""

Desks = Callable[..., Desk]
Look = Callable[[str], None]


def look_with(page: Page, found: list[str]) -> Look:
    """Every theme and width of the state the page is in, and that nothing sticks out at the side."""

    def look(state: str) -> None:
        for theme, (width, height) in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            page.evaluate(SETTLED)
            where = f"{state}, {theme}, {width}"
            for one in violations(page):
                node = one["nodes"][0]
                found.append(f"{where}: {one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{where}: wider than the screen")
        page.set_viewport_size({"width": 1440, "height": 900})

    return look


def test_the_channels_page_and_its_dialogs(demo: Demo, desk: Desks) -> None:
    page = desk(SHOP, "tenant_admin").page
    page.emulate_media(reduced_motion="reduce")
    found: list[str] = []
    look = look_with(page, found)
    page.goto(f"{demo.url}/channels")
    look("numbers")
    page.get_by_role("button", name="Mais ações de Loja").click()
    look("menu")
    page.get_by_role("button", name="Editar").locator("visible=true").click()
    page.wait_for_selector("#new-name")
    look("edit")
    page.keyboard.press("Escape")
    name, _ = make_number(page, demo)
    page.get_by_text("Segredos do webhook").click()
    look("made")
    page.get_by_role("button", name="Conectar agora").click()
    page.get_by_alt_text("Código QR").wait_for(timeout=15_000)
    look("QR")
    page.get_by_text("Sem câmera?").click()
    page.fill("#pair-number", "1")
    page.get_by_role("button", name="Gerar código").click()
    page.wait_for_selector("#pair-fault")
    look("wrong number")
    page.fill("#pair-number", "21 93000-4444")
    page.get_by_role("button", name="Gerar código").click()
    page.wait_for_selector(".pair-code", timeout=15_000)
    look("code")
    page.keyboard.press("Escape")
    page.get_by_role("article", name=name).wait_for()
    look("a number on its way")
    assert found == []


@pytest.mark.parametrize(
    ("role", "paths"),
    [
        ("tenant_admin", ["/journal", "/settings", "/settings/labels", "/profile"]),
        ("agent", ["/channels", "/profile"]),
    ],
)
def test_the_other_pages_of_a_company(demo: Demo, desk: Desks, role: str, paths: list[str]) -> None:
    page = desk(SHOP, role).page
    found: list[str] = []
    for path in paths:
        page.goto(demo.url + path)
        look_with(page, found)(path)
    assert found == []


@pytest.mark.parametrize("role", ["reseller", "super_admin"])
def test_the_list_of_tenants(demo: Demo, desk: Desks, role: str) -> None:
    page = desk(None, role).page
    found: list[str] = []
    look_with(page, found)("tenants")
    assert found == []
