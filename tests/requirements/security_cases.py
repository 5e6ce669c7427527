"""Every security case, with the tests that show it or the feature that it waits for."""

from tests.requirements.callers import CLAIMS, KEYS, TOKENS
from tests.requirements.cases import Case
from tests.requirements.messages import HTTP, JSONRPC
from tests.requirements.outside import ADMIN, BACKENDS, METADATA, PROCESSES
from tests.requirements.state import REDIS, SESSION_CASES, TENANTS

SECURITY_CASES: list[Case] = [
    *TOKENS,
    *CLAIMS,
    *KEYS,
    *HTTP,
    *JSONRPC,
    *SESSION_CASES,
    *TENANTS,
    *BACKENDS,
    *REDIS,
    *PROCESSES,
    *ADMIN,
    *METADATA,
]
