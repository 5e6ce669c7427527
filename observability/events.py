"""The names of what is logged. Past tense, stable: dashboards and alerts search for them.

A name is a constant here or it is not logged; a test reads this module and `docs/telemetry.md`.
"""

from typing import Final

REQUEST_SERVED: Final = "request_served"
AUDIT: Final = "audit"

# The process
GATEWAY_DRAINED: Final = "gateway_drained"
LISTENER_BOUND: Final = "listener_bound"
INTERNAL_ERROR_RAISED: Final = "internal_error_raised"
LIBRARY_SPOKE: Final = "library_spoke"

# Who is calling
KEYS_REFRESHED: Final = "keys_refreshed"
KEYS_REFRESH_FAILED: Final = "keys_refresh_failed"

# On whose behalf
REGISTRY_OPENED: Final = "registry_opened"
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
BACKEND_SESSION_FORGOTTEN: Final = "backend_session_forgotten"
BACKEND_SUBSCRIPTION_LOST: Final = "backend_subscription_lost"
BACKEND_SUBSCRIPTION_RESUMED: Final = "backend_subscription_resumed"
CATALOGUE_REFRESHED: Final = "catalogue_refreshed"
CATALOGUE_REFRESH_FAILED: Final = "catalogue_refresh_failed"
NAME_COLLIDED: Final = "name_collided"
NAME_SHORTENED: Final = "name_shortened"
