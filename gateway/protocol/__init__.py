"""The Model Context Protocol as values: bytes in, values or exceptions out, no I/O."""
