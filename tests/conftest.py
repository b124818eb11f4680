"""What every stage's tests share: the material beside the checkout, which is not part of it and may be absent.

`../shared` (relative to the repository root) holds the contract, the format reference and recorded traces.  A test
that needs it calls `shared(...)`, which skips where the material is not there; a test that is parametrised over the
recorded bundles uses `shared_traces()`, which is then empty.
"""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
CORPUS = REPOSITORY / "corpus" / "traces"


def shared(*parts: str) -> Path:
    """`../shared/part/part…`; skips the calling test where it does not exist."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {Path('..', 'shared', *parts)}: shared material is not part of the repository")
    return path


def shared_traces() -> list[Path]:
    """The recorded bundles (one folder a run) by name; an empty list where there are none."""
    folder = SHARED / "traces"
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def shared_trace(name: str) -> Path:
    """One recorded bundle; skips where it is absent."""
    return shared("traces", name)


def corpus_trace(name: str) -> Path:
    """A bundle that ships with the repository, always there."""
    return CORPUS / name


@pytest.fixture(params=shared_traces(), ids=lambda path: path.name)
def any_shared_trace(request: pytest.FixtureRequest) -> Path:
    """Runs a test once for every recorded bundle."""
    bundle: Path = request.param
    return bundle
