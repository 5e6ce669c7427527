"""The endpoints that nobody wrote open nothing that the written ones close."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from auth.access import DENY, AccessPolicy
from tenants.model import DEFAULT_ENDPOINT, Endpoint
from tenants.own_endpoints import rests, seen_past, with_own_endpoints

LETTERS = "ab_"
GLOBS = st.text(alphabet=LETTERS + "*?[]!", min_size=1, max_size=8)
NAMES = st.text(alphabet=LETTERS, min_size=1, max_size=5)
PREFIXES = st.sampled_from(["", "a__", "ab__", "b__"])
SCOPES = st.frozensets(st.sampled_from(["s1", "s2", "s3"]), max_size=2)
POLICIES = st.builds(
    AccessPolicy,
    endpoint_scopes=SCOPES,
    method_scopes=st.dictionaries(st.just("tools/call"), SCOPES),
    tool_scopes=st.dictionaries(GLOBS, SCOPES, max_size=3),
    allow_tools=st.lists(GLOBS, max_size=2).map(tuple),
    deny_tools=st.lists(GLOBS, max_size=2).map(tuple),
)


@given(glob=GLOBS, prefix=PREFIXES, name=NAMES)
def test_the_rests_of_a_glob_match_what_it_matches_behind_the_prefix(
    glob: str, prefix: str, name: str
) -> None:
    matches = any(fnmatchcase(name, rest) for rest in rests(glob, prefix))

    assert matches == fnmatchcase(prefix + name, glob)


@given(policy=POLICIES, prefix=PREFIXES, name=NAMES, granted=SCOPES)
def test_a_derived_policy_decides_as_the_default_endpoints_does(
    policy: AccessPolicy, prefix: str, name: str, granted: frozenset[str]
) -> None:
    derived = seen_past(prefix, policy)

    assert derived.decide(granted, method="tools/call", tool=name) == policy.decide(
        granted, method="tools/call", tool=prefix + name
    )
    assert derived.decide(granted, method="ping") == policy.decide(granted, method="ping")


def test_without_written_endpoints_the_default_one_carries_every_backend() -> None:
    endpoints = with_own_endpoints({}, ["files", "mail"])

    assert list(endpoints) == [DEFAULT_ENDPOINT, "files", "mail"]
    assert endpoints[DEFAULT_ENDPOINT].backends == ("files", "mail")
    assert endpoints["mail"].backends == ("mail",)


def test_a_backends_own_endpoint_is_no_way_around_the_default_endpoints_policy() -> None:
    guarded = AccessPolicy(endpoint_scopes=frozenset({"mcp"}), deny_tools=("files__delete*",))
    default = Endpoint(name=DEFAULT_ENDPOINT, backends=("files", "mail"), access=guarded)

    own = with_own_endpoints({DEFAULT_ENDPOINT: default}, ["files", "mail"])["files"].access

    assert own.decide(frozenset({"mcp"}), method="tools/call", tool="delete_all") is DENY
    assert own.endpoint_scopes == {"mcp"}


def test_where_nothing_of_a_backend_is_allowed_its_own_endpoint_allows_nothing() -> None:
    only_mail = AccessPolicy(allow_tools=("mail__*",))
    default = Endpoint(name=DEFAULT_ENDPOINT, backends=("files", "mail"), access=only_mail)

    own = with_own_endpoints({DEFAULT_ENDPOINT: default}, ["files", "mail"])["files"].access

    assert own.decide(frozenset(), method="tools/call", tool="read") is DENY


def test_a_backend_that_only_other_endpoints_carry_gets_no_endpoint_by_itself() -> None:
    reading = Endpoint(name="reading", backends=("files",), access=AccessPolicy(deny_tools=("w*",)))

    endpoints = with_own_endpoints({"reading": reading}, ["files", "mail"])

    assert list(endpoints) == ["reading", "mail"]


def test_audiences_of_the_default_endpoint_are_not_inherited() -> None:
    default = Endpoint(
        name=DEFAULT_ENDPOINT, backends=("files",), audiences=frozenset({"api://files"})
    )

    endpoints = with_own_endpoints({DEFAULT_ENDPOINT: default}, ["files"])

    assert endpoints["files"].audiences == frozenset()
