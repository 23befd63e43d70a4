#!/usr/bin/env python3
"""Checks that the Python package `aiondemand`, as it is published, works with a running catalogue and Keycloak.

    aiondemand_check.py CATALOGUE [KEYCLOAK]

Both are addresses; Keycloak's is otherwise taken from AIOD_TEST_KEYCLOAK_URL, and has to be the one whose tokens the
catalogue takes, with the realm of keycloak/realm-aiod.json. Calls the package's own functions only, on the interface
that it uses by default (/v2) and on the latest one, without login, and as users and a connector that log in by the
package's own ways. What it registers it deletes again, and it ends its sessions. Needs nobody else to write meanwhile.
"""

import asyncio
import contextlib
import functools
import http.server
import inspect
import io
import os
import pathlib
import re
import secrets
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "keycloak"))
from check import CLIENTS, PEOPLE, Browser, Form, request, roles_of  # noqa: E402

# The package reads settings and a token of the user's home when it is imported.
home = tempfile.TemporaryDirectory(prefix="aiondemand-check-")
os.environ["HOME"] = home.name

import aiod  # noqa: E402
import pandas  # noqa: E402
from aiod.authentication import NotAuthenticatedError, Token, set_token  # noqa: E402
from aiod.authentication.authentication import AuthenticationError  # noqa: E402
from aiod.calls.calls import get_any_asset  # noqa: E402
from aiod.calls.urls import server_url  # noqa: E402
from aiod.calls.utils import EndpointUndefinedError, ServerError  # noqa: E402
from aiod.configuration import config  # noqa: E402

VERSIONS = ("v2", "")  # the package's default, and the latest
LOGIN_SECONDS = 60
TOKEN_FILE = pathlib.Path(home.name, ".aiod", "token.toml")

MODULES = {
    module.get_list.keywords["asset_type"]: module
    for module in vars(aiod).values()
    if inspect.ismodule(module) and hasattr(module, "get_assets_async")
}
TYPES = {name: module for name, module in MODULES.items() if name != "platforms"}
SEARCHED = {name: module for name, module in TYPES.items() if hasattr(module, "search")}
UNKNOWN = "data_" + 24 * "0"


class LeftOut(Exception):
    """Why a check makes no sense here."""


class Terminal(io.StringIO):
    """What the package prints; knows when it has asked for a login."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Event()

    def write(self, text):
        written = super().write(text)
        if self.address():
            self.asked.set()
        return written

    def address(self):
        found = re.search(r"https?://\S+user_code=\S+\s", self.getvalue())
        return found and found.group().strip()


class Files(http.server.ThreadingHTTPServer):
    """Serves its own path as content: the files that datasets are made of."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Setting:
    """The servers, the tokens of those who are logged in, and a name for what this run registers."""

    def __init__(self, keycloak):
        self.keycloak, self.files = keycloak, Files()
        self.tokens = {}
        self.mark = secrets.token_hex(4)

    @functools.cache
    def paths(self, address):
        return set(request(address + "openapi.json").json["paths"])

    def has(self, path):
        """Whether the catalogue has a path, in the version that the package is set to."""
        return any(known.removeprefix("/v2") == f"/{path}" for known in self.paths(server_url()))

    def approve(self, terminal, username):
        """What a person does with the address that the package prints."""
        if not terminal.asked.wait(LOGIN_SECONDS):
            return
        browser = Browser(self.keycloak)
        url, answer = browser.open(terminal.address())
        url, answer = browser.submit(url, answer, username=username, password=password_of(username))
        assert "accept" in Form(answer.body).buttons, f"no question for consent on {url}: {answer}"
        url, answer = browser.submit(url, answer, accept="")
        assert answer.status == 200, f"{url}: {answer}"

    def log_in(self, username, **options):
        terminal = Terminal()
        person = threading.Thread(target=self.approve, args=(terminal, username), daemon=True)
        person.start()
        with contextlib.redirect_stdout(terminal):
            token = aiod.create_token(LOGIN_SECONDS, **options)
        person.join(LOGIN_SECONDS)
        self.tokens[username] = token
        return token

    @contextlib.contextmanager
    def logged_in(self, who):
        """Nobody, a user, or a connector."""
        if who is not None and who.startswith("connector-"):
            config.client_id = who
            set_token(Token(client_secret=CLIENTS[who]["secret"]))
        else:
            set_token(self.tokens[who] if who else None)
        try:
            yield
        finally:
            config.client_id = "aiod-sdk"
            set_token(None)

    @contextlib.contextmanager
    def published(self, name="datasets", number=1, **more):
        """Resources of OpenML, registered by its connector; deleted in the end."""
        module, mine = MODULES[name], []
        try:
            with self.logged_in("connector-openml"):
                for _ in range(number):
                    own = str(secrets.randbelow(10**15))
                    body = more | {"name": f"check {self.mark}", "platform": "openml", "platform_resource_identifier": own}
                    mine.append((registered(module.register(metadata=body)), own))
            yield mine
        finally:
            with self.logged_in("connector-openml"):
                for identifier, _ in mine:
                    done(module.delete(identifier=identifier))


def password_of(username):
    return next(user["credentials"][0]["value"] for user in PEOPLE if user["username"] == username)


# ------------------------------------------------------------------------------------------------------------- answers


def shown(answer):
    """An answer of `requests`, or what the package made of it, for a message."""
    return f"{answer.status_code} {answer.text[:300]}" if hasattr(answer, "status_code") else repr(answer)[:300]


def registered(answer):
    assert isinstance(answer, str) and answer, f"not registered: {shown(answer)}"
    return answer


def done(answer):
    assert answer.status_code == 200, f"not done: {shown(answer)}"


def refused(answer, status):
    assert getattr(answer, "status_code", None) == status, f"not refused by {status}: {shown(answer)}"
    assert answer.json()["detail"], shown(answer)


def raised(kind, call, *arguments, **options):
    try:
        answer = call(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {shown(answer)}")


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


# ------------------------------------------------------------------------------------------------- checks: no login


def lists_of_every_type(setting):
    with setting.published():
        for name, module in MODULES.items():
            listed = module.get_list(data_format="json", limit=3)
            assert isinstance(listed, list) and all(isinstance(one, dict) for one in listed), f"{name}: {listed!r:.300}"
            assert isinstance(module.get_list(limit=3), pandas.DataFrame), name
            assert module.get_list(offset=100_000, data_format="json") == [], name


def lists_by_pages(setting):
    with setting.published(number=3) as mine:
        ours = [identifier for identifier, _ in mine]
        newest = [one["identifier"] for one in aiod.datasets.get_list(limit=3, data_format="json")]
        same(sorted(newest), sorted(ours))
        same([aiod.datasets.get_list(limit=1, offset=at)["identifier"][0] for at in range(3)], newest)


def lists_of_a_platform(setting):
    with setting.published() as [(identifier, own)]:
        listed = aiod.datasets.get_list(platform="openml", data_format="json")
        assert identifier in [one["identifier"] for one in listed], listed
        same({one["platform"] for one in listed}, {"openml"})
        same(aiod.datasets.get_list(platform="nowhere", data_format="json"), [])


def counts(setting):
    before = aiod.datasets.counts()
    with setting.published(number=2):
        same(aiod.datasets.counts(), before + 2)
        per_platform = aiod.datasets.counts(per_platform=True)
        same(sum(per_platform.values()), before + 2)
        assert per_platform["openml"] >= 2, per_platform
        every = aiod.counts(data_format="json")
        same(every["datasets"]["openml"], per_platform["openml"])
        same(int(aiod.counts()["datasets"]["openml"]), per_platform["openml"])
    for name, module in MODULES.items():
        assert isinstance(module.counts(), int), f"{name}: {module.counts()!r}"


def gets_what_is_published(setting):
    for name, module in TYPES.items():
        with setting.published(name) as [(identifier, own)]:
            asset = module.get_asset(identifier, data_format="json")
            same((asset["identifier"], asset["platform"], asset["platform_resource_identifier"]), (identifier, "openml", own))
            same(asset["aiod_entry"]["status"], "published")
            same(module.get_asset(identifier)["identifier"], identifier)
            same(module.get_asset_from_platform(platform="openml", platform_identifier=own)["identifier"], identifier)
            same(get_any_asset(identifier)["identifier"], identifier)
            same(get_any_asset(identifier, data_format="json")["platform"], "openml")


def says_what_is_not_there(setting):
    raised(KeyError, get_any_asset, UNKNOWN)
    raised(KeyError, aiod.datasets.get_asset, UNKNOWN)
    raised(KeyError, aiod.datasets.get_asset_from_platform, platform="openml", platform_identifier="999999999999999999")
    with setting.published("publications") as [(identifier, _)]:
        assert "'publication'" in str(aiod.datasets.get_asset(identifier, data_format="json")["detail"])
    raised(KeyError, aiod.publications.get_asset, identifier)  # deleted by now
    raised(KeyError, get_any_asset, identifier)


def gets_content(setting):
    files = [{"content_url": setting.files.url(path)} for path in ("/first", "/second")]
    with setting.published(distribution=files[:1]) as [(identifier, _)]:
        same(aiod.datasets.get_content(identifier=identifier), b"/first")
    with setting.published(distribution=files) as [(identifier, _)]:
        same(aiod.datasets.get_content(identifier=identifier, distribution_idx=1), b"/second")


def asynchronous_lists_and_gets(setting):
    with setting.published(number=5) as mine:
        ours = [identifier for identifier, _ in mine]
        found = asyncio.run(aiod.datasets.get_assets_async(ours, data_format="json"))
        same([one["identifier"] for one in found], ours)
        same(list(asyncio.run(aiod.datasets.get_assets_async(ours))["identifier"]), ours)
        listed = asyncio.run(aiod.datasets.get_list_async(limit=5, batch_size=2, data_format="json"))
        same(listed, aiod.datasets.get_list(limit=5, data_format="json"))
        assert len(asyncio.run(aiod.datasets.get_list_async(limit=2, batch_size=2))) == 2
    for name, module in MODULES.items():
        assert isinstance(asyncio.run(module.get_list_async(limit=4, batch_size=2)), pandas.DataFrame), name


def taxonomies(setting):
    for name in aiod.taxonomies._TAXONOMIES:
        read = getattr(aiod.taxonomies, name)
        read.cache_clear()
        if not setting.has(name):  # the package knows names that a version of the interface does not have
            raised(EndpointUndefinedError, read)
            continue
        terms = read()
        assert terms and all(term.term and isinstance(term.definition, str) for term in terms), f"{name}: {terms!r:.300}"


def searches(setting):
    if not setting.has("search/datasets"):
        raise LeftOut("the catalogue has no search")
    with setting.published() as [(identifier, _)]:
        found = []
        for _ in range(50):  # what is published is found within a second
            found = aiod.datasets.search(setting.mark, data_format="json")
            if found:
                break
            time.sleep(0.1)
        assert identifier in [one["identifier"] for one in found], found
        found = aiod.datasets.search(setting.mark, platforms=["openml"], search_field="name", get_all=False)
        assert isinstance(found, pandas.DataFrame), found
    for name, module in SEARCHED.items():
        assert isinstance(module.search("anything", data_format="json"), list), name


def nobody_writes_without_login(setting):
    raised(NotAuthenticatedError, aiod.datasets.register, metadata={"name": "x"})
    raised(NotAuthenticatedError, aiod.bookmarks.get_list)
    raised(NotAuthenticatedError, aiod.get_current_user)


def bad_tokens_are_told(setting):
    set_token(Token(refresh_token="no token", access_token="no token", expires_in_seconds=60))
    raised(NotAuthenticatedError, aiod.get_current_user)
    refused(aiod.datasets.register(metadata={"name": "x"}), 401)
    refused(aiod.datasets.replace(identifier=UNKNOWN, metadata={"name": "x"}), 401)
    refused(aiod.datasets.delete(identifier=UNKNOWN), 401)
    error = raised(ServerError, aiod.bookmarks.get_list)
    assert error.status_code == 401 and error.detail and error.reference, vars(error)
    with setting.published() as [(identifier, _)]:
        set_token(Token(refresh_token="no token", access_token="no token", expires_in_seconds=60))
        same(aiod.datasets.get_asset(identifier)["identifier"], identifier)
        set_token(Token(refresh_token="no token"))  # which Keycloak does not renew
        same(aiod.datasets.get_asset(identifier)["identifier"], identifier)
        raised(AuthenticationError, aiod.get_current_user)


# ------------------------------------------------------------------------------------------------- checks: with login


def users_are_who_they_are(setting):
    for user in PEOPLE:
        with setting.logged_in(user["username"]):
            shows = aiod.get_current_user()
            same(shows.name, user["username"])
            assert roles_of(user) <= set(shows.roles), shows
    with setting.logged_in("connector-openml"):
        shows = aiod.get_current_user()
        assert "platform_openml" in shows.roles, shows


def every_type_is_registered_changed_and_deleted(setting):
    for name, module in TYPES.items():
        texts, before, after = ("email", ["a@example.org"], ["c@example.org"]) if name == "contacts" else ("keyword", ["a"], ["c"])
        with setting.logged_in("user"):
            identifier = registered(module.register(metadata={"name": "first", texts: before}))
            asset = module.get_asset(identifier, data_format="json")
            same((asset["identifier"], asset["platform"], asset["aiod_entry"]["status"]), (identifier, "aiod", "draft"))
            same((asset["name"], asset[texts]), ("first", before))
            done(module.replace(identifier=identifier, metadata={"name": "second"}))
            asset = module.get_asset(identifier, data_format="json")
            same((asset["name"], asset[texts]), ("second", []))
            done(module.update(identifier=identifier, metadata={texts: after}))
            asset = module.get_asset(identifier, data_format="json")
            same((asset["name"], asset[texts]), ("second", after))
            done(module.delete(identifier=identifier))
            raised(KeyError, module.get_asset, identifier)
            raised(KeyError, module.delete, identifier=identifier)
            raised(KeyError, module.replace, identifier=identifier, metadata={"name": "third"})


def faults_are_told(setting):
    with setting.logged_in("user"):
        refused(aiod.datasets.register(metadata={"issn": "1"}), 422)
        refused(aiod.datasets.register(metadata={"name": "x", "platform": "openml", "platform_resource_identifier": "1"}), 403)
        refused(aiod.datasets.register(metadata={"name": "x", "license": "no such licence"}), 400)
        refused(aiod.datasets.register(metadata={"name": "x", "creator": ["con_" + 24 * "0"]}), 404)
    with setting.published() as [(identifier, own)], setting.logged_in("connector-openml"):
        body = {"name": "x", "platform": "openml", "platform_resource_identifier": own}
        answer = aiod.datasets.register(metadata=body)
        refused(answer, 409)
        assert identifier in answer.json()["detail"], shown(answer)


def drafts_are_private(setting):
    with setting.logged_in("user"):
        identifier = registered(aiod.datasets.register(metadata={"name": "x"}))
    assert "authenticat" in aiod.datasets.get_asset(identifier, data_format="json")["detail"]
    same(raised(ServerError, get_any_asset, identifier).status_code, 401)
    with setting.logged_in("reviewer"):
        same(raised(ServerError, get_any_asset, identifier).status_code, 403)
        refused(aiod.datasets.replace(identifier=identifier, metadata={"name": "y"}), 403)
        refused(aiod.datasets.delete(identifier=identifier), 403)
    with setting.logged_in("admin"):
        same(get_any_asset(identifier)["identifier"], identifier)
    with setting.logged_in("user"):
        same(get_any_asset(identifier)["identifier"], identifier)
        done(aiod.datasets.delete(identifier=identifier))


def administrators_register_platforms(setting):
    name = f"check_{secrets.token_hex(4)}"
    with setting.logged_in("user"):
        refused(aiod.platforms.register(metadata={"name": name}), 403)
    with setting.logged_in("admin"):
        identifier = aiod.platforms.register(metadata={"name": name})
        assert isinstance(identifier, int), f"no platform: {shown(identifier)}"
        same(aiod.platforms.get_asset(identifier)["name"], name)
        done(aiod.platforms.replace(identifier=identifier, metadata={"name": name + "_new"}))
        same(aiod.platforms.get_asset(identifier)["name"], name + "_new")
        done(aiod.platforms.delete(identifier=identifier))
        raised(KeyError, aiod.platforms.get_asset, identifier)


def bookmarks(setting):
    with setting.published(number=2) as mine, setting.logged_in("user"):
        ours = [identifier for identifier, _ in mine]
        same([aiod.bookmarks.register(identifier).identifier for identifier in ours], ours)
        listed = {bookmark.identifier: bookmark.created for bookmark in aiod.bookmarks.get_list()}
        assert set(ours) <= set(listed), listed
        assert all(created.tzinfo is not None for created in listed.values()), listed
        again = aiod.bookmarks.register(ours[0])
        same((again.identifier, again.created), (ours[0], listed[ours[0]]))
        raised(KeyError, aiod.bookmarks.register, UNKNOWN)
        set_token(setting.tokens["reviewer"])
        assert not set(ours) & {bookmark.identifier for bookmark in aiod.bookmarks.get_list()}
        set_token(setting.tokens["user"])
        for identifier in [*ours, ours[0], UNKNOWN]:  # nothing to remove is no error
            aiod.bookmarks.delete(identifier)
        assert not set(ours) & {bookmark.identifier for bookmark in aiod.bookmarks.get_list()}


def the_next_access_token_comes_by_itself(setting):
    with setting.logged_in("user"):
        token = setting.tokens["user"]
        before = token.headers
        token._expiration_date = token._expiration_date.replace(year=2000)
        assert token.has_expired
        same(aiod.get_current_user().name, "user")
        assert token.headers != before and not token.has_expired


CHECKS = (
    lists_of_every_type,
    lists_by_pages,
    lists_of_a_platform,
    counts,
    gets_what_is_published,
    says_what_is_not_there,
    gets_content,
    asynchronous_lists_and_gets,
    taxonomies,
    searches,
    nobody_writes_without_login,
    bad_tokens_are_told,
    users_are_who_they_are,
    every_type_is_registered_changed_and_deleted,
    faults_are_told,
    drafts_are_private,
    administrators_register_platforms,
    bookmarks,
    the_next_access_token_comes_by_itself,
)

# ------------------------------------------------------------------------------------------------ logging in and out


def people_log_in_by_device_code(setting):
    for user in PEOPLE:
        set_token(None)
        token = setting.log_in(user["username"], write_to_file=user is PEOPLE[0])
        same(aiod.get_current_user().name, user["username"])
        assert not token.has_expired


def a_login_is_kept_in_a_file(setting):
    kept = Token.from_file(TOKEN_FILE)
    same(str(kept), str(setting.tokens[PEOPLE[0]["username"]]))
    set_token(kept)
    same(aiod.get_current_user().name, PEOPLE[0]["username"])


def people_log_out(setting):
    for username, token in setting.tokens.items():
        set_token(token)
        aiod.invalidate_token()
        raised(NotAuthenticatedError, aiod.get_current_user)
        set_token(Token(refresh_token=str(token)))
        raised(AuthenticationError, aiod.get_current_user)


def line_of(error):
    """Where in this file an error came up."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    return f"line {lines[-1]}" if lines else "elsewhere"


class Report:
    def __init__(self, setting):
        self.setting, self.passed, self.failed, self.left_out = setting, 0, 0, 0

    def run(self, check, label):
        set_token(None)
        try:
            check(self.setting)
            self.passed += 1
            outcome = "ok    "
        except LeftOut as reason:
            self.left_out += 1
            outcome = f"left out ({reason})"
        except Exception as error:  # whatever it is, the other checks are worth running
            self.failed += 1
            what = vars(error) if isinstance(error, ServerError) else error
            outcome = f"FAILED ({line_of(error)}: {type(error).__name__}: {what})"
        print(outcome, f"{label}{check.__name__.replace('_', ' ')}", flush=True)
        return outcome.startswith("ok")


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    keycloak = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("AIOD_TEST_KEYCLOAK_URL", "http://127.0.0.1:8180")
    config.api_server = sys.argv[1].rstrip("/") + "/"
    config.auth_server = keycloak.rstrip("/") + "/"
    print(f"aiondemand {aiod.__version__}, catalogue {config.api_server}, Keycloak {config.auth_server}", flush=True)
    setting = Setting(keycloak.rstrip("/"))
    report = Report(setting)
    if report.run(people_log_in_by_device_code, ""):
        report.run(a_login_is_kept_in_a_file, "")
        for version in VERSIONS:
            config.version = version
            for check in CHECKS:
                report.run(check, f"{version or 'latest'}: ")
    report.run(people_log_out, "")
    print(f"{report.passed} passed, {report.left_out} left out, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
