"""What waits to be told to one subscriber: the newest word on each subject, and whether it is over.

Rule: it is as large as what was subscribed to, however much the backends say and however slowly
the client reads. What is said twice before it is told is told once.
"""

import asyncio

from gateway.protocol.subscription_filter import RESOURCES, TASKS, SubscriptionFilter

Subject = tuple[str, str, str]
"""The kind, what was subscribed to (a URI, a task's handle, or nothing), and what it is about."""

MAX_WAITING = 1000


class Outbox:
    """Notifications for one stream, by subject."""

    def __init__(self) -> None:
        self.is_over = False
        self._waiting: dict[Subject, bytes] = {}
        self._changed = asyncio.Event()

    def put(self, subject: Subject, message: bytes) -> None:
        """Have `message` told, in place of what waits on this subject."""
        if subject in self._waiting or len(self._waiting) < MAX_WAITING:
            self._waiting[subject] = message
            self._changed.set()

    def end(self) -> None:
        """Say that nothing more is to be told."""
        self.is_over = True
        self._changed.set()

    async def take(self, honoured: SubscriptionFilter) -> list[bytes]:
        """Wait for something, and take all of it that the client was told it would hear."""
        while not (self._waiting or self.is_over):
            self._changed.clear()
            await self._changed.wait()
        waiting, self._waiting = self._waiting, {}
        return [message for subject, message in waiting.items() if _is_in(honoured, subject)]


def _is_in(honoured: SubscriptionFilter, subject: Subject) -> bool:
    kind, about, _ = subject
    match kind:
        case _ if kind == RESOURCES:
            return about in honoured.uris
        case _ if kind == TASKS:
            return about in honoured.tasks
        case _:
            return kind in honoured.kinds
