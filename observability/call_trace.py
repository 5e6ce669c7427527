"""The trace of one request while it runs: ids, parent, decision. No SDK object exists yet.

`_meta` of the message is the parent (SEP-414); the HTTP header's context then becomes a link, and
is the parent when there is no other. The sampled flag that goes to a backend is our decision.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from observability.trace_context import TraceContext

RandomBits = Callable[[int], int]


class Sampler:
    """Which traces are kept from the start: a share of them, by a keyed hash of the trace id.

    Keyed, so that a client that picks its trace ids does not pick what is stored.
    """

    __slots__ = ("_key", "_threshold")

    def __init__(self, ratio: float, *, key: bytes | None = None) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError("the sampling ratio must be between 0 and 1")
        self._threshold = int(ratio * (1 << 64))
        self._key = secrets.token_bytes(16) if key is None else key

    def decide(self, trace_id: int) -> bool:
        """Whether this trace is kept. The same answer for every call of one trace."""
        if self._threshold in {0, 1 << 64}:
            return self._threshold != 0
        digest = blake2b(trace_id.to_bytes(16), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest) < self._threshold


@dataclass(slots=True, kw_only=True)
class CallTrace:
    """One request's ids and its place among others. Cheap: two random numbers and a decision."""

    trace_id: int
    server_span_id: int
    parent: TraceContext | None
    link: TraceContext | None
    is_sampled: bool
    sampler: Sampler
    random_bits: RandomBits

    @classmethod
    def start(
        cls,
        *,
        sampler: Sampler,
        header_context: TraceContext | None = None,
        meta_context: TraceContext | None = None,
        random_bits: RandomBits = secrets.randbits,
    ) -> "CallTrace":
        """Begin the trace of a request, before anything of it is believed."""
        parent = meta_context or header_context
        trace_id = parent.trace_id if parent else _nonzero(random_bits, 128)
        return cls(
            trace_id=trace_id,
            server_span_id=_nonzero(random_bits, 64),
            parent=parent,
            link=header_context if meta_context else None,
            is_sampled=sampler.decide(trace_id),
            sampler=sampler,
            random_bits=random_bits,
        )

    def adopt(self, meta_context: TraceContext | None) -> None:
        """Take the message's own context as the parent, once the body was read.

        Before the first `client_context`: what was sent on cannot be taken back.
        """
        if meta_context is None:
            return
        self.link = self.parent
        self.parent = meta_context
        self.trace_id = meta_context.trace_id
        self.is_sampled = self.sampler.decide(self.trace_id)

    def client_context(self) -> TraceContext:
        """A new span towards a backend: send its `traceparent`, hand it to `Tracer.finish`."""
        return TraceContext(
            trace_id=self.trace_id,
            span_id=_nonzero(self.random_bits, 64),
            sampled=self.is_sampled,
            tracestate=self.parent.tracestate if self.parent else "",
        )

    @property
    def trace_id_hex(self) -> str:
        """The trace id as logs and headers write it."""
        return f"{self.trace_id:032x}"


def _nonzero(random_bits: RandomBits, bits: int) -> int:
    # Zero means "invalid" to every reader; a chance of 2**-64 is not worth a loop.
    return random_bits(bits) or 1
