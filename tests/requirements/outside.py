"""Sections 1.8 and 1.10 to 1.12: backends and egress, processes, administration, metadata."""

from tests.requirements.cases import Case, partly, shown, waits

EGRESS = "auth/test_egress.py"
EVIL = "gateway/backends/test_evil_answers.py"
EXCHANGE = "gateway/backends/test_exchange.py"
WHOLE = "gateway/core/test_evil_backends.py"
QUESTIONS = "gateway/core/test_multi_round_trips.py"
CHANNEL = "gateway/backends/test_channel.py"
ISOLATION = "security/test_isolation.py"
ADMIN_API = "the admin API"
FAULTS = "the fault rig around whole processes"

BACKENDS: list[Case] = [
    shown("U01", "addresses inside", EGRESS, "auth/test_addresses.py"),
    shown("U02", "other spellings of addresses", "auth/test_destinations.py"),
    shown("U04", "names that change their address", EGRESS),
    shown("U05", "redirects", EGRESS, "auth/test_documents.py"),
    waits("U07", "one factory for every outbound client", "webhooks and token exchange"),
    shown("U08", "nothing of the caller's credentials goes on", ISOLATION, CHANNEL),
    waits("U10", "exchanged tokens", "token exchange"),
    shown("U11", "headers that a client meant for a backend", ISOLATION),
    shown("U13", "answers without end", EVIL, WHOLE),
    shown("U14", "answers at the bounds", EVIL),
    shown("U15", "answers that are none", EVIL, EXCHANGE, WHOLE),
    shown(
        "U16",
        "what a backend asks of a client",
        EXCHANGE,
        WHOLE,
        QUESTIONS,
        "gateway/core/test_server_requests.py",
    ),
    shown("U18", "connections that are cut", EVIL, CHANNEL, WHOLE),
    shown("U19", "backends that do not read", CHANNEL, "gateway/backends/test_breaker.py"),
    partly(
        "U20",
        "definitions that change after approval; floods of changes",
        "gateway/core/test_subscriptions.py",
        waits_for="tool pins",
    ),
    waits("U21", "hidden characters in tools", "inspection of definitions"),
    shown("U23", "certificates and credentials of another", EGRESS, ISOLATION),
    shown("U24", "other ports", EGRESS),
    waits("U25", "command backends", "stdio backends"),
]

PROCESSES: list[Case] = [
    partly("P01", "SIGTERM under load", "gateway/http", waits_for="a hundred rolling restarts"),
    shown("P02", "SIGTERM twice", "gateway/http"),
    partly("P03", "killed at random", "tenants/test_embedded_valkey.py", waits_for=FAULTS),
    waits("P04", "gateway and Redis killed together", FAULTS),
    waits("P06", "no descriptors, no space", FAULTS),
    waits("P07", "a blocked loop", "the watchdog"),
    partly("P09", "unfit configuration", "tenants/test_seals.py", waits_for=ADMIN_API),
    waits("P11", "ten thousand idle streams", "the soak rig"),
    partly("P12", "the compiled parser", "gateway/http", waits_for="the release job's materials"),
    waits("P13", "a hostile collector", "the fault rig around the collector"),
    waits("P14", "secrets in core dumps", "hardening of the process"),
]

ADMIN: list[Case] = [
    waits(case, says, ADMIN_API)
    for case, says in {
        "A01": "who may administer what",
        "A02": "members that nobody may set",
        "A04": "unique pairs of issuer and audience",
        "A05": "idempotency keys",
        "A06": "conditional writes",
        "A08": "quotas and names",
        "A09": "secrets are never read back",
        "A10": "revocation by the API",
        "A12": "switched on again",
        "A13": "testing a connection",
        "A14": "hostile JSON",
        "A16": "a backend deleted while it is called",
        "A17": "onboarding that fails half way",
        "A18": "routes without a rule",
        "A19": "no way around it",
    }.items()
]

METADATA: list[Case] = [
    shown("W01", "exact metadata, never from Host", "security/test_metadata.py"),
    shown("W02", "methods, caching and CORS of metadata", "security/test_metadata.py"),
    shown("W03", "the challenge leads to its own document", "security/test_metadata.py"),
    partly(
        "W04",
        "odd names, several issuers, trailing slashes",
        "security/test_metadata.py",
        waits_for="path prefixes in a whole gateway's tests",
    ),
    shown("W05", "metadata of a suspended and of an unknown tenant", "security/test_metadata.py"),
]
