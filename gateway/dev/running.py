"""`portcullis dev`, from nothing to a gateway that answers, and back to nothing.

Rules
 - Whatever was started ends with this, however far the start came: one AsyncExitStack owns it.
 - The gateway is the one of `serve`; only its configuration is made here.
 - `dev.json` appears once every backend has answered tools/list through the gateway.
"""

import asyncio
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from auth.dev_issuer.clients import CREDENTIALS, DevClient
from auth.dev_issuer.issuer import DevIssuer
from gateway.dev.announcement import announcement
from gateway.dev.children import BackendProgram, running_backend
from gateway.dev.configuration import BACKENDS, SCOPES, Places, dev_config
from gateway.dev.errors import DevFailed
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from gateway.dev.legacy_environment import legacy_python
from gateway.dev.ports import LOOPBACK, choose_ports
from gateway.dev.progress import Progress
from gateway.dev.state_directory import DevNote, StateDirectory, TenantNote
from gateway.http_parser import require_compiled_parser
from gateway.mcp_client import CallFailed, McpClient
from gateway.serve import Bound, serve

CLIENT_ID = "portcullis-cli"
PROGRAMS = {"orders": "orders.py", "library": "library.py", "stock": "legacy_stock.py"}
ANSWER_TIMEOUT_S = 20.0
RETRY_S = 0.2
LOG_LAG_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What the command line chooses. A port of 0 takes a free one."""

    root: Path
    port: int
    admin_port: int
    issuer_port: int


async def run_dev(options: DevOptions, progress: Progress) -> None:
    """Run until cancelled or SIGTERM.

    Raises:
        DevFailed: something did not start; what had started has ended.
    """
    state = StateDirectory(options.root)
    with ExitStack() as held:
        held.enter_context(state.held())
        held.enter_context(_cancelled_by_sigterm())
        async with AsyncExitStack() as stack:
            await _Dev(state, progress, stack).run(options)


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("run_dev runs in a task")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class _Dev:
    state: StateDirectory
    progress: Progress
    stack: AsyncExitStack

    async def run(self, options: DevOptions) -> None:
        require_compiled_parser()
        self.progress.say("Portcullis, for development only, in " + str(self.state.root))
        places = self._places(options)
        issuer = await self._issuer(places)
        config = dev_config(places, await self._backends())

        async def announce(bound: Bound) -> None:
            await self._announce(issuer, places, bound)

        await serve(config, announce=announce, burn=False)

    def _places(self, options: DevOptions) -> Places:
        chosen = choose_ports(options.port, options.admin_port, options.issuer_port)
        notes = [choice.note for choice in chosen]
        words = ("gateway", "admin", "issuer")
        ports = (f"{w} {c.port}{n}" for w, c, n in zip(words, chosen, notes, strict=True))
        self.progress.say(f"  {'ports':<12} {', '.join(ports)}")
        port, admin, issuer = (choice.port for choice in chosen)
        url = f"http://{LOOPBACK}:{issuer}"
        return Places(state_dir=self.state.root, port=port, admin_port=admin, issuer=url)

    async def _issuer(self, places: Places) -> DevIssuer:
        with self.progress.step("issuer") as words:
            secret = secrets.token_urlsafe(24)
            client = DevClient(
                client_id=CLIENT_ID,
                client_secret=secret,
                grant_types=frozenset({CREDENTIALS}),
                scopes=frozenset(SCOPES),
            )
            issuer = DevIssuer(
                places.issuer, resources=places.resources(), scopes=SCOPES, clients=[client]
            )
            listener = loopback_socket(LOOPBACK, int(places.issuer.rpartition(":")[2]))
            await self.stack.enter_async_context(serving_issuer(issuer, listener))
            self.state.write_client(CLIENT_ID, secret)
            words.append(f"{places.issuer} (development only: gives a token to whoever asks)")
        return issuer

    async def _backends(self) -> Mapping[str, str]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(self._backend(name)) for name in PROGRAMS}
        except ExceptionGroup as group_of_failures:
            raise _first_failure(group_of_failures) from group_of_failures
        return {name: task.result() for name, task in tasks.items()}

    async def _backend(self, name: str) -> str:
        with self.progress.step(name) as words:
            program = BackendProgram(name=name, script=PROGRAMS[name])
            if name == "stock":
                python = await legacy_python(self.state.root / "legacy-env")
                program = BackendProgram(name=name, script=PROGRAMS[name], python=python)
            context = running_backend(program, self.state.log_dir)
            url = await self.stack.enter_async_context(context)
            words.append(url)
        return url

    async def _announce(self, issuer: DevIssuer, places: Places, bound: Bound) -> None:
        with self.progress.step("gateway") as words:
            words.append(bound.data_url)
            tenants = {name: await self._tenant(issuer, places, name) for name in BACKENDS}
            await self._tools(issuer, places.endpoint("acme", "stock"))
        note = DevNote(issuer.issuer, bound.admin_url, tenants)
        self.state.write_note(note)
        # The lines of the log about the start come first: what is to be pasted stays in sight.
        await asyncio.sleep(LOG_LAG_S)
        self.progress.say(announcement(note, places))

    async def _tenant(self, issuer: DevIssuer, places: Places, name: str) -> TenantNote:
        endpoint = places.endpoint(name)
        return TenantNote(endpoint, _token(issuer, endpoint), await self._tools(issuer, endpoint))

    async def _tools(self, issuer: DevIssuer, endpoint: str) -> tuple[str, ...]:
        """The tools' names, as soon as the endpoint answers."""
        last: CallFailed | None = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while True:
                    try:
                        return await asyncio.to_thread(
                            _tool_names, endpoint, _token(issuer, endpoint)
                        )
                    except CallFailed as failure:
                        last = failure
                    await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise DevFailed(f"{endpoint} does not list its tools: {last}") from error


def _first_failure(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first_failure(first) if isinstance(first, ExceptionGroup) else first


def _token(issuer: DevIssuer, endpoint: str) -> str:
    return issuer.mint(subject=CLIENT_ID, client_id=CLIENT_ID, audience=endpoint, scopes=SCOPES)


def _tool_names(endpoint: str, token: str) -> tuple[str, ...]:
    client = McpClient(endpoint, token, timeout_s=5)
    try:
        return tuple(tool["name"] for tool in client.list_tools())
    finally:
        client.close()
