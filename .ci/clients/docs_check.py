#!/usr/bin/env python3
"""Checks the catalogue's pages of documentation in Chromium, with a running catalogue and Keycloak.

    docs_check.py CATALOGUE [KEYCLOAK]

Both are addresses; Keycloak's is otherwise taken from AIOD_TEST_KEYCLOAK_URL, and has to be the one whose tokens the
catalogue takes, with the realm of keycloak/realm-aiod.json. Logs in on Swagger UI as people do, calls an operation,
reads ReDoc, and looks at all that the pages asked for. Needs Chromium and chromedriver, of one version, in the PATH.

For the browser, the catalogue is at http://localhost:8000 whatever its port is: pages of that address may ask
Keycloak for a token.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "keycloak"))
from check import CLIENTS, PEOPLE, REALM, request  # noqa: E402

CATALOGUE = "http://localhost:8000"
ASTRAY = "http://elsewhere.invalid/"
VERSIONS = ("", "/v3", "/v2")
USER = PEOPLE[0]
WAIT_SECONDS = 30

# The operation that shows who one is, and its parts on the page.
OPERATION = "[id^='operations-'][id$='-authorization_test']"
TAG = "user"  # the group that it stands in
DIALOG = "//div[contains(@class, 'auth-container')][.//h4[contains(., 'OpenIdConnect')]]"


class Driver:
    """Chromium by chromedriver, in the words of WebDriver (https://www.w3.org/TR/webdriver2/)."""

    def __init__(self, folder, resolver_rules):
        self.log = pathlib.Path(folder, "chromedriver.log")
        self.net_log = pathlib.Path(folder, "net.json")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.session = None
        try:
            port = until(lambda: re.search(r"started successfully on port (\d+)", self.said()), "chromedriver does not start").group(1)
            self.address = f"http://127.0.0.1:{port}/session"
            arguments = [
                "--headless=new",
                "--window-size=1400,1600",
                "--disable-gpu",
                "--no-first-run",
                f"--user-data-dir={folder}/profile",
                # What the browser would do of its own accord.
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-features=AutofillServerCommunication,OptimizationHints",
                "--disable-quic",
                f"--host-resolver-rules={resolver_rules}",
                f"--log-net-log={self.net_log}",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
            ]
            options = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
            answer = self.ask("POST", "", {"capabilities": {"alwaysMatch": options}})
            self.session = answer["sessionId"]
            self.version = f"{answer['capabilities']['browserName']} {answer['capabilities']['browserVersion']}"
        except BaseException:
            self.quit()
            raise

    def said(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"chromedriver ended: {self.log.read_text(errors='replace')[-1000:]}")
        return self.log.read_text(errors="replace")

    def ask(self, method, path, body=None):
        base = f"{self.address}/{self.session}" if self.session else self.address
        answer = request(base + path, method=method, body=body)
        if answer.status != 200:
            error = answer.json["value"]
            raise Refused(f"{method} {path}: {error['error']}: {error['message'].splitlines()[0]}")
        return answer.json["value"]

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def console(self):
        """What the browser wrote about its pages since the last time."""
        return [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"})]

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": arguments})

    def find(self, selector):
        using = "xpath" if selector.startswith("/") else "css selector"
        return next(iter(self.ask("POST", "/element", {"using": using, "value": selector}).values()))

    def text(self, selector):
        return self.soon(lambda: self.ask("GET", f"/element/{self.find(selector)}/text"), f"no text of {selector}")

    def click(self, selector):
        """Clicks what the page may be about to show."""
        self.soon(lambda: self.ask("POST", f"/element/{self.find(selector)}/click", {}) is None, f"cannot click {selector}")

    def type(self, selector, text):
        self.soon(lambda: self.ask("POST", f"/element/{self.find(selector)}/value", {"text": text}) is None, f"no field {selector}")

    def soon(self, attempt, otherwise):
        def once():
            try:
                return attempt()
            except Refused as error:
                once.reason = f" ({error})"
                return None

        once.reason = ""
        return until(once, lambda: otherwise + once.reason)

    def windows(self):
        return self.ask("GET", "/window/handles")

    def switch(self, window):
        self.ask("POST", "/window", {"handle": window})

    def quit(self):
        if self.session:
            with contextlib.suppress(Exception):
                self.ask("DELETE", "")
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Refused(Exception):
    """What chromedriver could not do."""


def until(attempt, otherwise):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (result := attempt()):
        if time.monotonic() > deadline:
            raise AssertionError(otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.1)
    return result


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


# -------------------------------------------------------------------------------------------------------------- checks


def try_out(driver):
    """Calls the operation on the page; returns status and body as the page shows them."""
    driver.click(f"{OPERATION} .execute")
    shown = f"{OPERATION} .live-responses-table"
    status = driver.text(f"{shown} tbody .response-col_status")
    body = driver.text(f"{shown} tbody .response-col_description .highlight-code code")
    driver.click(f"{OPERATION} .btn-clear")
    return int(status.split()[0]), json.loads(body)


def swagger_logs_in_with_pkce(driver, prefix):
    driver.open(f"{CATALOGUE}{prefix}/docs")
    # The page opens folded.
    driver.click(f"#operations-tag-{TAG}")
    driver.click(f"{OPERATION} .opblock-summary-control")
    driver.click(f"{OPERATION} .try-out__btn")
    status, body = try_out(driver)
    assert status == 401 and body["detail"], f"without login: {status} {body}"

    page = driver.ask("GET", "/window")
    driver.click(".auth-wrapper .authorize")
    driver.click(f"{DIALOG}//button[contains(@class, 'authorize')]")
    if prefix == VERSIONS[0]:  # afterwards Keycloak knows the browser
        driver.switch(next(iter(until(lambda: set(driver.windows()) - {page}, "no window to log in"))))
        driver.type("#username", USER["username"])
        driver.type("#password", USER["credentials"][0]["value"])
        driver.click("#kc-login")
    until(lambda: driver.windows() == [page], "the window to log in does not close")
    driver.switch(page)
    driver.click(f"{DIALOG}//button[text() = 'Logout']/following-sibling::button")

    status, body = try_out(driver)
    same((status, body["name"]), (200, USER["username"]))
    print(f"       {prefix}/authorization_test: {body}")


def redoc_shows_the_operations(driver, prefix):
    driver.open(f"{CATALOGUE}{prefix}/redoc")
    shown = until(lambda: driver.run("return document.querySelectorAll('[data-section-id*=\"/operation/\"]').length"), "no operations")
    paths = request(f"{driver.catalogue}{prefix}/openapi.json").json["paths"]
    operations = sum(len(methods) for methods in paths.values())
    assert shown >= operations, f"{shown} of {operations} operations"


def the_policy_of_the_pages_keeps_nothing_of_theirs_out(driver, _):
    violated = [message for message in driver.console() if "Content Security Policy" in message]
    same(violated, [])


def keycloak_ends_the_session(driver, _):
    driver.open(f"{driver.keycloak}/realms/{REALM['realm']}/protocol/openid-connect/logout")
    driver.click("#kc-logout")
    until(lambda: not driver.run("return document.querySelector('#kc-logout')"), "still logged in")


def the_log_of_requests_is_whole(driver, prefix):
    """Leads a page of the catalogue astray, for `pages_ask_nobody_else` to see whether it would be seen.

    It goes there itself: whatever it would only load, its policy forbids.
    """
    driver.open(f"{CATALOGUE}{prefix}/redoc")
    driver.run("const astray = arguments[0]; setTimeout(() => { location.href = astray })", ASTRAY)
    until(lambda: driver.run("return location.protocol") == "chrome-error:", "a host that cannot be reached is reached")


def requests_of_pages(net_log):
    """All addresses that pages asked for; not what was typed, or what the browser does by itself."""
    logged = json.loads(net_log.read_text(errors="replace"))
    started = logged["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    events = (event["params"] for event in logged["events"] if event["type"] == started and "params" in event)
    return [params["url"] for params in events if params.get("initiator", "").startswith("http")]


def pages_ask_nobody_else(made, servers):
    others = sorted({url for url in made if not url.startswith(servers)})
    same(others, [ASTRAY])
    print(f"       {len(made) - 1} requests, all to {' or '.join(servers)}")


def logins_use_pkce(made, _):
    logins = [dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)) for url in made if "/openid-connect/auth?" in url]
    assert len(logins) >= len(VERSIONS), logins
    for login in logins:
        same((login["client_id"], login["code_challenge_method"]), ("aiod-api-swagger", "S256"))
        assert login["code_challenge"], login


class Report:
    passed = failed = 0

    def run(self, check, *arguments, label=""):
        try:
            check(*arguments)
            self.passed += 1
            outcome = "ok    "
        except Exception as error:  # whatever it is, the other checks are worth running
            self.failed += 1
            outcome = f"FAILED ({type(error).__name__}: {error})"
        print(outcome, f"{label}{check.__name__.replace('_', ' ')}", flush=True)


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    catalogue = sys.argv[1].rstrip("/")
    keycloak = (sys.argv[2] if len(sys.argv) > 2 else os.environ.get("AIOD_TEST_KEYCLOAK_URL", "http://127.0.0.1:8180")).rstrip("/")
    own = urllib.parse.urlsplit(CATALOGUE).netloc
    there = urllib.parse.urlsplit(catalogue).netloc
    host = urllib.parse.urlsplit(keycloak).hostname
    report = Report()
    with tempfile.TemporaryDirectory(prefix="docs-check-", ignore_cleanup_errors=True) as folder:
        # Nothing but these two can be reached.
        driver = Driver(folder, f"MAP {own} {there}, MAP * ~NOTFOUND, EXCLUDE {host}")
        driver.catalogue, driver.keycloak = catalogue, keycloak
        print(f"{driver.version}, catalogue {catalogue}, Keycloak {keycloak}", flush=True)
        try:
            for check in (swagger_logs_in_with_pkce, redoc_shows_the_operations):
                for prefix in VERSIONS:
                    report.run(check, driver, prefix, label=f"{prefix[1:] or 'latest'}: ")
            report.run(the_policy_of_the_pages_keeps_nothing_of_theirs_out, driver, VERSIONS[0])
            report.run(the_log_of_requests_is_whole, driver, VERSIONS[0])
            report.run(keycloak_ends_the_session, driver, VERSIONS[0])
        finally:
            driver.quit()
        made = requests_of_pages(driver.net_log)
        for check in (pages_ask_nobody_else, logins_use_pkce):
            report.run(check, made, (CATALOGUE + "/", keycloak + "/"))
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
