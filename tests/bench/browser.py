"""The inbox in a real browser, with ten thousand conversations and a thread of five thousand messages.

`python -m tests.bench.browser`: measures against a real box, writes its part of docs/benchmarks.md, and exits with 1 when a
budget is not held. Times are taken inside the page, up to the frame after the change.
"""

import asyncio
import gzip
import hmac
import statistics
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.bench import report
from tests.bench.box import ROOT, WEBHOOK_PATH, CannotMeasure, RunningBox, running_box, temporary_folder
from tests.bench.dataset import CONVERSATIONS, LONG_THREAD, Company, conversation, make
from tests.bench.load import Sender, webhook_body

CHROMIUM = "/usr/bin/chromium"
MESSAGES = 100_000
ARRIVALS = 500
COLD_STARTS = 5

# A frame is painted some time after its callbacks ran; the next one's callbacks come when it has been.
PAINTED = "const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));"
SWITCH = (
    "async ([id]) => {"
    + PAINTED
    + """
  const row = document.querySelector(`#convs a.conv[href*="${id}"]`);
  const began = performance.now();
  row.click();
  while (document.querySelector('hb-thread')?.dataset.conv !== id) await new Promise(requestAnimationFrame);
  await painted();
  return performance.now() - began;
}"""
)
BUBBLE = (
    "async ([text]) => {"
    + PAINTED
    + """
  const box = document.querySelector('hb-composer textarea');
  box.focus();
  box.value = text;
  box.dispatchEvent(new Event('input', { bubbles: true }));
  await painted();
  const began = performance.now();
  box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true }));
  while (![...document.querySelectorAll('hb-thread .msg.out')].slice(-1)[0]?.textContent.includes(text))
    await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
)
OLDER = (
    "async () => {"
    + PAINTED
    + """
  const thread = document.querySelector('hb-thread');
  const began = performance.now();
  for (let page = 0; page < 10; page += 1) await thread.older(500);
  await painted();
  return [performance.now() - began, thread.querySelectorAll('[data-id]').length];
}"""
)
SCROLL = """async () => {
  const thread = document.querySelector('hb-thread');
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let step = 0; step < 150; step += 1) {
    thread.scrollTop -= 400;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  thread.scrollTop = 0;
  return frames;
}"""
TYPE = """async () => {
  const box = document.querySelector('hb-composer textarea');
  box.focus();
  const frames = [];
  for (let letter = 0; letter < 60; letter += 1) {
    const before = await new Promise(requestAnimationFrame);
    document.execCommand('insertText', false, 'a');
    frames.push(await new Promise(requestAnimationFrame) - before);
  }
  box.value = '';
  box.dispatchEvent(new Event('input', { bubbles: true }));
  return frames;
}"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
COUNT = "() => document.querySelectorAll('hb-thread [data-id]').length"


@dataclass(frozen=True)
class Budget:
    what: str
    most: float
    unit: str
    measured: float

    @property
    def is_held(self) -> bool:
        return self.measured <= self.most


def main() -> int:
    # Without limits of requests: the measuring asks more often than a person does.
    unlimited = {"HUNFLY_RATE_PER_SESSION": "1000000"}
    with temporary_folder() as folder, running_box(folder / "box", is_pinned=False, more=unlimited) as box:
        print(f"making {CONVERSATIONS:,} conversations with {MESSAGES:,} messages", flush=True)
        company = make(box, MESSAGES)
        budgets = [*sizes(), *in_the_browser(box, company)]
    for budget in budgets:
        verdict = "held    " if budget.is_held else "NOT HELD"
        print(f"{verdict}  {budget.what}: {budget.measured:.1f} {budget.unit} (≤ {budget.most:g})")
    report.write(report.BROWSER, table(budgets))
    return 0 if all(budget.is_held for budget in budgets) else 1


def table(budgets: list[Budget]) -> str:
    lines = [report.measured_on("python -m tests.bench.browser"), ""]
    lines += [
        f"Chromium and the box share all cores; {CONVERSATIONS:,} conversations, a thread of {LONG_THREAD:,} messages.",
        "",
    ]
    lines += ["| what | budget | measured | |", "|---|---|---|---|"]
    for one in budgets:
        verdict = "held" if one.is_held else "**not held**"
        lines.append(f"| {one.what} | {one.most:g} {one.unit} | {one.measured:.1f} {one.unit} | {verdict} |")
    return "\n".join(lines)


def sizes() -> list[Budget]:
    built = ROOT / "web" / "static" / "dist"

    def zipped(ending: str) -> float:
        return sum(len(gzip.compress(file.read_bytes(), 9)) for file in built.rglob(f"*{ending}")) / 1000

    return [Budget("JavaScript, all, gzip", 40, "kB", zipped(".js")), Budget("CSS, gzip", 20, "kB", zipped(".css"))]


def in_the_browser(box: RunningBox, company: Company) -> list[Budget]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="pt-BR")
        page = context.new_page()
        sign_in(page, box, company)
        budgets = pages(box, context)
        state = context.storage_state()
        paints = []
        for _ in range(COLD_STARTS):
            cold = browser.new_context(viewport={"width": 1440, "height": 900}, locale="pt-BR", storage_state=state)
            fresh = cold.new_page()
            fresh.goto(url(box, "/inbox"))
            fresh.wait_for_selector("#convs a.conv")
            paints.append(fresh.evaluate(FIRST_PAINT))
            cold.close()
        budgets.append(Budget("inbox, first paint, cold browser", 1000, "ms", statistics.median(paints)))
        page.goto(url(box, "/inbox"))
        page.wait_for_selector("#convs a.conv")
        budgets += switching(page)
        page.goto(url(box, f"/inbox/{conversation(1)}"))
        page.wait_for_selector("hb-thread [data-id]")
        budgets += long_thread(page, box, company)
        browser.close()
    return budgets


def sign_in(page: Page, box: RunningBox, company: Company) -> None:
    page.goto(url(box, "/login"))
    page.fill("input[name=email]", company.manager_email)
    page.fill("input[name=password]", company.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/login" not in address)


def pages(box: RunningBox, context: BrowserContext) -> list[Budget]:
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())
    taken, size = [], 0.0
    for _ in range(20):
        request = urllib.request.Request(f"http://127.0.0.1:{box.port}/inbox", headers={"Cookie": cookies})
        before = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the address is ours
            body = answer.read()
        taken.append(1000 * (time.perf_counter() - before))
        size = len(gzip.compress(body)) / 1000
    return [
        Budget("inbox HTML, gzip", 25, "kB", size),
        Budget("inbox, whole answer of the server (median)", 30, "ms", statistics.median(taken)),
    ]


def switching(page: Page) -> list[Budget]:
    links = page.eval_on_selector_all("#convs a.conv", "rows => rows.slice(0, 12).map(row => row.href)")
    ids = [link.rsplit("/", 1)[1].split("?")[0] for link in links]
    cold = [page.evaluate(SWITCH, [id_]) for id_ in ids[1:9]]
    page.wait_for_timeout(300)
    cached = [page.evaluate(SWITCH, [id_]) for id_ in ids[5:9]]
    return [
        Budget("conversation switch, cold (median)", 200, "ms", statistics.median(cold)),
        Budget("conversation switch, cached (median)", 100, "ms", statistics.median(cached)),
    ]


def long_thread(page: Page, box: RunningBox, company: Company) -> list[Budget]:
    loaded, count = page.evaluate(OLDER)
    if count < LONG_THREAD:
        raise CannotMeasure(f"only {count} of {LONG_THREAD} messages came into the thread")
    frames = sorted(page.evaluate(SCROLL))
    letters = page.evaluate(TYPE)
    bubbles = [page.evaluate(BUBBLE, [f"resposta {number}"]) for number in range(6)]
    return [
        Budget("5,000 messages loaded, 10 × 500", 1500, "ms", loaded),
        Budget("scrolling in 5,000, frame P50", 17, "ms", statistics.median(frames)),
        Budget("scrolling in 5,000, frame P95", 50, "ms", frames[len(frames) * 95 // 100]),
        Budget("typing in 5,000, frame P50", 17, "ms", statistics.median(letters)),
        Budget("Enter → painted bubble, in 5,000 (median)", 50, "ms", statistics.median(bubbles)),
        Budget(f"{ARRIVALS} messages at once into 5,000", 1000, "ms", arrivals(page, box, company)),
    ]


def arrivals(page: Page, box: RunningBox, company: Company) -> float:
    """From the last one accepted to the last one in the thread."""
    before = page.evaluate(COUNT)
    # Playwright has a loop of its own in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, all_at_once(box, company)).result()
    began = time.perf_counter()
    page.wait_for_function(f"() => document.querySelectorAll('hb-thread [data-id]').length >= {before + ARRIVALS}")
    return 1000 * (time.perf_counter() - began)


async def all_at_once(box: RunningBox, company: Company) -> None:
    body = webhook_body(company.instance, 5511900000001, "Ana", "mais uma mensagem")
    waiting = [body.replace(b"@ID@", b"BURST%d" % n).replace(b"@TIME@", b"%d" % time.time()) for n in range(ARRIVALS)]

    async def one_sender() -> None:
        sender = (await asyncio.get_running_loop().create_connection(Sender, "127.0.0.1", box.port))[1]
        while waiting:
            told = waiting.pop()
            signature = hmac.digest(company.secret.encode(), told, "sha256").hex()
            head = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Webhook-Signature: sha256={signature}\r\n"
            status = await sender.post(f"{head}Content-Length: {len(told)}\r\n\r\n".encode() + told)
            if status != 200:
                raise CannotMeasure(f"a webhook was answered {status}")

    await asyncio.gather(*(one_sender() for _ in range(100)))


def url(box: RunningBox, path: str) -> str:
    return f"http://127.0.0.1:{box.port}{path}"


if __name__ == "__main__":
    sys.exit(main())
