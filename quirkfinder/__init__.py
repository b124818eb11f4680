"""quirkfinder: finds the back doors of passed-through PCI cards in QEMU's VFIO traces."""

__version__ = "0.1.0"
