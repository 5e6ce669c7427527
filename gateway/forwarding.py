"""The road: one permitted call to its backend, and what comes back on its way to the client.

Rules:
 1. It takes a `Permit`; there is no other way to a backend for a client's call.
 2. Nothing of the client's headers goes on; credentials, trace context and ids are the gateway's.
 3. What precedes the result is relayed as it came, if it is about this call; the result is judged,
    then handed back.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.backends.answers import BackendNotification, BackendResult
from gateway.backends.exchange import Exchange, OnRequest
from gateway.backends.line import BackendSession
from gateway.backends.peer import OutgoingRequest
from gateway.errors import BackendRefused, CallCancelled, GatewayError, OutcomeUnknown
from gateway.permits import Permit
from gateway.protocol.methods import relayed_notifications
from gateway.protocol.mirrored_headers import upstream_headers
from gateway.protocol.results import read_tool_result_is_error
from gateway.protocol.upstream_meta import with_meta
from gateway.replies import Reply
from gateway.request_context import RequestContext
from observability.failures import error_type
from observability.spans import UpstreamCall
from observability.trace_context import TraceContext

MetaFor = Callable[[TraceContext], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Who takes what a legacy backend says besides its answer; each says whether it did."""

    on_request: OnRequest
    on_told: Callable[[BackendNotification], Awaitable[bool]]


async def forward(
    permit: Permit,
    *,
    revision: str,
    meta_for: MetaFor,
    reply: Reply,
    context: RequestContext,
    session: BackendSession | None = None,
    with_log: bool = True,
    on_open: Callable[[Exchange], None] | None = None,
    aside: Aside | None = None,
) -> bytes:
    """Send a call to its backend, relay what precedes the result, and return the raw result.

    `meta_for` writes the `_meta` that the backend gets; `with_log` says whether the client asked
    for log messages; `on_open` learns of the exchange before anything is sent, so that it can be
    cancelled from elsewhere; `aside` takes what is not for the client as it came.

    Raises:
        BackendFailure: as `Exchange`; a `SessionForgotten` proves that nothing ran.
        CallCancelled: its own client cancelled it.
        RateLimited: the backend has no room.
    """
    trace = context.trace.client_context()
    params = with_meta(permit.params, meta_for(trace))
    exchange = permit.peer.exchange(
        OutgoingRequest(
            method=permit.method,
            params=params,
            revision=revision,
            session=session,
            headers=tuple(upstream_headers(permit.method, params, revision, permit.param_headers)),
            trace=trace,
            on_request=None if aside is None else aside.on_request,
        )
    )
    if on_open is not None:
        on_open(exchange)
    context.line.tool = permit.target
    context.line.backend = permit.peer.name
    async with exchange, _observed(permit, exchange, trace, revision, context):
        await exchange.start()
        relayed = relayed_notifications(revision, with_log=with_log)
        result = await _relay(exchange, permit, relayed, reply, aside)
    if permit.method == "tools/call":
        context.is_tool_error = read_tool_result_is_error(result)
    return result


async def _relay(
    exchange: Exchange, permit: Permit, relayed: frozenset[str], reply: Reply, aside: Aside | None
) -> bytes:
    async for message in exchange:
        match message:
            case BackendNotification():
                if aside is not None and await aside.on_told(message):
                    continue
                if message.message.method in relayed:
                    await reply.send(message.raw)
            case BackendResult():
                return message.raw
    if exchange.is_cancelled:
        raise CallCancelled("Request cancelled")
    raise OutcomeUnknown(permit.peer.name)


@asynccontextmanager
async def _observed(
    permit: Permit,
    exchange: Exchange,
    trace: TraceContext,
    revision: str,
    context: RequestContext,
) -> AsyncIterator[None]:
    """Note the exchange's time and outcome for the line, the client span and the metrics."""
    started_ns = time.time_ns()
    began = time.perf_counter()
    failure: GatewayError | None = None
    try:
        yield
    except GatewayError as error:
        failure = error
        raise
    finally:
        elapsed_s = time.perf_counter() - began
        context.line.backend_s += elapsed_s
        context.line.backend_revision = revision
        code = failure.code if isinstance(failure, BackendRefused) else None
        context.upstream.append(
            UpstreamCall(
                context=trace,
                backend=permit.peer.name,
                method=permit.method,
                target=permit.target,
                rpc_id=str(exchange.request_id),
                revision=revision,
                address=permit.peer.address,
                port=permit.peer.port,
                http_status=exchange.status,
                rpc_code=code,
                error_type=error_type(
                    rpc_code=code, reason=None if failure is None else failure.reason
                ),
                started_ns=started_ns,
                ended_ns=started_ns + int(elapsed_s * 1e9),
            )
        )
