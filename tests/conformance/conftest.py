"""One rig for all tests of a worker: no scenario changes it."""

from collections.abc import Iterator

import pytest

from tests.conformance.rig import Rig, running_rig


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("conformance")) as running:
        yield running
