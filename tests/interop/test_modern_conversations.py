"""The official SDK 2.x on both sides of the gateway: questions back, and subscriptions."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.conformance.rig import start_fixture
from tests.rigs.child import python_module
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.gateway import choose_public_url, endpoint_url, running_gateway
from tests.rigs.sdk_clients import run_script

TENANT = "acme"


@dataclass(frozen=True, kw_only=True)
class Talk:
    """An endpoint over the fixture, and a token for it."""

    url: str
    token: str


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    log_dir = tmp_path_factory.mktemp("talk")
    public_url = choose_public_url()
    url = endpoint_url(public_url, TENANT)
    with ExitStack() as stack:
        fixture = stack.enter_context(start_fixture(log_dir, "modern"))
        issuer = start_dev_issuer([url], log_dir)
        stack.enter_context(issuer.child)
        tenant = {
            "issuers": [{"issuer": issuer.issuer}],
            "backends": {"fixture": {"url": str(fixture.announcement()["url"])}},
        }
        stack.enter_context(running_gateway({"tenants": {TENANT: tenant}}, public_url=public_url))
        yield Talk(url=url, token=issuer.token(url))


async def test_a_modern_sdk_answers_questions_and_hears_of_changes(talk: Talk) -> None:
    job = {"url": talk.url, "token": talk.token}

    found = await run_script(python_module("tests.rigs.modern_conversation"), job)

    assert found["said"] == {
        "request_state": "state-ok",
        "multiple_inputs": "Good day Ada, 1 roots",
        "multi_round": "Ada likes green",
    }
    assert sorted(found["asked"]) == sorted(
        [
            "Please confirm",
            "What is your name?",
            "sample up to 50",
            "roots",
            "Step 1: What is your name?",
            "Step 2: What is your favorite color?",
        ]
    )
    assert found["heard"] == ["ToolsListChanged", "PromptsListChanged"]
