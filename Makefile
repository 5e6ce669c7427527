.PHONY: help run test conformance interop bench lint audit

help: ; @./run.sh help

run: ; @./run.sh run

test: ; @./run.sh test

conformance: ; @./run.sh conformance

interop: ; @./run.sh interop

bench: ; @./run.sh bench

lint: ; @./run.sh lint

audit: ; @./run.sh audit
