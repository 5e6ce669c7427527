import json
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from auth.access_token import AccessToken
from auth.dev_issuer.clients import CREDENTIALS, MAX_REGISTERED, DevClient
from auth.dev_issuer.codes import CODE_LIFETIME_S, MAX_CODES
from auth.dev_issuer.issuer import DEV_USER, DevIssuer
from auth.dev_issuer.messages import IssuerRequest, IssuerResponse, read_parameters
from auth.errors import InvalidToken
from auth.policy import IssuerPolicy, TokenPolicy
from auth.tokens import TokenVerifier
from auth.verified_tokens import VerifiedTokens
from tests.rigs.published_keys import PublishedKeys

ISSUER = "http://127.0.0.1:9000"
ACME = "https://gw.example/t/acme/mcp"
GLOBEX = "https://gw.example/t/globex/mcp"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "http://127.0.0.1:7777/callback"
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> DevIssuer:
    return DevIssuer(
        ISSUER,
        resources=[ACME, GLOBEX],
        scopes=["tools:read", "tools:call"],
        clients=[
            DevClient(
                client_id="robot",
                client_secret="robot-secret",
                grant_types=frozenset({CREDENTIALS}),
                scopes=frozenset({"tools:read", "tools:call"}),
            ),
            DevClient(
                client_id="reader",
                client_secret="reader-secret",
                grant_types=frozenset({CREDENTIALS}),
                scopes=frozenset({"tools:read"}),
            ),
            DevClient(client_id="app", redirect_uris=(CALLBACK,), scopes=frozenset({"tools:read"})),
        ],
        now=clock,
    )


async def get(issuer: DevIssuer, path: str, *query: tuple[str, str]) -> IssuerResponse:
    return await issuer.handle(IssuerRequest(method="GET", path=path, query=query))


async def post(issuer: DevIssuer, form: dict[str, str], **headers: str) -> IssuerResponse:
    request = IssuerRequest(
        method="POST", path="/token", form=tuple(form.items()), headers=dict(headers)
    )
    return await issuer.handle(request)


async def register(issuer: DevIssuer, **metadata: Any) -> IssuerResponse:
    body = json.dumps({"redirect_uris": [CALLBACK], **metadata}).encode()
    return await issuer.handle(IssuerRequest(method="POST", path="/register", body=body))


def authorization(**changes: str | None) -> tuple[tuple[str, str], ...]:
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "scope": "tools:read",
        "state": "s-1",
        "resource": ACME,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return tuple((k, v) for k, v in {**parameters, **changes}.items() if v is not None)


def exchange(issued: str, **changes: str | None) -> dict[str, str]:
    parameters: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "client_id": "app",
        "code": issued,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "resource": ACME,
    }
    return {k: v for k, v in {**parameters, **changes}.items() if v is not None}


def credentials(**changes: str | None) -> dict[str, str]:
    parameters: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_id": "robot",
        "client_secret": "robot-secret",
        "resource": ACME,
        "scope": "tools:call",
    }
    return {k: v for k, v in {**parameters, **changes}.items() if v is not None}


def sent_on(response: IssuerResponse) -> dict[str, str]:
    location = response.header("Location")
    assert response.status == 302
    assert location is not None
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def code_for(issuer: DevIssuer, **changes: str | None) -> str:
    return sent_on(await get(issuer, "/authorize", *authorization(**changes)))["code"]


def document(response: IssuerResponse) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(response.body)
    return value


async def verified(issuer: DevIssuer, token: str, *, audience: str = ACME) -> AccessToken:
    keys = PublishedKeys(document(await get(issuer, "/jwks")))
    verifier = TokenVerifier(
        "acme", {ISSUER: keys}, cache=VerifiedTokens(now=lambda: NOW), now=lambda: NOW
    )
    policy = TokenPolicy(
        tenant="acme",
        issuers={ISSUER: IssuerPolicy(issuer=ISSUER)},
        audiences=frozenset({audience}),
    )
    return await verifier.verify(token, policy)


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
)
async def test_both_discovery_documents_name_the_issuer_and_its_endpoints(
    issuer: DevIssuer, path: str
) -> None:
    metadata = document(await get(issuer, path))

    assert metadata["issuer"] == ISSUER
    assert metadata["jwks_uri"] == f"{ISSUER}/jwks"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert "offline_access" not in metadata["scopes_supported"]


async def test_a_registered_client_walks_from_registration_to_a_token(issuer: DevIssuer) -> None:
    registered = document(await register(issuer, client_name="Inspector"))
    client_id = registered["client_id"]
    answer = sent_on(
        await get(issuer, "/authorize", *authorization(client_id=client_id, scope="tools:call"))
    )
    granted = await post(issuer, exchange(answer["code"], client_id=client_id))
    token = await verified(issuer, document(granted)["access_token"])

    assert registered["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in registered
    assert (answer["state"], answer["iss"]) == ("s-1", ISSUER)
    assert token.principal.subject == DEV_USER
    assert token.principal.client_id == client_id
    assert token.scopes == {"tools:call"}
    assert token.audiences == {ACME}
    assert token.expires_at - token.issued_at == 3600


async def test_the_page_says_who_was_signed_in(issuer: DevIssuer) -> None:
    response = await get(issuer, "/authorize", *authorization())

    assert DEV_USER.encode() in response.body
    assert b"Development issuer" in response.body


@pytest.mark.parametrize("in_header", [True, False], ids=["basic", "post"])
async def test_client_credentials_give_a_token_for_the_named_resource(
    issuer: DevIssuer, *, in_header: bool
) -> None:
    if in_header:
        basic = b64encode(b"robot:robot-secret").decode()
        form = credentials(client_id=None, client_secret=None)
        response = await post(issuer, form, authorization=f"Basic {basic}")
    else:
        response = await post(issuer, credentials())
    token = await verified(issuer, document(response)["access_token"])

    assert response.status == 200
    assert response.header("Cache-Control") == "no-store"
    assert token.principal.subject == token.principal.client_id == "robot"
    assert token.scopes == {"tools:call"}


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"resource": "https://elsewhere.example/"}, 400, "invalid_target"),
        ({"resource": None}, 400, "invalid_target"),
        ({"client_secret": "wrong"}, 400, "invalid_client"),
        ({"client_secret": None}, 400, "invalid_client"),
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"client_id": "app", "client_secret": None}, 400, "invalid_client"),
        ({"client_id": "reader", "client_secret": "reader-secret"}, 400, "invalid_scope"),
        ({"scope": "tools:admin"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"grant_type": "p\u00e4ssword"}, 400, None),
    ],
)
async def test_client_credentials_are_refused(
    issuer: DevIssuer, changes: dict[str, str | None], status: int, error: str | None
) -> None:
    response = await post(issuer, credentials(**changes))

    assert response.status in {status, 401}
    assert error is None or document(response)["error"] == error
    assert b"access_token" not in response.body


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"resource": None}, "invalid_target"),
        ({"scope": "tools:admin"}, "invalid_scope"),
        ({"scope": "tools:call"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_an_authorization_error_goes_back_to_the_client_with_state_and_issuer(
    issuer: DevIssuer, changes: dict[str, str | None], error: str
) -> None:
    answer = sent_on(await get(issuer, "/authorize", *authorization(**changes)))

    assert answer["error"] == error
    assert answer["state"] == "s-1"
    assert answer["iss"] == ISSUER
    assert "code" not in answer


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:7777/callback/",
        "http://127.0.0.1:7777/other",
        "http://127.0.0.1:7777/callback?x=1",
        "http://127.0.0.1:99999/callback",
        "http://localhost:7777/callback",
        "https://127.0.0.1:7777/callback",
        "http://127.0.0.1:7777@evil.example/callback",
        "https://evil.example/callback",
        "javascript:alert(1)",
    ],
)
async def test_nobody_is_sent_to_a_place_that_is_not_registered(
    issuer: DevIssuer, redirect_uri: str
) -> None:
    response = await get(issuer, "/authorize", *authorization(redirect_uri=redirect_uri))

    assert response.status == 400
    assert response.header("Location") is None


async def test_a_loopback_redirect_may_use_any_port(issuer: DevIssuer) -> None:
    elsewhere = "http://127.0.0.1:50123/callback"
    code = await code_for(issuer, redirect_uri=elsewhere)
    response = await post(issuer, exchange(code, redirect_uri=elsewhere))

    assert response.status == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:7778/callback"}, "invalid_grant"),
        ({"resource": GLOBEX}, "invalid_target"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"client_id": "robot", "client_secret": "robot-secret"}, "unauthorized_client"),
    ],
)
async def test_a_code_is_refused(
    issuer: DevIssuer, changes: dict[str, str | None], error: str
) -> None:
    code = await code_for(issuer)
    response = await post(issuer, exchange(code, **changes))

    assert response.status == 400
    assert document(response)["error"] == error


async def test_a_code_works_once(issuer: DevIssuer) -> None:
    code = await code_for(issuer)
    first = await post(issuer, exchange(code))
    second = await post(issuer, exchange(code))

    assert (first.status, second.status) == (200, 400)


async def test_a_failed_try_uses_the_code_up(issuer: DevIssuer) -> None:
    code = await code_for(issuer)
    await post(issuer, exchange(code, code_verifier="w" * 43))
    second = await post(issuer, exchange(code))

    assert second.status == 400


async def test_a_code_is_for_one_client(issuer: DevIssuer) -> None:
    other = document(await register(issuer))["client_id"]
    code = await code_for(issuer)
    response = await post(issuer, exchange(code, client_id=other))

    assert document(response)["error"] == "invalid_grant"


async def test_a_code_expires_after_a_minute(issuer: DevIssuer, clock: Clock) -> None:
    code = await code_for(issuer)
    clock.now += CODE_LIFETIME_S
    response = await post(issuer, exchange(code))

    assert document(response)["error"] == "invalid_grant"


async def test_a_repeated_parameter_is_refused(issuer: DevIssuer) -> None:
    form = (*credentials().items(), ("grant_type", "authorization_code"))
    response = await issuer.handle(IssuerRequest(method="POST", path="/token", form=form))

    assert response.status == 400


async def test_no_token_reaches_the_log(
    issuer: DevIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = document(await post(issuer, credentials()))["access_token"]

    assert token not in caplog.text
    assert "robot-secret" not in caplog.text


async def test_two_resources_at_once_are_refused(issuer: DevIssuer) -> None:
    form = (*credentials().items(), ("resource", GLOBEX))
    response = await issuer.handle(IssuerRequest(method="POST", path="/token", form=form))

    assert document(response)["error"] == "invalid_target"


async def test_tokens_of_the_old_key_stay_good_after_a_rotation(issuer: DevIssuer) -> None:
    def mint() -> str:
        return issuer.mint(subject="ann", client_id="cli", audience=ACME, scopes=["tools:read"])

    old = mint()
    issuer.rotate()
    new = mint()
    published = document(await get(issuer, "/jwks"))["keys"]

    assert (await verified(issuer, old)).principal.subject == "ann"
    assert (await verified(issuer, new)).token_id != (await verified(issuer, old)).token_id
    assert len(published) == 2
    assert all("d" not in key for key in published)


async def test_a_minted_token_opens_the_resource_it_names_and_no_other(issuer: DevIssuer) -> None:
    token = issuer.mint(subject="ann", client_id="cli", audience=GLOBEX, scopes=[])

    assert (await verified(issuer, token, audience=GLOBEX)).scopes == frozenset()
    with pytest.raises(InvalidToken):
        await verified(issuer, token, audience=ACME)


@pytest.mark.parametrize(
    "uri",
    ["http://localhost:3030/cb", "http://[::1]/cb", "cursor://anysphere.cursor-mcp/oauth/callback"],
)
async def test_native_clients_register_their_redirects(issuer: DevIssuer, uri: str) -> None:
    response = await register(issuer, redirect_uris=[uri], grant_types=["refresh_token"])

    assert response.status == 201
    assert document(response)["redirect_uris"] == [uri]
    assert document(response)["grant_types"] == ["authorization_code"]


@pytest.mark.parametrize(
    "uris",
    [
        ["https://evil.example/cb"],
        ["http://evil.example/cb"],
        ["http://127.0.0.1.evil.example/cb"],
        ["http://127.0.0.1@evil.example/cb"],
        ["javascript:alert(1)"],
        ["http://127.0.0.1/cb#fragment"],
        ["no-scheme"],
        [7],
        [],
        "http://127.0.0.1/cb",
        None,
    ],
)
async def test_nobody_registers_a_redirect_to_another_machine(issuer: DevIssuer, uris: Any) -> None:
    response = await register(issuer, redirect_uris=uris)

    assert response.status == 400
    assert document(response)["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"[" * 20, b" " * 70_000])
async def test_a_registration_that_is_no_object_is_refused(issuer: DevIssuer, body: bytes) -> None:
    response = await issuer.handle(IssuerRequest(method="POST", path="/register", body=body))

    assert document(response)["error"] == "invalid_client_metadata"


async def test_registrations_are_bounded_and_the_oldest_goes(issuer: DevIssuer) -> None:
    first = document(await register(issuer))["client_id"]
    for _ in range(MAX_REGISTERED - 1):
        await register(issuer)
    newest = document(await register(issuer))["client_id"]
    of_first = await get(issuer, "/authorize", *authorization(client_id=first))
    of_newest = await get(issuer, "/authorize", *authorization(client_id=newest))

    assert of_first.status == 400
    assert of_newest.status == 302


async def test_codes_are_bounded_and_the_oldest_goes(issuer: DevIssuer) -> None:
    first = await code_for(issuer)
    for _ in range(MAX_CODES - 1):
        await code_for(issuer)
    newest = await code_for(issuer)

    assert (await post(issuer, exchange(first))).status == 400
    assert (await post(issuer, exchange(newest))).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/token", 405), ("DELETE", "/jwks", 405), ("GET", "/", 404), ("OPTIONS", "/", 404)],
)
async def test_only_its_own_routes_answer(
    issuer: DevIssuer, method: str, path: str, status: int
) -> None:
    response = await issuer.handle(IssuerRequest(method=method, path=path))

    assert response.status == status
    assert (response.header("Allow") is not None) == (status == 405)


async def test_another_host_name_does_not_reach_it(issuer: DevIssuer) -> None:
    request = IssuerRequest(method="GET", path="/jwks", headers={"host": "evil.example"})

    assert (await issuer.handle(request)).status == 421


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:6274", "http://localhost:6274"),
        ("https://evil.example", None),
        ("http://localhost.evil.example", None),
    ],
)
async def test_browsers_read_it_from_pages_of_this_machine_only(
    issuer: DevIssuer, origin: str, allowed: str | None
) -> None:
    headers = {"origin": origin}
    preflight = await issuer.handle(IssuerRequest(method="OPTIONS", path="/token", headers=headers))
    read = await issuer.handle(IssuerRequest(method="GET", path="/jwks", headers=headers))

    assert preflight.status == 204
    assert read.header("access-control-allow-origin") == allowed
    assert preflight.header("access-control-allow-origin") == allowed


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="fields"):
        read_parameters("&".join(["a=1"] * 51))
