"""What the official suite starts as the client under test: a gateway, and somebody who uses it.

    MCP_CONFORMANCE_SCENARIO=tools_call python -m tests.conformance.client_wrapper SERVER_URL

The suite's server is the only backend of the gateway, so what the server sees and judges is the
gateway. The one in front of it is the Python SDK in the era of the scenario; every failure is an
uncaught one.
"""

import asyncio
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.conformance.client_drives import DRIVES, Visit
from tests.rigs.dev_issuer import start_dev_issuer
from tests.rigs.gateway import choose_public_url, endpoint_url, running_gateway

TENANT = "acme"
# The suite says `localhost`, which is either.
GRANTS = [
    {"tenants": ["*"], "cidr": cidr, "schemes": ["http"]} for cidr in ("127.0.0.0/8", "::1/128")
]


def main(server_url: str) -> None:
    """Start everything, drive the scenario, end everything."""
    public_url = choose_public_url()
    resource = endpoint_url(public_url, TENANT)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pc")))
        issuer = start_dev_issuer([resource], scratch)
        stack.enter_context(issuer.child)
        tenant = {
            "issuers": [{"issuer": issuer.issuer}],
            "backends": {"suite": {"url": server_url}},
        }
        document = {"egress_grants": GRANTS, "tenants": {TENANT: tenant}}
        gateway = stack.enter_context(running_gateway(document, public_url=public_url))
        visit = Visit(
            url=resource,
            token=issuer.token(resource),
            revision=os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"],
            context=json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")),
        )
        try:
            asyncio.run(DRIVES[os.environ["MCP_CONFORMANCE_SCENARIO"]](visit))
        finally:
            sys.stderr.write(gateway.child.log_text())


if __name__ == "__main__":
    main(sys.argv[1])
