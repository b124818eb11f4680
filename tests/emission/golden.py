"""Golden files of what is emitted: `python -m tests.emission.golden` writes them anew after a change that is meant."""

from pathlib import Path

from quirkfinder.emission import emit
from tests.emission.examples import examples

FOLDER = Path(__file__).parent / "golden"
CASES = (("ati-plain", "qemu-7.2"), ("ati-plain", "qemu-11.1"), ("rtl8168", "qemu-10.0"), ("ati-plain", "definition"))

if __name__ == "__main__":
    for name, target in CASES:
        emit(examples()[name], target, FOLDER)
