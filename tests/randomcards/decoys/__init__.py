"""Innocents that look like back doors, by kind; importing the package registers them all."""

from . import coincidences, dma, indexed, registers, serial, surroundings

__all__ = ["coincidences", "dma", "indexed", "registers", "serial", "surroundings"]
