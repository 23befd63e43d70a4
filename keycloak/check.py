#!/usr/bin/env python3
"""Checks a running Keycloak against what the catalogue and its clients need of the realm in realm-aiod.json.

    eval "$(scripts/stack up keycloak)" && keycloak/check.py

Takes the server's address as an argument, or from AIOD_TEST_KEYCLOAK_URL. Reads everything by the doors that clients
use: tokens, introspection, login pages, the admin API with the rights of the catalogue. Changes nothing but sessions,
which it ends. Python 3.10 or later, nothing else.
"""

import base64
import hashlib
import html.parser
import json
import os
import pathlib
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request

REALM = json.loads((pathlib.Path(__file__).parent / "realm-aiod.json").read_text(encoding="utf-8"))
CLIENTS = {client["clientId"]: client for client in REALM["clients"]}
PEOPLE = [user for user in REALM["users"] if "serviceAccountClientId" not in user]
CONNECTORS = sorted(client for client in CLIENTS if client.startswith("connector-"))
CATALOGUE_ROLES = {role["name"] for role in REALM["roles"]["realm"]}

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SWAGGER_PAGE = "http://localhost:8000/docs/oauth2-redirect.html"
# DigestInfo of a SHA-256 digest in a PKCS #1 v1.5 signature (RFC 8017, section 9.2)
SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:300].decode(errors='replace')}"


class KeepRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


# No proxy: the server is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), KeepRedirects)


def request(url, form=None, *, body=None, method=None, **headers):
    """Sends a form, a JSON body or nothing; an answer of any status is an answer."""
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    made = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with OPENER.open(made, timeout=30) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def basic(client, secret=None):
    pair = f"{client}:{secret or CLIENTS[client]['secret']}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Form(html.parser.HTMLParser):
    """The first form of a page: where it goes, and the fields that it sends by itself."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.buttons = None, {}, set()
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = attrs.get("action")
        elif tag == "button":
            self.buttons.add(attrs.get("name"))
        elif tag == "input" and attrs.get("type") == "hidden":
            self.fields[attrs["name"]] = attrs.get("value") or ""


class Browser:
    """Keeps cookies, also Secure ones over HTTP, as browsers do for a server on the same machine."""

    def __init__(self, server):
        self.server, self.cookies, self.pages = server, {}, []

    def open(self, url, form=None):
        """Follows redirects as long as they stay on the server; returns the last address and its answer."""
        for _ in range(10):
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            answer = request(url, form, Cookie=cookies)
            for line in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = line.split(";")[0].partition("=")
                if value:
                    self.cookies[name] = value
                else:
                    self.cookies.pop(name, None)
            if answer.status not in (302, 303):
                self.pages.append(answer.body.decode(errors="replace"))
                return url, answer
            url, form = urllib.parse.urljoin(url, answer.headers["Location"]), None
            if not url.startswith(self.server + "/"):
                return url, None
        raise AssertionError(f"too many redirects, at {url}")

    def submit(self, url, answer, **values):
        form = Form(answer.body)
        assert form.action is not None, f"no form on {url}: {answer}"
        return self.open(urllib.parse.urljoin(url, form.action), form.fields | values)


class Keycloak:
    def __init__(self, server):
        self.server = server.rstrip("/")
        answer = request(f"{self.server}/realms/{REALM['realm']}/.well-known/openid-configuration")
        assert answer.status == 200, f"no realm {REALM['realm']} at {self.server}: {answer}"
        self.known = answer.json
        self.keys = {key["kid"]: key for key in request(self.known["jwks_uri"]).json["keys"]}
        self.admin = f"{self.server}/admin/realms/{REALM['realm']}"

    def token(self, form, **headers):
        return request(self.known["token_endpoint"], form, **headers)

    def of_person(self, user):
        password = user["credentials"][0]["value"]
        return self.token({"grant_type": "password", "client_id": "aiod-sdk", "username": user["username"], "password": password})

    def of_service(self, client):
        return self.token({"grant_type": "client_credentials"}, **basic(client))

    def introspect(self, token):
        return request(self.known["introspection_endpoint"], {"token": token}, **basic("aiod-api"))

    def logout(self, client, refresh_token):
        answer = request(self.known["end_session_endpoint"], {"client_id": client, "refresh_token": refresh_token})
        assert answer.status == 204, f"logout: {answer}"

    def claims(self, token):
        """The claims of an access token, once its signature is verified."""
        head, body, signature = token.split(".")
        header = json.loads(unbase64(head))
        assert header["alg"] == "RS256", header
        key = self.keys[header["kid"]]
        modulus, exponent = (int.from_bytes(unbase64(key[part]), "big") for part in ("n", "e"))
        size = (modulus.bit_length() + 7) // 8
        digest = SHA256_DIGEST_INFO + hashlib.sha256(f"{head}.{body}".encode()).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
        assert pow(int.from_bytes(unbase64(signature), "big"), exponent, modulus) == int.from_bytes(padded, "big"), "signature"
        return json.loads(unbase64(body))

    def check_claims(self, token, client, username, roles):
        claims = self.claims(token)
        assert claims["iss"] == self.known["issuer"], claims["iss"]
        assert claims["azp"] == client, claims["azp"]
        assert claims["preferred_username"] == username, claims["preferred_username"]
        assert claims["sub"], claims
        assert claims["exp"] - claims["iat"] == REALM["accessTokenLifespan"], claims
        held = CATALOGUE_ROLES & set(claims["realm_access"]["roles"])
        assert held == set(roles), f"roles {sorted(held)} instead of {sorted(roles)}"
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        assert "aiod-api" in audience, audience
        return claims


def roles_of(user):
    return CATALOGUE_ROLES & set(user.get("realmRoles", []))


def refused(answer, status, error=None):
    assert answer.status == status, f"not refused by {status}: {answer}"
    if error is not None:
        assert answer.json["error"] == error, answer
    return answer


# -------------------------------------------------------------------------------------------------------------- checks


def discovery_names_what_clients_use(keycloak):
    assert keycloak.known["issuer"].endswith(f"/realms/{REALM['realm']}"), keycloak.known["issuer"]
    assert "S256" in keycloak.known["code_challenge_methods_supported"]
    assert DEVICE_GRANT in keycloak.known["grant_types_supported"]


def people_get_tokens_with_their_roles(keycloak):
    for user in PEOPLE:
        answer = keycloak.of_person(user)
        assert answer.status == 200, f"{user['username']}: {answer}"
        claims = keycloak.check_claims(answer.json["access_token"], "aiod-sdk", user["username"], roles_of(user))
        print(f"       {user['username']}: sub {claims['sub']}, aud {claims['aud']}, roles {sorted(roles_of(user))}")
        keycloak.logout("aiod-sdk", answer.json["refresh_token"])


def a_wrong_password_is_refused(keycloak):
    form = {"grant_type": "password", "client_id": "aiod-sdk", "username": "user", "password": "wrong"}
    refused(keycloak.token(form), 401, "invalid_grant")


def connectors_get_tokens_with_the_role_of_their_platform(keycloak):
    for client in CONNECTORS:
        answer = keycloak.of_service(client)
        assert answer.status == 200, f"{client}: {answer}"
        role = "platform_" + client.removeprefix("connector-")
        keycloak.check_claims(answer.json["access_token"], client, f"service-account-{client}", {role})
        print(f"       {client}: {role}")
        refused(keycloak.token({"grant_type": "client_credentials"}, **basic(client, "wrong")), 401)


def passwords_are_taken_by_aiod_sdk_only(keycloak):
    form = {"grant_type": "password", "username": "user", "password": "password"}
    refused(keycloak.token(form | {"client_id": "aiod-api-swagger"}), 400, "unauthorized_client")
    for client in ["aiod-api", *CONNECTORS]:
        refused(keycloak.token(form, **basic(client)), 400, "unauthorized_client")


def authorization(keycloak, redirect=SWAGGER_PAGE, **values):
    form = {"client_id": "aiod-api-swagger", "response_type": "code", "scope": "openid", "redirect_uri": redirect, "state": "s"}
    return f"{keycloak.known['authorization_endpoint']}?{urllib.parse.urlencode(form | values)}"


def challenge():
    verifier = secrets.token_urlsafe(48)
    return verifier, base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def swagger_has_to_use_pkce(keycloak):
    for values in ({}, {"code_challenge": secrets.token_urlsafe(48), "code_challenge_method": "plain"}):
        url, _ = Browser(keycloak.server).open(authorization(keycloak, **values))
        assert url.startswith(SWAGGER_PAGE + "?error=invalid_request"), f"{values}: {url}"


def swagger_returns_to_loopback_only(keycloak):
    values = {"code_challenge": challenge()[1], "code_challenge_method": "S256"}
    for page in (SWAGGER_PAGE, "http://127.0.0.1:8000/docs", "http://localhost:34567/docs", "http://127.0.0.1:34567/docs"):
        _, answer = Browser(keycloak.server).open(authorization(keycloak, page, **values))
        assert answer and answer.status == 200, f"{page}: {answer}"
    for page in ("https://example.org/", "http://localhost.example.org/", "http://127.0.0.1:80@example.org/", "http://192.0.2.1:8000/"):
        _, answer = Browser(keycloak.server).open(authorization(keycloak, page, **values))
        assert answer and answer.status == 400, f"{page}: {answer}"


def code_for_swagger(keycloak, browser, hashed):
    """Logs in on the pages, or passes them by where the browser is logged in."""
    url, answer = browser.open(authorization(keycloak, code_challenge=hashed, code_challenge_method="S256"))
    if answer is not None:
        url, answer = browser.submit(url, answer, username="user", password="password")
    assert url.startswith(SWAGGER_PAGE + "?"), f"{url} {answer}"
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["code"][0]


def swagger_logs_in_by_code(keycloak):
    browser = Browser(keycloak.server)
    form = {"grant_type": "authorization_code", "client_id": "aiod-api-swagger", "redirect_uri": SWAGGER_PAGE}
    verifier, hashed = challenge()
    stolen = form | {"code": code_for_swagger(keycloak, browser, hashed)}
    refused(keycloak.token(stolen), 400, "invalid_grant")
    form |= {"code": code_for_swagger(keycloak, browser, hashed), "code_verifier": verifier}
    answer = keycloak.token(form, Origin="http://localhost:8000")
    assert answer.status == 200, answer
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8000", answer.headers
    keycloak.check_claims(answer.json["access_token"], "aiod-api-swagger", "user", set())
    keycloak.logout("aiod-api-swagger", answer.json["refresh_token"])
    assert REALM["displayName"] in browser.pages[0], "the login page does not name the catalogue"
    assert f"/login/{REALM['loginTheme']}/css/" in browser.pages[0], "the login page has another theme"


def programs_log_in_by_device_code(keycloak):
    device = request(keycloak.known["device_authorization_endpoint"], {"client_id": "aiod-sdk"})
    assert device.status == 200, device
    form = {"grant_type": DEVICE_GRANT, "client_id": "aiod-sdk", "device_code": device.json["device_code"]}
    browser = Browser(keycloak.server)
    url, answer = browser.open(device.json["verification_uri_complete"])
    url, answer = browser.submit(url, answer, username="user", password="password")
    # Whoever is lured into logging in for somebody else's program learns what is asked.
    assert "accept" in Form(answer.body).buttons, f"no question for consent on {url}: {answer}"
    url, answer = browser.submit(url, answer, accept="")
    assert answer.status == 200, f"{url} {answer}"
    answer = keycloak.token(form)
    assert answer.status == 200, answer
    keycloak.check_claims(answer.json["access_token"], "aiod-sdk", "user", set())
    again = keycloak.token({"grant_type": "refresh_token", "client_id": "aiod-sdk", "refresh_token": answer.json["refresh_token"]})
    assert again.status == 200, again
    keycloak.check_claims(again.json["access_token"], "aiod-sdk", "user", set())
    keycloak.logout("aiod-sdk", again.json["refresh_token"])


def a_device_code_is_pending_until_someone_logs_in(keycloak):
    device = request(keycloak.known["device_authorization_endpoint"], {"client_id": "aiod-sdk"}).json
    form = {"grant_type": DEVICE_GRANT, "client_id": "aiod-sdk", "device_code": device["device_code"]}
    refused(keycloak.token(form), 400, "authorization_pending")


def the_catalogue_introspects_tokens(keycloak):
    connector = keycloak.of_service("connector-openml").json["access_token"]
    answer = keycloak.introspect(connector)
    assert answer.status == 200 and answer.json["active"], answer
    assert answer.json["realm_access"]["roles"] == ["platform_openml"], answer
    assert answer.json["username"] == "service-account-connector-openml", answer
    answer = keycloak.introspect("no.such.token")
    assert answer.status == 200 and answer.json == {"active": False}, answer
    endpoint = keycloak.known["introspection_endpoint"]
    refused(request(endpoint, {"token": connector}, **basic("aiod-api", "wrong")), 401)
    refused(request(endpoint, {"token": connector, "client_id": "aiod-sdk"}), 403)


def the_catalogue_looks_up_users(keycloak):
    rights = bearer(keycloak.of_service("aiod-api").json["access_token"])
    for user in PEOPLE:
        found = request(f"{keycloak.admin}/users?exact=true&username={user['username']}", **rights)
        assert found.status == 200 and len(found.json) == 1, found
        person = found.json[0]
        for field in ("username", "email", "firstName", "lastName", "enabled"):
            assert person[field] == user[field], f"{field}: {person[field]}"
        assert person["requiredActions"] == [], person
        by_subject = request(f"{keycloak.admin}/users/{person['id']}", **rights)
        assert by_subject.status == 200 and by_subject.json["username"] == user["username"], by_subject
        token = keycloak.of_person(user).json
        assert keycloak.claims(token["access_token"])["sub"] == person["id"]
        keycloak.logout("aiod-sdk", token["refresh_token"])
        print(f"       {user['username']}: {person['id']}, {person['firstName']} {person['lastName']}, {person['email']}")
    unknown = request(f"{keycloak.admin}/users?exact=true&username=nobody", **rights)
    assert unknown.status == 200 and unknown.json == [], unknown
    refused(request(f"{keycloak.admin}/users/00000000-0000-4000-8000-000000000000", **rights), 404)


def the_catalogue_only_looks(keycloak):
    rights = bearer(keycloak.of_service("aiod-api").json["access_token"])
    refused(request(f"{keycloak.admin}/users", body={"username": "intruder"}, **rights), 403)
    refused(request(f"{keycloak.admin}/clients", **rights), 403)


def others_look_up_nobody(keycloak):
    refused(request(f"{keycloak.admin}/users", **bearer(keycloak.of_service("connector-openml").json["access_token"])), 403)
    for user in PEOPLE:
        token = keycloak.of_person(user).json
        refused(request(f"{keycloak.admin}/users", **bearer(token["access_token"])), 403)
        keycloak.logout("aiod-sdk", token["refresh_token"])


def introspection_sees_an_ended_session(keycloak):
    ended, other = (keycloak.of_person(PEOPLE[0]).json for _ in range(2))
    assert keycloak.introspect(ended["access_token"]).json["active"]
    keycloak.logout("aiod-sdk", ended["refresh_token"])
    assert keycloak.introspect(ended["access_token"]).json == {"active": False}
    assert keycloak.introspect(other["access_token"]).json["active"], "logging out ended another session as well"
    keycloak.claims(ended["access_token"])  # its signature stays good: only asking tells that it is over
    form = {"grant_type": "refresh_token", "client_id": "aiod-sdk", "refresh_token": ended["refresh_token"]}
    refused(keycloak.token(form), 400, "invalid_grant")
    keycloak.logout("aiod-sdk", other["refresh_token"])


def introspection_sees_a_revoked_token(keycloak):
    token = keycloak.of_person(PEOPLE[0]).json
    form = {"client_id": "aiod-sdk", "token": token["access_token"]}
    answer = request(keycloak.known["revocation_endpoint"], form)
    assert answer.status == 200, answer
    assert keycloak.introspect(token["access_token"]).json == {"active": False}
    keycloak.logout("aiod-sdk", token["refresh_token"])


CHECKS = (
    discovery_names_what_clients_use,
    people_get_tokens_with_their_roles,
    a_wrong_password_is_refused,
    connectors_get_tokens_with_the_role_of_their_platform,
    passwords_are_taken_by_aiod_sdk_only,
    swagger_has_to_use_pkce,
    swagger_returns_to_loopback_only,
    swagger_logs_in_by_code,
    programs_log_in_by_device_code,
    a_device_code_is_pending_until_someone_logs_in,
    the_catalogue_introspects_tokens,
    the_catalogue_looks_up_users,
    the_catalogue_only_looks,
    others_look_up_nobody,
    introspection_sees_an_ended_session,
    introspection_sees_a_revoked_token,
)


def main():
    default = os.environ.get("AIOD_TEST_KEYCLOAK_URL", "http://127.0.0.1:8180")
    try:
        keycloak = Keycloak(sys.argv[1] if len(sys.argv) > 1 else default)
    except (AssertionError, OSError) as error:
        sys.exit(f"error: {error}")
    failed = 0
    for check in CHECKS:
        try:
            check(keycloak)
            outcome = "ok    "
        except Exception as error:  # whatever it is, the other checks are worth running
            failed += 1
            outcome = f"FAILED ({type(error).__name__}: {error})"
        print(outcome, check.__name__.replace("_", " "), flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
