"""Windows: an address register and a data register through which the guest reaches another space."""
