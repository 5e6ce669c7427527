"""P12: the parser that is not compiled is not served with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = "import sys; from gateway.cli import main; sys.exit(main())"


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_p12_the_gateway_refuses_to_start_on_the_parser_in_python(
    command: str, tmp_path: Path
) -> None:
    config = tmp_path / "portcullis.yaml"
    config.write_text("public_url: http://127.0.0.1:1\nlisten: {host: 127.0.0.1, port: 0}\n")
    arguments = ["-c", str(config)] if command == "serve" else ["--state-dir", str(tmp_path)]
    environ = os.environ | {"AIOHTTP_NO_EXTENSIONS": "1", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(  # noqa: S603 - the program under test
        [sys.executable, "-c", PROGRAM, command, *arguments],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode not in {0, -15}
    assert b"compiled HTTP parser" in done.stderr
    assert b"Traceback" not in done.stderr
