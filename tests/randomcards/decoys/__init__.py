"""Innocents that look like back doors, by kind; importing the package registers them all."""

from . import coincidences, dma, indexed, lookalikes, registers, serial, surroundings

__all__ = ["coincidences", "dma", "indexed", "lookalikes", "registers", "serial", "surroundings"]
