"""The project's own corpus, mined once for all tests of this folder."""

from pathlib import Path

import pytest

from quirkfinder.corpus import Joined, load_joined, mine
from tests.conftest import CORPUS


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every bundle of corpus/traces. Tests read it only."""
    path = tmp_path_factory.mktemp("corpus") / "store"
    mined = mine([CORPUS], path, jobs=0)
    assert (mined.problems, mined.failures) == ((), ())
    return path


@pytest.fixture(scope="session")
def joined(store: Path) -> Joined:
    return load_joined(store)
