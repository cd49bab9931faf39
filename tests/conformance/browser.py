# SPDX-License-Identifier: Apache-2.0
"""MLflow's own page in headless Chromium: what it shows, and what failed while it did."""
import contextlib
import os
import sys
import time

PATIENCE_SECONDS = 60
QUIET_SECONDS = 0.8
# Years after anything that is shown, so that "6 years ago" is the same in two windows; its clock goes on from here.
TODAY = "2030-01-01T12:00:00Z"
# It opens by itself, over a quarter of the window.
WITHOUT_ASSISTANT = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
# From top to bottom as they are seen: a table that was sorted again moves its rows, and leaves them where they stand.
ROWS = """[...document.querySelectorAll('main [role=row], main tr')].map(row => [row.getBoundingClientRect(),
    [...row.querySelectorAll('[role=gridcell], [role=cell], [role=columnheader], td, th')].map(
        cell => cell.innerText.trim())]).filter(([place, row]) => row.some(cell => cell)).sort(
        ([a], [b]) => a.top - b.top || a.left - b.left).map(([place, row]) => row)"""
NOTICES = "[...document.querySelectorAll('[class*=notification-notice], [role=alert]')].map(one => one.innerText)"
LINES = "[...document.querySelectorAll('main .scatterlayer .trace')].map(one => " \
        "[...one.querySelectorAll('path.js-line')].map(path => path.getAttribute('d')))"


@contextlib.contextmanager
def browser_of(folder):
    """Chromium, driven by what was installed into the folder."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.append(os.path.join(folder, "lib", version, "site-packages"))  # what is here already stays what it is
    from playwright.sync_api import sync_playwright  # pylint: disable=import-outside-toplevel,import-error
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium",
                                         args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


class Window:
    """One window, on one server."""

    def __init__(self, browser, url):
        self.url, self.failed, self.beyond, self.asked = url, [], [], 0
        self.open_requests, self.last_change = set(), time.monotonic()
        self.context = browser.new_context(viewport={"width": 1600, "height": 1200}, timezone_id="UTC", locale="en-US",
                                           accept_downloads=True)
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.context.add_init_script(WITHOUT_ASSISTANT)
        self.page = self.context.new_page()
        self.page.clock.install(time=TODAY)
        for event, heard in {"request": self._sent, "requestfinished": self._ended, "requestfailed": self._lost,
                             "response": self._answered, "pageerror": self._broke}.items():
            self.page.on(event, heard)

    def _own(self, request):
        return request.url.startswith(self.url)

    def _sent(self, request):
        if self._own(request):
            self.asked += 1
            if not request.url.endswith(".worker.js"):  # of the script of a worker no end is told
                self.open_requests.add(request)
            self.last_change = time.monotonic()
        elif request.url.startswith("http"):
            self.beyond.append(request.url)

    def _ended(self, request):
        self.open_requests.discard(request)
        self.last_change = time.monotonic()

    def _lost(self, request):
        self._ended(request)
        if self._own(request):
            self.failed.append((request.failure, request.url[len(self.url):]))

    def _answered(self, response):
        if self._own(response) and response.status >= 400:
            self.failed.append((response.status, response.url[len(self.url):]))

    def _broke(self, error):
        self.failed.append(("script", str(error)))

    def show(self, path, text):
        """Opens a view afresh, and waits until it shows the text and all that it asked for has come."""
        self.page.goto("about:blank")
        self.failed, self.beyond, self.asked = [], [], 0
        self.open_requests.clear()
        self.page.goto(f"{self.url}/#{path}")
        self.wait_for(text)
        return self

    def wait_for(self, text):
        self._main().get_by_text(text).first.wait_for()
        self.settle()

    def settle(self):
        """Until nothing has been asked for, and no text has changed, for a while."""
        deadline, before = time.monotonic() + PATIENCE_SECONDS, None
        self.last_change = time.monotonic()
        while self.open_requests or time.monotonic() - self.last_change < QUIET_SECONDS:
            assert time.monotonic() < deadline, ("still loading", [one.url for one in self.open_requests])
            self.page.wait_for_timeout(100)
            if (now := self.text()) != before:
                before, self.last_change = now, time.monotonic()

    def _main(self):
        """What stands beside the menu; newer pages have another `main` in it."""
        return self.page.locator("main").first

    def text(self):
        return self._main().inner_text() if self.page.locator("main").count() else ""

    def lines(self):
        return [line.strip() for line in self.text().splitlines() if line.strip()]

    def rows(self):
        """The tables, each row as the texts of its cells."""
        return self.page.evaluate(ROWS)

    def notices(self):
        """What is shown over the page."""
        return self.page.evaluate(NOTICES)

    def curves(self):
        """The lines of the charts, as they are drawn."""
        return self.page.evaluate(LINES)

    def picture(self, path):
        self.page.screenshot(path=path)

    def close(self):
        self.context.close()
