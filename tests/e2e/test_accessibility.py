"""axe-core finds nothing on any screen of the inbox: every dialog and state, both themes, desk and phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.axe import violations
from tests.e2e.test_browser_code import Sample, chromium, sample

__all__ = ["chromium", "sample"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SIZES = {"desk": (1440, 900), "phone": (390, 844)}

Check = Callable[[str], None]


def check_with(page: Page, found: list[str]) -> Check:
    def check(state: str) -> None:
        page.wait_for_timeout(120)
        for violation in violations(page):
            found.append(f"{state}: {violation['id']}: {violation['nodes'][0]['html'][:160]}")

    return check


@pytest.fixture(params=[(theme, size) for theme in ("light", "dark") for size in SIZES], ids="-".join)
def screen(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    theme, size = request.param
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, has_touch=size == "phone")
    context.add_init_script(f"localStorage.setItem('hb.theme', '{theme}')")
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    yield page
    context.close()


def test_no_screen_of_the_inbox_has_a_violation(screen: Page, sample: Sample) -> None:
    found: list[str] = []
    check = check_with(screen, found)
    walk_the_doors(screen, sample, check)
    walk_the_list(screen, sample, check)
    walk_the_thread(screen, check)
    walk_the_menus(screen, check)
    walk_the_rest(screen, check)
    assert found == []


def test_a_planted_fault_is_found(chromium: Browser, sample: Sample) -> None:
    page = chromium.new_page()
    page.goto(f"{sample.address}/login")
    assert violations(page) == []
    page.evaluate("document.querySelector('form').append(new Image())")
    assert [one["id"] for one in violations(page)] == ["image-alt"]
    page.close()


def walk_the_doors(page: Page, sample: Sample, check: Check) -> None:
    page.goto(f"{sample.address}/login")
    check("sign in")
    page.goto(f"{sample.address}/login?error=bad&email=a@b.c")
    check("sign in refused")


def walk_the_list(page: Page, sample: Sample, check: Check) -> None:
    page.goto(f"{sample.address}/inbox")
    check("list")
    page.locator('[popovertarget="filter-label"]').click()
    check("label filter")
    page.keyboard.press("Escape")
    page.locator('[data-cmd="new-conversation"]').click()
    check("new conversation")
    page.keyboard.press("Escape")
    page.locator("#conv-q").fill("xyzw")
    page.wait_for_selector('#convs [data-chip="clear-all"]')
    check("nothing found")
    page.locator('#convs [data-chip="clear-all"]').click()


def walk_the_thread(page: Page, check: Check) -> None:
    page.locator(".conv").first.click()
    page.wait_for_selector("hb-composer")
    for name, position in [("end", 0), ("middle", -700), ("start", -5000)]:
        page.evaluate("top => { document.querySelector('hb-thread').scrollTop = top; }", position)
        check(f"thread, {name}")
    page.locator('hb-composer [data-mode="note"]').last.click()
    check("private note")
    page.locator('hb-composer [data-mode="reply"]').last.click()


def walk_the_menus(page: Page, check: Check) -> None:
    page.locator('[popovertarget="menu-more"]').first.click()
    check("more actions")
    page.keyboard.press("Escape")
    for menu in ("menu-assign", "menu-snooze", "menu-labels", "menu-message", "menu-react"):
        page.evaluate("id => document.getElementById(id).showPopover()", menu)
        check(menu)
        page.evaluate("id => document.getElementById(id).hidePopover()", menu)
    page.locator('[data-act="emoji"]').click()
    page.wait_for_selector("#menu-emoji button")
    check("emoji")
    page.keyboard.press("Escape")


def walk_the_rest(page: Page, check: Check) -> None:
    page.evaluate("document.querySelector('[data-act=\"view\"]').click()")
    check("media viewer")
    page.keyboard.press("Escape")
    for dialog in ("dlg-help", "dlg-forward"):
        page.evaluate("id => document.getElementById(id).showModal()", dialog)
        check(dialog)
        page.keyboard.press("Escape")
    page.evaluate("document.getElementById('inbox').dataset.side = 'on'")
    check("contact panel")
    page.evaluate("document.getElementById('inbox').dataset.side = 'off'")
    page.evaluate("dispatchEvent(new Event('offline'))")
    check("offline")
