"""The development issuer: a small OAuth authorization server for `portcullis dev` and tests.

It approves every sign-in by itself, as one fixed user: it must never be reachable from anywhere
but this machine, and never be configured outside development.
"""
