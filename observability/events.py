"""The names of what is logged. Past tense, stable: dashboards and alerts search for them.

A name is a constant here or it is not logged; a test reads this module and `docs/telemetry.md`.
"""

from typing import Final

REQUEST_SERVED: Final = "request_served"
AUDIT: Final = "audit"

# The process
GATEWAY_STARTED: Final = "gateway_started"
GATEWAY_DRAINED: Final = "gateway_drained"
GATEWAY_STOPPED: Final = "gateway_stopped"
LISTENER_BOUND: Final = "listener_bound"
CONFIGURATION_LOADED: Final = "configuration_loaded"
CONFIGURATION_REFUSED: Final = "configuration_refused"
INTERNAL_ERROR_RAISED: Final = "internal_error_raised"
LIBRARY_SPOKE: Final = "library_spoke"
SPANS_DROPPED: Final = "spans_dropped"

# Who is calling
TOKEN_REFUSED: Final = "token_refused"  # noqa: S105 - an event's name
ISSUER_DISCOVERED: Final = "issuer_discovered"
ISSUER_FAILED: Final = "issuer_failed"
KEYS_REFRESHED: Final = "keys_refreshed"
KEYS_REFRESH_FAILED: Final = "keys_refresh_failed"
EGRESS_REFUSED: Final = "egress_refused"
DEV_ISSUER_STARTED: Final = "dev_issuer_started"

# On whose behalf
REGISTRY_OPENED: Final = "registry_opened"
REGISTRY_FAILED: Final = "registry_failed"
STORE_CONNECTED: Final = "store_connected"
STORE_FAILED: Final = "store_failed"
VALKEY_STARTED: Final = "valkey_started"
VALKEY_STOPPED: Final = "valkey_stopped"
VIEW_REFRESHED: Final = "view_refreshed"
VIEW_REFRESH_FAILED: Final = "view_refresh_failed"
REVOCATION_APPLIED: Final = "revocation_applied"

# Behind us
BACKEND_PROBED: Final = "backend_probed"
BACKEND_PROBE_FAILED: Final = "backend_probe_failed"
BACKEND_FAILED: Final = "backend_failed"
BACKEND_SESSION_FORGOTTEN: Final = "backend_session_forgotten"
CATALOGUE_REFRESHED: Final = "catalogue_refreshed"
CATALOGUE_REFRESH_FAILED: Final = "catalogue_refresh_failed"
NAME_COLLIDED: Final = "name_collided"
NAME_SHORTENED: Final = "name_shortened"
