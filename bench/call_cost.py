"""What one tools/call costs: CPU of the gateway's process, and rates as a share of nginx's.

The gateway runs alone on core 0; load, backend, issuer and nginx on core 1. CPU microseconds per
request (/proc/PID/task/*/schedstat) is the figure to trust; rates are ratios within this run,
against nginx `proxy_pass` in front of the same backend. Needs `wrk` and `nginx` on the PATH.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from auth.dev_issuer.issuer import DevIssuer
from gateway.dev.issuer_server import loopback_socket, serving_issuer
from gateway.dev.ports import LOOPBACK, choose_ports

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
MAX_CPU_US = 150.0
MIN_SHARE_OF_NGINX = 0.08
GATEWAY_CORE, OTHER_CORE = "0", "1"


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


def load(url: str, connections: int, seconds: int, environ: dict[str, str]) -> dict[str, float]:
    """One run of wrk."""
    done = subprocess.run(
        [
            "taskset",
            "-c",
            OTHER_CORE,
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--latency",
        ]
        + ["-s", str(HERE / "calls.lua"), url],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 30,
    )
    found = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, float] = json.loads(found.removeprefix("RESULT "))
    return result


def measure(
    system: str, url: str, pid: int, connections: int, seconds: int, environ: dict[str, str]
) -> Point:
    """Warm up, then measure one point."""
    load(url, connections, 1, environ)
    before = cpu_ns(pid)
    result = load(url, connections, seconds, environ)
    return Point(
        system=system,
        connections=connections,
        requests_per_s=result["requests"] / result["seconds"],
        cpu_us=(cpu_ns(pid) - before) / 1e3 / max(result["requests"], 1),
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


def gateway_configuration(
    port: int, admin: int, issuer: str, modern: int, legacy: int, state: Path
) -> str:
    """One tenant with a backend of each era."""
    return f"""
public_url: http://127.0.0.1:{port}
listen: {{host: 127.0.0.1, port: {port}}}
admin: {{host: 127.0.0.1, port: {admin}}}
state_dir: {state}
limits: {{drain_delay: 0.001}}
egress_grants: [{{tenants: ["*"], cidr: 127.0.0.1/32, schemes: [http]}}]
tenants:
  bench:
    display_name: Bench
    issuers: [{{issuer: "{issuer}"}}]
    backends:
      modern: {{url: "http://127.0.0.1:{modern}/mcp"}}
      legacy: {{url: "http://127.0.0.1:{legacy}/mcp"}}
    endpoints:
      default: {{backends: [modern]}}
"""


def open_session(port: int, token: str) -> str:
    """A legacy session, initialised and warm."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    info = {"protocolVersion": "2025-11-25", "capabilities": {}}
    info["clientInfo"] = {"name": "bench", "version": "1"}  # type: ignore[assignment] # a nested one
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info}
    connection.request("POST", "/t/bench/legacy/mcp", json.dumps(request), headers)
    response = connection.getresponse()
    response.read()
    session = response.headers["Mcp-Session-Id"]
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    headers["Mcp-Session-Id"] = session
    connection.request("POST", "/t/bench/legacy/mcp", json.dumps(initialized), headers)
    connection.getresponse().read()
    return session


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
    ports = [choice.port for choice in choose_ports(0, 0, 0)]
    nginx_port = choose_ports(0)[0].port
    port, admin, issuer_port = ports
    issuer_url = f"http://{LOOPBACK}:{issuer_port}"
    resources = [f"http://127.0.0.1:{port}/t/bench/{part}mcp" for part in ("", "legacy/")]
    issuer = DevIssuer(issuer_url, resources=resources, scopes=(), clients=[])
    listener = loopback_socket(LOOPBACK, issuer_port)
    state = Path(tempfile.mkdtemp(prefix="pcb"))
    try:
        async with serving_issuer(issuer, listener):
            return await asyncio.to_thread(
                _points, seconds, connections, ports, nginx_port, issuer, resources, state
            )
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _points(
    seconds: int,
    connections: list[int],
    ports: list[int],
    nginx_port: int,
    issuer: DevIssuer,
    resources: list[str],
    state: Path,
) -> list[Point]:
    port, admin, _ = ports
    python = sys.executable
    backend = str(HERE / "fast_backend.py")
    tokens = [
        issuer.mint(subject="bench", client_id="bench", audience=audience, scopes=())
        for audience in resources
    ]
    with (
        running(python, backend, core=OTHER_CORE) as modern,
        running(python, backend, "--legacy", core=OTHER_CORE) as legacy,
    ):
        modern_port, legacy_port = first_line(modern)["port"], first_line(legacy)["port"]
        (state / "nginx.conf").write_text(nginx_configuration(nginx_port, modern_port))
        text = gateway_configuration(port, admin, issuer.issuer, modern_port, legacy_port, state)
        (state / "portcullis.yaml").write_text(text)
        portcullis = str(Path(python).parent / "portcullis")
        with (
            running("nginx", "-p", str(state), "-c", "nginx.conf", core=GATEWAY_CORE) as nginx,
            running(
                portcullis, "serve", "-c", str(state / "portcullis.yaml"), core=GATEWAY_CORE
            ) as gateway,
        ):
            wait_ready(admin)
            session = open_session(port, tokens[1])
            found = []
            for count in connections:
                found.append(
                    measure(
                        "nginx proxy_pass",
                        f"http://127.0.0.1:{nginx_port}/mcp",
                        nginx.pid,
                        count,
                        seconds,
                        {"BENCH_TOKEN": "x"},
                    )
                )
                found.append(
                    measure(
                        "portcullis, modern",
                        resources[0],
                        gateway.pid,
                        count,
                        seconds,
                        {"BENCH_TOKEN": tokens[0]},
                    )
                )
                found.append(
                    measure(
                        "portcullis, legacy, warm session",
                        resources[1],
                        gateway.pid,
                        count,
                        seconds,
                        {"BENCH_TOKEN": tokens[1], "BENCH_SESSION": session},
                    )
                )
            return found


def verdict(points: list[Point]) -> list[str]:
    """Which bounds were missed."""
    missed = [f"{p.system} at {p.connections}: {p.wrong} wrong answers" for p in points if p.wrong]
    nginx = {p.connections: p for p in points if p.system.startswith("nginx")}
    for point in points:
        if point.connections == 16 and point.system.startswith("portcullis"):  # noqa: PLR2004
            share = point.requests_per_s / nginx[16].requests_per_s
            if point.cpu_us > MAX_CPU_US:
                missed.append(f"{point.system}: {point.cpu_us:.0f} us, bound {MAX_CPU_US:.0f}")
            if share < MIN_SHARE_OF_NGINX:
                missed.append(f"{point.system}: {share:.3f} of nginx, bound {MIN_SHARE_OF_NGINX}")
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
