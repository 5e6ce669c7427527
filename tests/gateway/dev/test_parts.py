"""The parts of `dev`, each by itself."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from auth.addresses import EgressGrant
from auth.dev_issuer.issuer import DevIssuer
from auth.egress import EgressGuard, GuardedSession
from gateway.dev import children
from gateway.dev.children import BackendProgram, running_backend
from gateway.dev.errors import DevFailed
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from gateway.dev.ports import choose_ports
from gateway.dev.state_directory import DevNote, StateDirectory, TenantNote
from gateway.snippets import CLIENTS, Target, curl, named_after

NOTE = DevNote("http://i", "http://a", {"acme": TenantNote("http://e", "t", ("one",))})


def test_a_busy_port_is_replaced_and_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        wished = busy.getsockname()[1]

        taken, free = choose_ports(wished, 0)

    assert taken.port not in {wished, free.port}
    assert taken.note == f" (port {wished} is busy)"
    assert free.note == ""


def test_the_same_port_is_not_given_twice() -> None:
    (first,) = choose_ports(0)

    one, other = choose_ports(first.port, first.port)

    assert one.port != other.port


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_the_development_issuer_refuses_to_be_reached_from_elsewhere(host: str) -> None:
    with pytest.raises(DevFailed, match="loopback only"):
        loopback_socket(host, 0)


async def test_the_development_issuer_answers_on_its_socket() -> None:
    listener = loopback_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    issuer = DevIssuer(url, resources=["https://r.example"])

    async with serving_issuer(issuer, listener), session() as client:
        metadata = await answer(client, "GET", f"{url}/.well-known/openid-configuration")
        keys = await answer(client, "GET", f"{url}/jwks")
        refused = await answer(client, "POST", f"{url}/token", data={"grant_type": "password"})
        too_many = await answer(client, "GET", f"{url}/authorize?{'a=1&' * 60}")

    assert metadata == (200, {"issuer": url})
    assert keys[0] == 200
    assert refused[0] in {400, 401}
    assert too_many == (400, {})


def session() -> GuardedSession:
    grant = EgressGrant(
        tenants=frozenset({"*"}), cidr=ip_network("127.0.0.0/8"), schemes=frozenset({"http"})
    )
    return EgressGuard([grant]).for_tenant("dev").client_session(limit=4)


async def answer(
    client: GuardedSession, method: str, url: str, data: dict[str, str] | None = None
) -> tuple[int, dict[str, str]]:
    async with client.request(method, url, data=data, allow_redirects=False) as response:
        document = json.loads(await response.read())
        return response.status, {k: v for k, v in document.items() if k == "issuer"}


def test_notes_are_private_and_go_at_the_end(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    with state.held():
        state.write_note(NOTE)
        state.write_client("id", "secret")

        assert stat.S_IMODE(state.note_path.stat().st_mode) == 0o600
        assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
        assert state.read_note() == NOTE
        assert state.read_client() == ("id", "secret")
    assert not state.note_path.exists()
    assert not state.client_path.exists()


def test_one_directory_is_for_one_dev(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.held():
        state.write_note(NOTE)
        with pytest.raises(DevFailed, match="another"), StateDirectory(tmp_path).held():
            pass

        assert state.note_path.exists()


async def test_a_backend_that_does_not_start_shows_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("import sys; sys.exit('no table in the kitchen')")
    monkeypatch.setattr(children, "BACKENDS", tmp_path)
    program = BackendProgram(name="broken", script="broken.py")

    with pytest.raises(DevFailed, match="no table in the kitchen"):
        async with running_backend(program, tmp_path):
            pass


async def test_a_backend_ends_with_its_block_even_when_it_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stubborn.py").write_text(
        "import json, os, signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(json.dumps({'url': f'http://127.0.0.1:{os.getpid()}'}), flush=True)\n"
        "while True: signal.pause()\n"
    )
    monkeypatch.setattr(children, "BACKENDS", tmp_path)
    monkeypatch.setattr(children, "STOP_TIMEOUT_S", 0.2)

    async with running_backend(BackendProgram(name="s", script="stubborn.py"), tmp_path) as url:
        pid = urlsplit(url).port or 0
        os.kill(pid, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_a_snippet_has_the_url_and_only_a_given_token(make: object) -> None:
    assert callable(make)
    without = make(Target(name="acme", url="https://gw.example/t/acme/mcp"))
    with_token = make(Target(name="acme", url="https://gw.example/t/acme/mcp", token="tok"))

    assert "https://gw.example/t/acme/mcp" in without.text
    assert "uthorization" not in without.text
    assert "Bearer tok" in with_token.text


def test_a_curl_survives_a_shell() -> None:
    target = Target(name="a", url="https://gw.example/t/a/mcp", token="tok")
    text = curl(target, tool="it's", arguments={"say": "\"hi\" $HOME 'there'"})

    words = subprocess.run(  # noqa: S603 - echoes its arguments
        ["/bin/sh", "-c", f'curl() {{ "{sys.executable}" -c "{ECHO}" "$@"; }}; {text}'],
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = json.loads(words.stdout)

    assert json.loads(arguments[-1])["params"]["arguments"] == {"say": "\"hi\" $HOME 'there'"}
    assert "Mcp-Name: it's" in arguments


ECHO = "import json, sys; print(json.dumps(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://gw.example/t/acme/mcp", "acme"),
        ("https://gw.example/prefix/t/acme/stock/mcp", "acme-stock"),
        ("https://gw.example/mcp", "gw-example"),
    ],
)
def test_a_server_is_named_after_its_endpoint(url: str, name: str) -> None:
    assert named_after(url) == name
