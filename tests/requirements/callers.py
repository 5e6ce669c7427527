"""Sections 1.1 to 1.3: tokens, their claims, and the issuers that sign them."""

from tests.requirements.cases import Case, partly, shown, waits

LIVE = "security/test_tokens.py"
VERIFIER = "auth/test_tokens.py"
ISSUERS = "security/test_issuers.py"
RING = "auth/test_keys.py"

TOKENS: list[Case] = [
    shown("T00", "a good token passes", LIVE, VERIFIER),
    shown("T01", "alg none in every spelling", LIVE, VERIFIER),
    shown("T02", "HMAC with the public key as secret", LIVE, VERIFIER),
    shown("T04", "HMAC with the published key document as secret", LIVE, VERIFIER),
    shown("T05", "HMAC with an empty secret; symmetric keys dropped", LIVE, VERIFIER),
    shown("T06", "a signature of somebody or something else", LIVE, VERIFIER),
    shown("T07", "an embedded key is never read", LIVE, VERIFIER),
    shown("T08", "jku, x5u and x5c are never fetched", LIVE, VERIFIER),
    shown("T10", "hostile and missing key ids", LIVE, VERIFIER),
    shown("T11", "the key of another issuer", LIVE, VERIFIER),
    shown("T13", "critical extensions", LIVE, VERIFIER),
    shown("T15", "only the two forms of at+jwt", LIVE, VERIFIER),
    shown("T16", "ID tokens", LIVE, VERIFIER),
    shown("T17", "header members of another type", LIVE, VERIFIER),
    shown("T18", "encrypted and compressed tokens", LIVE, VERIFIER),
    shown("T19", "other spellings of a good token", LIVE, VERIFIER),
    shown("T22", "too long a token, too long a header", LIVE, VERIFIER),
    shown("T23", "a header that is no strict JSON", LIVE, VERIFIER),
    shown("T24", "a payload that is no strict JSON", LIVE, VERIFIER),
    shown("T25", "whatever a library raises is a malformed token", VERIFIER),
    shown("T26", "no failure ends in an identity", VERIFIER),
]

CLAIMS: list[Case] = [
    shown("C01", "each required claim is missing or of another kind", LIVE, VERIFIER),
    shown("C02", "audience forms", LIVE, VERIFIER),
    shown("C03", "audiences that are almost ours", LIVE, VERIFIER),
    shown("C04", "origin, another tenant, another endpoint, a backend", LIVE, VERIFIER),
    shown("C05", "a token that names two tenants", LIVE, VERIFIER),
    shown("C07", "an issuer of another tenant", LIVE, VERIFIER),
    shown("C08", "times at their boundaries", LIVE, VERIFIER),
    shown("C09", "times that are none", LIVE, VERIFIER),
    shown("C10", "longest life", LIVE, VERIFIER),
    shown(
        "C12", "the grammar of scopes, compared whole", LIVE, VERIFIER, "security/test_decisions.py"
    ),
    shown("C13", "tokens that are bound to a key", LIVE, VERIFIER),
    waits("C14", "DPoP proofs", "DPoP"),
    shown("C15", "chains of actors", LIVE, VERIFIER),
    shown("C17", "email-like claims are opaque", LIVE, VERIFIER),
    shown("C18", "one decision with three answers", "security/test_decisions.py"),
    shown("C19", "a token anywhere but in Authorization", LIVE),
    shown("C20", "several headers, several tokens, other schemes", LIVE),
    shown("C22", "revoked and blocked within the bound", "security/test_revoked.py"),
]

KEYS: list[Case] = [
    shown("K01", "metadata of another issuer", ISSUERS, RING, "auth/test_discovery.py"),
    shown("K02", "redirects are not followed", ISSUERS, RING, "auth/test_documents.py"),
    shown("K03", "a jwks_uri that leads elsewhere", ISSUERS, RING, "auth/test_discovery.py"),
    shown("K04", "key documents that are none", ISSUERS),
    shown("K05", "a flood of unknown key ids", ISSUERS, RING),
    shown("K06", "a failed fetch evicts nothing", ISSUERS, RING),
    shown("K08", "an outage: known keys for an hour, then 503", ISSUERS, RING),
    shown("K09", "a cold start with the issuer down", ISSUERS, RING),
    shown("K10", "a new key at its first token, an old one at most ten minutes", ISSUERS, RING),
    partly(
        "K11",
        "purged keys do not come back",
        RING,
        waits_for="an operator's command that purges keys on every node",
    ),
    shown("K13", "unfit keys are left out", ISSUERS, RING),
    shown("K14", "many verifications, one fetch", ISSUERS, RING),
    shown("K15", "a stalled issuer holds up nobody else", ISSUERS, RING),
    shown("K16", "an issuer that was removed from a tenant", ISSUERS, RING),
    shown("K18", "bad certificates", RING, "auth/test_egress.py"),
]
