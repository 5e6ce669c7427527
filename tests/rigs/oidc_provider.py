"""An authorization server that nobody here wrote: npm `oidc-provider`, run by `tests/node`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.rigs.child import Child
from tests.rigs.issuers import SCOPES, SECRETS, RunningIssuer
from tests.rigs.node import node_script


def start_oidc_provider(resources: Sequence[str], log_dir: Path, *, port: int = 0) -> RunningIssuer:
    """Start it; it mints tokens for `resources`. Whoever starts it ends `.child`."""
    options: dict[str, Any] = {
        "resources": list(resources),
        "scopes": list(SCOPES),
        "clients": [_client(name) for name in SECRETS],
        "port": port,
    }
    command = [*node_script("issuer.mjs"), json.dumps(options)]
    return RunningIssuer("oidc-provider", Child("oidc-provider", command, log_dir))


def _client(name: str) -> dict[str, Any]:
    return {
        "client_id": name,
        "client_secret": SECRETS[name],
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
    }
