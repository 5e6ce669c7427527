import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.keyspace import CHANGE_FEED, CHANGE_MARK, Keyspace, framed

slugs = st.from_regex(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", fullmatch=True)
anything = st.text(max_size=40)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@given(st.lists(anything, max_size=4), st.lists(anything, max_size=4))
def test_different_parts_never_make_the_same_frame(one: list[str], other: list[str]) -> None:
    assert (framed(*one) == framed(*other)) == (one == other)


@given(st.tuples(slugs, anything, anything), st.tuples(slugs, anything, anything))
def test_different_users_or_tenants_never_share_a_key(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    key = Keyspace(one[0]).user_sessions(one[1], one[2])
    other_key = Keyspace(other[0]).user_sessions(other[1], other[2])

    assert (key == other_key) == (one == other)


@given(slugs, digests, anything, anything)
def test_s18_every_key_of_a_tenant_has_its_hash_tag_and_kinds_differ(
    slug: str, digest: str, issuer: str, subject: str
) -> None:
    keys = Keyspace(slug)

    made = [keys.sessions, keys.session(digest), keys.user_sessions(issuer, subject)]

    assert len(set(made)) == len(made)
    assert all(key.startswith(f"pc:{{{slug}}}:") and key.count("{") == 1 for key in made)
    assert not {CHANGE_FEED, CHANGE_MARK} & set(made)


@pytest.mark.parametrize("slug", ["", "a", "Acme", "acme}", "ac{me", "acme\n", "a:b", "-ab", "é12"])
def test_n04_what_is_no_tenant_has_no_keys(slug: str) -> None:
    with pytest.raises(ValueError, match="tenant slug"):
        Keyspace(slug)


@pytest.mark.parametrize("key", ["", "0" * 63, "G" * 64, "A" * 64, "../" + "0" * 61])
def test_a_session_key_is_a_digest_and_nothing_else(key: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        Keyspace("acme").session(key)
