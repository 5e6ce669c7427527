"""An environment of its own for the backend that needs the SDK's previous major version.

Built once with uv from hash-pinned requirements, then reused as long as these and the
interpreter stay the same.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from gateway.dev.children import BACKENDS, run_to_end
from gateway.dev.errors import DevFailed

REQUIREMENTS = BACKENDS / "legacy-requirements.txt"


async def legacy_python(environment: Path) -> Path:
    """The interpreter of the environment, which is built first when it is not there yet.

    Raises:
        DevFailed: uv is missing, or could not build it.
    """
    python = environment / "bin" / "python"
    stamp = environment / "portcullis-stamp"
    wanted = _fingerprint()
    if python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(environment, ignore_errors=True)
    uv = find_uv()
    await _uv(uv, "venv", "--quiet", "--python", sys.executable, environment)
    install = ("pip", "install", "--quiet", "--require-hashes", "--python", python)
    await _uv(uv, *install, "-r", REQUIREMENTS)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def find_uv() -> Path:
    """The uv of our own environment, else the one on the PATH."""
    beside = Path(sys.executable).parent / "uv"
    found = beside if beside.is_file() else shutil.which("uv")
    if found is None:
        message = "uv is needed to build a backend's environment: pip install 'mcp-portcullis[dev]'"
        raise DevFailed(message)
    return Path(found)


async def _uv(uv: Path, *words: str | Path) -> None:
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    # Set for the environment that we run in; uv would install there.
    environ.pop("VIRTUAL_ENV", None)
    code, output = await run_to_end(uv, *words, environ=environ)
    if code != 0:
        raise DevFailed(f"uv {words[0]} failed ({code}):\n{output.strip()[-2000:]}")


def _fingerprint() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
