"""Real MCP servers that `portcullis dev` starts as processes of their own.

They are scripts, not part of the gateway: each is run by its path, with the interpreter of an
environment that holds the SDK it needs, and shares no code with what stands in front of it.
"""
