"""The page for one name in a real browser, with scripts switched off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.web.council import KUSATSU, RITTO
from tests.web.test_browser import base, browser, pytestmark

__all__ = ["base", "browser", "pytestmark"]
NAME = f"渡&{KUSATSU}-juki-F040;﨑&{KUSATSU}-juki-F042;花"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    size = {"width": 400, "height": 900}
    context = browser.new_context(java_script_enabled=False, locale="ja-JP", viewport=size)  # type: ignore[arg-type]
    yield context
    context.close()


def traced(context: BrowserContext, base: str, asked: list[str]) -> Page:
    page = context.new_page()
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    page.goto(f"{base}/names")
    page.get_by_label("氏名(一人分)").fill(NAME)
    page.get_by_label("変換元").select_option(f"{KUSATSU}/juki")
    page.get_by_label("変換先").select_option(f"{RITTO}/juki")
    page.get_by_role("button", name="調べる").click()
    page.wait_for_load_state("networkidle")
    return page


def test_a_name_is_traced_without_script_and_no_address_tells_it(
    context: BrowserContext, base: str
) -> None:
    asked: list[str] = []
    page = traced(context, base, asked)
    assert page.url == f"{base}/names"
    assert page.locator(".steps > li").count() == 5
    assert page.locator(".steps code", has_text="F042").first.is_visible()
    assert page.locator(".steps svg").count() >= 10
    others = {one for one in asked if not one.split("/", 3)[-1].startswith("static/")}
    assert others == {f"GET {base}/names", f"POST {base}/names"}


def test_the_steps_of_a_name_fit_a_narrow_window(
    browser: Browser, context: BrowserContext, base: str
) -> None:
    html = traced(context, base, []).content()
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.route("**/names", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{base}/names")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


def test_the_switch_of_language_drops_the_name(context: BrowserContext, base: str) -> None:
    page = traced(context, base, [])
    page.get_by_role("link", name="English").click()
    assert page.url == f"{base}/names?lang=en"
    assert page.get_by_label("One name").input_value() == ""
