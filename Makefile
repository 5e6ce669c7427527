.PHONY: help run test conformance bench lint audit

help: ; @./run.sh help

run: ; @./run.sh run

test: ; @./run.sh test

conformance: ; @./run.sh conformance

bench: ; @./run.sh bench

lint: ; @./run.sh lint

audit: ; @./run.sh audit
