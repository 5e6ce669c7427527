from auth.access_token import AccessToken
from auth.principal import Principal
from auth.verified_tokens import CacheKey, VerifiedTokens
from tests.rigs.signing import KeysInMemory

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"
KEYS = KeysInMemory(())
CURRENT = {ISSUER: KEYS}


def token(*, expires_at: float = NOW + 600) -> AccessToken:
    return AccessToken(
        principal=Principal(issuer=ISSUER, subject="ann", client_id="cli"),
        scopes=frozenset(),
        audiences=frozenset({"a"}),
        issued_at=NOW,
        expires_at=expires_at,
        token_id="j",
        clock_ahead_s=5,
    )


def key(bearer: str, *, tenant: str = "acme", fingerprint: str = "f") -> CacheKey:
    return VerifiedTokens.key(bearer, tenant=tenant, fingerprint=fingerprint)


def filled(cache: VerifiedTokens, *bearers: str) -> None:
    for bearer in bearers:
        cache.keep(key(bearer), token(), keys=KEYS, version=KEYS.version)


def test_the_key_holds_no_token_and_tells_everything_apart() -> None:
    keys = {key("a"), key("b"), key("a", tenant="globex"), key("a", fingerprint="g")}

    assert len(keys) == 4
    assert "a" not in key("a")


def test_the_least_recently_used_one_goes() -> None:
    cache = VerifiedTokens(now=lambda: NOW, max_entries=2)
    filled(cache, "a", "b")
    cache.find(key("a"), CURRENT)
    filled(cache, "c")

    assert len(cache) == 2
    assert cache.find(key("a"), CURRENT) is not None
    assert cache.find(key("b"), CURRENT) is None


def test_a_token_in_its_leeway_is_not_remembered() -> None:
    cache = VerifiedTokens(now=lambda: NOW)
    cache.keep(key("a"), token(expires_at=NOW), keys=KEYS, version=KEYS.version)

    assert len(cache) == 0


def test_what_has_aged_is_dropped() -> None:
    now = [NOW]
    cache = VerifiedTokens(now=lambda: now[0])
    filled(cache, "a")
    now[0] = NOW + 300

    assert cache.find(key("a"), CURRENT) is None
    assert len(cache) == 0


def test_it_stays_bounded_by_default() -> None:
    cache = VerifiedTokens(now=lambda: NOW)
    filled(cache, *(str(number) for number in range(10_050)))

    assert len(cache) == 10_000
