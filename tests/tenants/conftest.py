"""What the tests of this floor share."""

from tests.rigs.sessions import here, private_here, there
from tests.rigs.valkey import private_store, private_valkey, slug, store, valkey

__all__ = [
    "here",
    "private_here",
    "private_store",
    "private_valkey",
    "slug",
    "store",
    "there",
    "valkey",
]
