"""What one tools/call costs: CPU of the gateway's process, and rates as a share of nginx's.

The gateway runs alone on core 0; load, backend, issuer and nginx's backend on core 1. CPU
microseconds per request (/proc/PID/task/*/schedstat) is the figure to trust; rates are ratios
within this run, against nginx `proxy_pass` in front of the same backend. Needs `wrk` and `nginx`
on the PATH.

Sizes by environment: SECONDS (a point, default 4), CONNECTIONS (default "1 16 64").
"""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auth.dev_issuer.issuer import DevIssuer
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from gateway.dev.ports import LOOPBACK, choose_ports

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
MAX_CPU_US = 150.0
MIN_SHARE_OF_NGINX = 0.08
JUDGED_AT = 16
GATEWAY_CORE, OTHER_CORE = "0", "1"
NGINX, MODERN, LEGACY = "nginx proxy_pass", "portcullis, modern", "portcullis, legacy, warm session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement. Times in milliseconds, CPU in microseconds a request."""

    system: str
    connections: int
    requests_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is loaded: a URL, the process whose CPU counts, what the load needs to know."""

    system: str
    url: str
    pid: int
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Ports and the directory of one run."""

    port: int
    admin: int
    issuer: int
    nginx: int
    state: Path

    def resource(self, backend: str) -> str:
        """The URL of the endpoint of one backend."""
        return f"http://{LOOPBACK}:{self.port}/t/bench/{backend}/mcp"


@contextmanager
def running(*command: str, core: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a program on one core while the block runs."""
    with subprocess.Popen(
        ["taskset", "-c", core, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def first_line(process: subprocess.Popen[str]) -> dict[str, int]:
    """The JSON that a program prints once it listens."""
    assert process.stdout is not None
    line: dict[str, int] = json.loads(process.stdout.readline())
    return line


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process so far."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())


def load(target: Target, connections: int, seconds: int) -> dict[str, float]:
    """One run of wrk."""
    wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    done = subprocess.run(
        ["taskset", "-c", OTHER_CORE, *wrk, "-s", str(HERE / "calls.lua"), target.url],
        env=os.environ | target.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
    )
    found = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, float] = json.loads(found.removeprefix("RESULT "))
    return result


def measure(target: Target, connections: int, seconds: int) -> Point:
    """Warm up, then measure one point."""
    load(target, connections, 1)
    before = cpu_ns(target.pid)
    result = load(target, connections, seconds)
    return Point(
        system=target.system,
        connections=connections,
        requests_per_s=result["requests"] / result["seconds"],
        cpu_us=(cpu_ns(target.pid) - before) / 1e3 / max(result["requests"], 1),
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
        wrong=int(result["wrong"] + result["errors"]),
    )


def nginx_configuration(port: int, backend: int) -> str:
    """The floor: one nginx worker with keep-alive to the backend."""
    return f"""
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 128; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://backend; proxy_http_version 1.1;
      proxy_set_header Connection ""; }} }}
}}
"""


def gateway_configuration(places: Places, modern: int, legacy: int) -> str:
    """One tenant with a backend of each era."""
    return f"""
public_url: http://{LOOPBACK}:{places.port}
listen: {{host: {LOOPBACK}, port: {places.port}}}
admin: {{host: {LOOPBACK}, port: {places.admin}}}
state_dir: {places.state}
limits: {{drain_delay: 0.001}}
egress_grants: [{{tenants: ["*"], cidr: {LOOPBACK}/32, schemes: [http]}}]
tenants:
  bench:
    display_name: Bench
    issuers: [{{issuer: "http://{LOOPBACK}:{places.issuer}"}}]
    backends:
      modern: {{url: "http://{LOOPBACK}:{modern}/mcp"}}
      legacy: {{url: "http://{LOOPBACK}:{legacy}/mcp"}}
"""


def open_session(places: Places, token: str) -> str:
    """A legacy session, initialised and warm."""
    info: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}}
    info["clientInfo"] = {"name": "bench", "version": "1"}
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info}
    session = _post(places, token, request, {})["Mcp-Session-Id"]
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    _post(places, token, initialized, {"Mcp-Session-Id": session})
    return session


def _post(
    places: Places, token: str, message: Mapping[str, Any], extra: Mapping[str, str]
) -> http.client.HTTPMessage:
    connection = http.client.HTTPConnection(LOOPBACK, places.port, timeout=10)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **extra,
    }
    connection.request("POST", "/t/bench/legacy/mcp", json.dumps(message), headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.headers


def wait_ready(port: int) -> None:
    """Return once the gateway says that it is ready; bounded."""
    for _ in range(400):
        try:
            connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            pass
        subprocess.run(["sleep", "0.05"], check=True)
    raise SystemExit("the gateway did not become ready")


async def run(seconds: int, connections: list[int]) -> list[Point]:
    """All points, one after the other."""
    port, admin, issuer_port, nginx = (each.port for each in choose_ports(0, 0, 0, 0))
    state = Path(tempfile.mkdtemp(prefix="pcb"))
    places = Places(port=port, admin=admin, issuer=issuer_port, nginx=nginx, state=state)
    resources = [places.resource(backend) for backend in ("modern", "legacy")]
    url = f"http://{LOOPBACK}:{issuer_port}"
    issuer = DevIssuer(url, resources=resources, scopes=(), clients=())
    try:
        async with serving_issuer(issuer, loopback_socket(LOOPBACK, issuer_port)):
            tokens = [
                issuer.mint(subject="bench", client_id="bench", audience=resource, scopes=())
                for resource in resources
            ]
            return await asyncio.to_thread(_points, places, tokens, seconds, connections)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _points(places: Places, tokens: list[str], seconds: int, connections: list[int]) -> list[Point]:
    with ExitStack() as stack:
        targets = _targets(places, tokens, stack)
        return [measure(target, count, seconds) for count in connections for target in targets]


def _targets(places: Places, tokens: list[str], stack: ExitStack) -> list[Target]:
    backend = [sys.executable, str(HERE / "fast_backend.py")]
    modern = first_line(stack.enter_context(running(*backend, core=OTHER_CORE)))["port"]
    legacy = first_line(stack.enter_context(running(*backend, "--legacy", core=OTHER_CORE)))["port"]
    (places.state / "nginx.conf").write_text(nginx_configuration(places.nginx, modern))
    nginx = stack.enter_context(
        running("nginx", "-p", str(places.state), "-c", "nginx.conf", core=GATEWAY_CORE)
    )
    config = places.state / "portcullis.yaml"
    config.write_text(gateway_configuration(places, modern, legacy))
    portcullis = str(Path(sys.executable).parent / "portcullis")
    gateway = stack.enter_context(
        running(portcullis, "serve", "-c", str(config), core=GATEWAY_CORE)
    )
    wait_ready(places.admin)
    session = open_session(places, tokens[1])
    in_session = {"BENCH_TOKEN": tokens[1], "BENCH_SESSION": session}
    return [
        Target(
            system=NGINX,
            url=f"http://{LOOPBACK}:{places.nginx}/mcp",
            pid=nginx.pid,
            environ={"BENCH_TOKEN": "none"},
        ),
        Target(
            system=MODERN,
            url=places.resource("modern"),
            pid=gateway.pid,
            environ={"BENCH_TOKEN": tokens[0]},
        ),
        Target(system=LEGACY, url=places.resource("legacy"), pid=gateway.pid, environ=in_session),
    ]


def verdict(points: list[Point]) -> list[str]:
    """Which bounds were missed."""
    missed = [f"{p.system} at {p.connections}: {p.wrong} wrong answers" for p in points if p.wrong]
    judged = {p.system: p for p in points if p.connections == JUDGED_AT}
    for system in (MODERN, LEGACY):
        if system not in judged:
            continue
        share = judged[system].requests_per_s / judged[NGINX].requests_per_s
        if judged[system].cpu_us > MAX_CPU_US:
            missed.append(f"{system}: {judged[system].cpu_us:.0f} us, bound {MAX_CPU_US:.0f}")
        if share < MIN_SHARE_OF_NGINX:
            missed.append(f"{system}: {share:.3f} of nginx, bound {MIN_SHARE_OF_NGINX}")
    return missed


def main() -> int:
    """Measure, print the table, write build/bench.json; 1 when a bound is missed."""
    for program in ("wrk", "nginx", "taskset"):
        if shutil.which(program) is None:
            print(f"make bench needs {program} on the PATH")
            return 2
    seconds = int(os.environ.get("SECONDS", "4"))
    connections = [int(n) for n in os.environ.get("CONNECTIONS", "1 16 64").split()]
    points = asyncio.run(run(seconds, connections))
    print(f"{'system':34} {'conn':>4} {'req/s':>8} {'CPU us':>7} {'p50 ms':>7} {'p99 ms':>7}")
    for p in points:
        print(
            f"{p.system:34} {p.connections:4} {p.requests_per_s:8.0f} {p.cpu_us:7.1f}"
            f" {p.p50_ms:7.2f} {p.p99_ms:7.2f}"
        )
    missed = verdict(points)
    BUILD.mkdir(exist_ok=True)
    report = {"points": [asdict(p) for p in points], "missed": missed}
    (BUILD / "bench.json").write_text(json.dumps(report, indent=1))
    print(*(missed or ["every bound is met"]), sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
