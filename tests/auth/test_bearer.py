import pytest

from auth.bearer import bearer_from
from auth.errors import InvalidToken, MalformedCredentials, MissingToken


def test_the_token_is_read_as_it_was_sent() -> None:
    assert bearer_from(["Bearer abc.DEF-_~+/=="]) == "abc.DEF-_~+/=="


def test_no_header_is_no_token() -> None:
    with pytest.raises(MissingToken):
        bearer_from([])


@pytest.mark.parametrize(
    "headers",
    [
        ["Bearer a", "Bearer a"],
        ["Bearer a", ""],
        ["Bearer a, Bearer b"],
        ["Bearer a,bearer b"],
        ["Bearer a , \tBearer b"],
        ["Basic a, Bearer b"],
        ["Bearer a,"],
        ["Bearer a, Basic b"],
    ],
)
def test_several_credentials_are_no_credentials(headers: list[str]) -> None:
    with pytest.raises(MalformedCredentials):
        bearer_from(headers)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer\ta",
        "Bearera",
        "Basic a",
        "Bearer a b",
        " Bearer a",
        "a",
        "Bearer \u00e9",
        "Bearer a\n",
        "\u017fearer a",
        "Bearer ====",
        "Bearer a=b",
        "Bearer a\x00",
    ],
)
def test_anything_else_is_a_bad_token(header: str) -> None:
    with pytest.raises(InvalidToken):
        bearer_from([header])


def test_a_hostile_header_is_read_in_linear_time() -> None:
    for header in ("Bearer " + "a" * 100_000 + "!", ", " * 50_000, "Bearer" + " " * 100_000):
        with pytest.raises(InvalidToken):
            bearer_from([header])
