import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import InvalidToken, TokenFault
from auth.scopes import MAX_SCOPES, is_scope_token, parse_scope, parse_scope_list

WORDS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1
)


@given(st.lists(WORDS, min_size=1, max_size=20, unique=True))
def test_words_joined_by_single_spaces_are_read_back(words: list[str]) -> None:
    assert parse_scope(" ".join(words)) == frozenset(words)
    assert parse_scope_list(words) == frozenset(words)


@given(st.text())
def test_any_text_is_read_exactly_or_refused(text: str) -> None:
    words = text.split(" ")
    if all(map(is_scope_token, words)) and len(set(words)) == len(words) <= MAX_SCOPES:
        assert parse_scope(text) == set(words)
        return
    with pytest.raises(InvalidToken) as refusal:
        parse_scope(text)

    assert refusal.value.fault is TokenFault.BAD_SCOPE


@pytest.mark.parametrize("value", [None, 7, "a", [], [7], ["a b"], ["a", "a"], [""], {"a": 1}])
def test_a_list_of_scopes_is_a_list_of_words(value: object) -> None:
    with pytest.raises(InvalidToken):
        parse_scope_list(value)
