"""How a place in a configuration is written: `tenants.acme.issuers[0].issuer`."""

from collections.abc import Sequence

Step = str | int


def join(parent: str, step: Step) -> str:
    """The path of what stands at `step` below `parent` ("" is the root)."""
    if isinstance(step, int):
        return f"{parent}[{step}]"
    return f"{parent}.{step}" if parent else step


def written(steps: Sequence[Step]) -> str:
    """A whole path; the root is called `(root)`."""
    path = ""
    for step in steps:
        path = join(path, step)
    return path or "(root)"
