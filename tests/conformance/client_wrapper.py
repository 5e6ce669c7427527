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

from auth.dev_issuer.issuer import DevIssuer
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from tests.conformance.client_drives import DRIVES, Visit
from tests.rigs.gateway import LOOPBACK, choose_public_url, endpoint_url, gateway_beside

TENANT = "acme"
# The suite says `localhost`, which is either.
GRANTS = [
    {"tenants": ["*"], "cidr": cidr, "schemes": ["http"]} for cidr in ("127.0.0.0/8", "::1/128")
]


async def main(server_url: str) -> None:
    """Start everything, drive the scenario, end everything."""
    public_url = choose_public_url()
    resource = endpoint_url(public_url, TENANT)
    listener = loopback_socket(LOOPBACK, 0)
    issuer = DevIssuer(
        f"http://{LOOPBACK}:{listener.getsockname()[1]}", resources=[resource], clients=()
    )
    tenant = {"issuers": [{"issuer": issuer.issuer}], "backends": {"suite": {"url": server_url}}}
    document = {"egress_grants": GRANTS, "tenants": {TENANT: tenant}}
    async with (
        serving_issuer(issuer, listener),
        gateway_beside(document, public_url=public_url) as gateway,
    ):
        visit = Visit(
            url=resource,
            token=issuer.mint(subject="ada", client_id="suite", audience=resource, scopes=()),
            revision=os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"],
            context=json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")),
        )
        try:
            await DRIVES[os.environ["MCP_CONFORMANCE_SCENARIO"]](visit)
        finally:
            sys.stderr.write(gateway.child.log_text())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
