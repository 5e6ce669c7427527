import pytest

from auth.challenges import build_challenges

URL = "https://gw.example/.well-known/oauth-protected-resource/t/acme/mcp"


def test_challenges_without_scopes() -> None:
    challenges = build_challenges(URL, ())

    assert challenges.missing == f'Bearer resource_metadata="{URL}"'
    assert challenges.invalid == f'Bearer resource_metadata="{URL}", error="invalid_token"'
    assert challenges.malformed == f'Bearer resource_metadata="{URL}", error="invalid_request"'


def test_challenges_name_the_scopes_that_every_operation_needs() -> None:
    challenges = build_challenges(URL, {"b", "a"})

    assert challenges.missing == f'Bearer resource_metadata="{URL}", scope="a b"'
    assert challenges.invalid == (
        f'Bearer resource_metadata="{URL}", error="invalid_token", scope="a b"'
    )
    assert "scope" not in challenges.malformed


def test_the_step_up_names_all_scopes_at_once() -> None:
    challenge = build_challenges(URL, ()).insufficient({"tools:call", "tools:admin"})

    assert challenge == (
        'Bearer error="insufficient_scope", scope="tools:admin tools:call", '
        f'resource_metadata="{URL}"'
    )


def test_quotes_and_backslashes_cannot_end_a_value() -> None:
    challenges = build_challenges('https://gw.example/"x\\', ())

    assert challenges.missing == 'Bearer resource_metadata="https://gw.example/\\"x\\\\"'


@pytest.mark.parametrize("url", ["https://gw.example/\r\nX: y", "https://gw.example/\u00e9", "\0"])
def test_what_cannot_stand_in_a_header_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        build_challenges(url, ())


@pytest.mark.parametrize("scope", ['a"b', "a b", "a\r\n", ""])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        build_challenges(URL, {scope})
    with pytest.raises(ValueError, match="scope"):
        build_challenges(URL, ()).insufficient({scope})
