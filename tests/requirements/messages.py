"""Sections 1.4 and 1.5: the HTTP front, and the messages behind it."""

from tests.requirements.cases import Case, partly, shown, waits

FRONT = "gateway/http"
DOOR = "security/test_front_door.py"
MESSAGES = "security/test_messages.py"

HTTP: list[Case] = [
    shown("H01", "ambiguous framing", FRONT),
    shown("H03", "a body in chunks of one byte", FRONT),
    shown("H05", "too many and too long headers", FRONT, DOOR),
    shown("H07", "slow senders and readers", FRONT),
    shown("H08", "content encodings", FRONT, DOOR),
    shown("H10", "foreign and malformed hosts", FRONT, DOOR),
    shown("H11", "foreign origins", FRONT, MESSAGES),
    shown("H13", "CORS is minimal", FRONT, DOOR),
    shown("H14", "forwarding headers of strangers", FRONT, "security/test_isolation.py"),
    shown("H16", "characters that no header may have", FRONT, MESSAGES),
    shown("H17", "no user agent is privileged", FRONT, DOOR),
    shown("H19", "other methods", FRONT, DOOR),
    shown("H21", "bodies that do not come", FRONT),
    shown("H23", "forms and multipart", FRONT, DOOR),
    shown("H24", "no static files", FRONT, DOOR),
    shown("H25", "TLS", FRONT),
    shown("H26", "health is bare, details are on the admin listener", FRONT, DOOR),
    shown("H27", "no header can be split", FRONT, "security/test_isolation.py"),
]

JSONRPC: list[Case] = [
    shown("J01", "a member twice, at any depth", MESSAGES),
    shown("J03", "too deep", MESSAGES),
    shown("J05", "integers of 5000 digits", MESSAGES),
    shown("J06", "other encodings, and what is no JSON", MESSAGES),
    shown("J08", "batches", MESSAGES, "gateway/core/test_batches.py"),
    shown("J09", "bad and missing ids, notifications", MESSAGES),
    shown(
        "J11",
        "equal ids at the same time",
        "security/test_isolation.py",
        "security/test_many_at_once.py",
    ),
    shown("J12", "bad members, unknown methods", MESSAGES),
    shown("J14", "version in header and body", MESSAGES),
    shown("J15", "mirrored headers", MESSAGES),
    shown("J17", "mirrored arguments", MESSAGES),
    shown("J18", "a tool has no second door", "security/test_decisions.py"),
    shown(
        "J19",
        "the calls and tasks of others are not cancelled, nor their questions answered",
        "security/test_cancellation.py",
        "security/test_many_at_once.py",
        "gateway/core/test_server_requests.py",
        "gateway/core/test_tasks.py",
    ),
    partly(
        "J21",
        "denied is as unknown",
        "security/test_decisions.py",
        waits_for="policies for prompts and resources",
    ),
    waits("J23", "arguments against their schema", "validation of arguments"),
    waits("J25", "hostile patterns in a schema", "validation of arguments"),
    shown("J26", "too many subscriptions", "gateway/core/test_subscriptions.py"),
    shown(
        "J27",
        "what is sealed for one opens nothing for another",
        "security/test_cursors.py",
        "gateway/core/test_multi_round_trips.py",
    ),
    shown("J29", "public answers are private here", "security/test_cursors.py"),
    shown("J30", "trace context and baggage", "security/test_traces.py"),
    partly(
        "J31",
        "a closed connection cancels a modern call, no legacy one",
        "security/test_cancellation.py",
        "gateway/core/test_subscriptions.py",
        waits_for="event logs for resumption",
    ),
]
