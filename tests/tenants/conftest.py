"""What the tests of this floor share."""

from tests.rigs.valkey import private_store, private_valkey, slug, store, valkey

__all__ = ["private_store", "private_valkey", "slug", "store", "valkey"]
