.PHONY: help run test conformance lint audit

help: ; @./run.sh help

run: ; @./run.sh run

test: ; @./run.sh test

conformance: ; @./run.sh conformance

lint: ; @./run.sh lint

audit: ; @./run.sh audit
