"""The pages in a real browser."""

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Page, sync_playwright

from gaiji.glyph.draw import mask
from gaiji.glyph.reference import font_status, reference_font
from gaiji.settings import Settings
from tests.web.council import KUSATSU, NABE, RITTO, Council
from tests.web.test_cutovers import plan_of
from tests.web.test_pages import PAGES

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
OLD_HEN = "MJ026200"  # 邊
CITY = f"/v1/members/{KUSATSU}/codesets/juki/codes/F040"
PLAIN_HEN = "MJ025758"  # 辺
CRAMPED = """() => {
    const found = [], size = (one, ...names) => names
        .map(name => parseFloat(getComputedStyle(one)[name])).reduce((sum, next) => sum + next);
    if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window");
    for (const one of document.querySelectorAll("main *")) {
        const box = one.getBoundingClientRect(), text = (one.innerText || "").trim();
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
        if (scrolls && one.scrollWidth > one.clientWidth + 1 && !(one.tabIndex === 0 && one.ariaLabel))
            found.push(`no keyboard: ${one.className}`);
        if (one.matches("td, tbody th, li, a, dd") && text.length > 3 && box.width > 0
            && box.width - size(one, "paddingLeft", "paddingRight") < 2.4 * size(one, "fontSize")
            && box.height > 4 * size(one, "fontSize"))
            found.push(`a character a line: ${text}`);
    }
    return found;
}"""
"""What is wrong with a page in a window too narrow for its tables."""
pytestmark = [
    pytest.mark.browser,
    pytest.mark.fonts,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
    pytest.mark.skipif(
        any(status.state != "ready" for status in font_status(Settings())),
        reason="reference fonts are not installed: gaiji fonts fetch",
    ),
]


@dataclass
class Visit:
    """A page, and what the browser complained about or asked of other hosts."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.base + path, wait_until="networkidle")


@pytest.fixture(scope="module")
def base(shared_council: Council) -> Iterator[str]:
    config = uvicorn.Config(
        shared_council.app, host="127.0.0.1", port=0, access_log=False, log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, base: str) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, locale="ja-JP")
    visit = Visit(page, base)
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((base, "data:"))
            else visit.complaints.append(request.url)
        ),
    )
    yield visit
    page.close()
    assert visit.complaints == []


def ink(picture: bytes) -> Image.Image:
    """The ink of a screenshot, without the frame around it."""
    image = ImageChops.invert(Image.open(io.BytesIO(picture)).convert("L"))
    return image.crop((4, 4, image.width - 4, image.height - 4))


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two drawings, each in the box of its own ink."""
    boxes = []
    for image in (a, b):
        dark = image.point([255 * (value > 96) for value in range(256)])
        boxes.append(image.crop(dark.getbbox()).resize((64, 64)))
    return float(ImageStat.Stat(ImageChops.difference(*boxes)).mean[0])


def test_the_page_of_nabe_shows_the_right_glyph_beside_the_cities(
    visit: Visit, shared_council: Council
) -> None:
    visit.go(f"/characters/{NABE}")
    images = visit.page.locator("img.glyph")
    widths = images.evaluate_all("all => all.map(one => [one.alt, one.complete, one.naturalWidth])")
    assert {f"{KUSATSU}/juki/F040", f"{RITTO}/juki/10E0", NABE} <= {alt for alt, *_ in widths}
    for image in images.all():
        image.scroll_into_view_if_needed()
    visit.page.wait_for_load_state("networkidle")
    widths = images.evaluate_all("all => all.map(one => [one.alt, one.complete, one.naturalWidth])")
    assert [alt for alt, complete, width in widths if not complete or width == 0] == []

    font = reference_font(Settings())
    drawn = {name: mask(font.glyph(name), 112) for name in (NABE, OLD_HEN, PLAIN_HEN)}
    shown = ink(visit.page.locator(".tiles .base img").screenshot())
    city = ink(visit.page.locator(f'img[alt="{KUSATSU}/juki/F040"]').screenshot())
    own = distance(shown, drawn[NABE])
    assert own < 12
    handed_in = shared_council.client.get(CITY + "/glyph.png?size_px=112").content
    assert distance(city, ink(handed_in)) < 20
    for other in (OLD_HEN, PLAIN_HEN):
        assert distance(shown, drawn[other]) > 2.5 * own
        assert distance(city, drawn[NABE]) < distance(city, drawn[other])


def test_search_leads_to_the_character_without_script(visit: Visit) -> None:
    visit.go("/")
    visit.page.get_by_role("searchbox").fill("渡邉")
    visit.page.get_by_role("button", name="検索").click()
    visit.page.get_by_role("link", name=NABE).first.click()
    assert visit.page.url.endswith(f"/characters/{NABE}")
    assert visit.page.get_by_role("heading", level=1).inner_text() == NABE
    visit.page.get_by_role("link", name="English").click()
    assert visit.page.get_by_role("heading", name="In the cities").is_visible()
    visit.page.get_by_role("link", name="Members").click()
    assert visit.page.get_by_role("heading", level=1).inner_text() == "Members"


def test_the_documentation_is_drawn_from_this_host_alone(visit: Visit) -> None:
    visit.go("/docs")
    visit.page.get_by_text("/v1/members/{member}/codesets/{codeset}/imports").wait_for()
    assert visit.page.locator(".opblock").count() > 35


def test_no_page_is_wider_than_a_narrow_window(
    browser: Browser, base: str, council: Council
) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    plan_of(council)
    page.route(
        "**/cutovers/cs1*",
        lambda route: route.fulfill(
            body=council.client.get(route.request.url.removeprefix(base)).content,
            content_type="text/html",
        ),
    )
    wrong = {}
    for url in (*PAGES, "/collisions", "/lists", "/cutovers", "/cutovers/cs1", "/names"):
        for lang in ("ja", "en"):
            page.goto(f"{base}{url}{'&' if '?' in url else '?'}lang={lang}")
            if faults := page.evaluate(CRAMPED):
                wrong[url, lang] = faults
    page.close()
    assert wrong == {}


def test_a_wide_table_is_scrolled_by_the_keyboard(browser: Browser, base: str) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800}, bypass_csp=True)
    page.goto(f"{base}/lists?lang=en")
    table = page.get_by_role("region", name="Local codes")
    page.get_by_role("link", name="JSON").focus()
    page.keyboard.press("Tab")
    assert table.evaluate("one => one === document.activeElement")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
    page.goto(f"{base}/adoptions?lang=en")
    first = page.locator(".stack tbody tr").first
    assert "Kind" in first.locator("td").first.evaluate(
        "td => getComputedStyle(td, '::before').content"
    )
    assert first.bounding_box()["width"] < 400  # type: ignore[index]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_glyphs_are_black_on_white_in_the_dark_too(
    browser: Browser, base: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{base}/characters/{NABE}", wait_until="networkidle")
    image = Image.open(io.BytesIO(page.locator("#reference img").screenshot())).convert("L")
    assert image.getpixel((6, 6)) == 255
    assert image.histogram()[:30] != [0] * 30
    page.close()
