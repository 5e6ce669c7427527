.PHONY: help run test lint audit

help: ; @./run.sh help

run: ; @./run.sh run

test: ; @./run.sh test

lint: ; @./run.sh lint

audit: ; @./run.sh audit
