"""Sections 1.6, 1.7 and 1.9: sessions, tenants, and Redis."""

from tests.requirements.cases import Case, partly, shown, waits

LIVE = "security/test_sessions.py"
SESSIONS = "tenants/test_sessions.py"
ENDS = "tenants/test_session_ends.py"
WITHOUT = "tenants/test_sessions_without_redis.py"
STORE = "tenants/test_store.py"
STREAMS = "gateway/core/test_session_streams.py"
MANY_NODES = "several nodes on one registry"

SESSION_CASES: list[Case] = [
    shown("S01", "only the gateway mints ids", LIVE, SESSIONS),
    shown("S02", "the session of somebody else", LIVE, SESSIONS),
    shown("S03", "guessed ids", LIVE, SESSIONS),
    shown("S05", "several GET streams on one session", STREAMS),
    partly("S07", "a revoked session", "security/test_revoked.py", waits_for="event logs"),
    partly(
        "S08",
        "a revocation while a call runs",
        STREAMS,
        waits_for="modern calls that end with their token",
    ),
    shown("S09", "DELETE by the owner and by others", LIVE, ENDS),
    shown("S11", "a refused request leaves no session", LIVE),
    shown("S12", "too many sessions of one user", LIVE, "tenants/test_session_limits.py"),
    shown("S13", "idle and absolute end", ENDS, STREAMS),
    shown("S15", "records are bound to their key", "tenants/test_session_records.py"),
    shown("S16", "ids are logged as a keyed hash", LIVE),
    shown("S17", "every method of every endpoint wants a token", LIVE),
    shown("S18", "keys carry their tenant", "tenants/test_keyspace.py", SESSIONS),
]

TENANTS: list[Case] = [
    shown("N02", "unknown tenants and endpoints", "security/test_tokens.py"),
    shown("N04", "no code without a tenant", "tenants/test_keyspace.py"),
    shown("N05", "tenants that are alike in everything", "security/test_isolation.py"),
    shown("N07", "a backend that talks like another tenant's", "security/test_isolation.py"),
    waits("N08", "ten thousand tenants in the metrics", "a load rig with so many tenants"),
    waits("N10", "a noisy neighbour", "quotas by rate"),
    partly(
        "N11",
        "suspended and deleted tenants",
        "security/test_metadata.py",
        waits_for="secrets at rest",
    ),
    waits("N12", "imports that carry another owner", "import and restore"),
]

REDIS: list[Case] = [
    partly("R01", "down at the start", WITHOUT, waits_for="the fault rig around a whole gateway"),
    partly("R02", "dies in a call", WITHOUT, waits_for="the fault rig around a whole gateway"),
    shown("R03", "slow and silent", STORE),
    shown("R04", "cancelled commands", STORE),
    shown("R07", "scripts forgotten", STORE),
    shown("R08", "out of memory", WITHOUT),
    shown("R09", "unfit servers", "tenants/test_server_info.py"),
    partly("R11", "everything flushed", WITHOUT, waits_for=MANY_NODES),
    partly("R12", "a backup restored", ENDS, waits_for=MANY_NODES),
    shown("R14", "replies of a server that moves", STORE),
    shown("R15", "authentication and rights", STORE),
    shown("R17", "messages lost and repeated", STORE),
    shown("R18", "clocks that jump", ENDS),
    waits("R19", "a hundred thousand sessions revoked", "a load rig with so many sessions"),
]
