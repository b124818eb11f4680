"""What is made of definitions: C for three QEMU versions, definition files, test vectors, a note for a mailing list."""

from quirkfinder.emission.emit import TARGETS, emit

__all__ = ["TARGETS", "emit"]
