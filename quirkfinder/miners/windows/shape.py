"""From what was seen to match, mask and base, in the sense of QEMU's VFIOConfigWindowMatch (hw/vfio/pci-quirks.c).

An address value v selects a target where `(v & ~mask) == match`, and reaches `base + scale * (v & mask)`.  The mask is
no wider than the evidence: it ends at the highest bit that any address value used, and begins where the width of the
data register makes lower bits meaningless.
"""

from dataclasses import dataclass

import numpy as np

from quirkfinder.miners.accesses import Words

_ADDRESSES = 1 << 32
#: where what an address reaches begins anew: high bits that a scale shifts out of 32 still tell addresses apart
MODULUS = 4 * _ADDRESSES


@dataclass(frozen=True, slots=True)
class Shape:
    """Match, mask and base of one target; all in the units of the contract (base in bytes)."""

    match: int
    mask: int
    base: int

    def selects(self, addresses: Words) -> bool:
        """Does every one of `addresses` select this target?"""
        fixed = np.uint64(~self.mask & (_ADDRESSES - 1))
        return bool(((addresses & fixed) == np.uint64(self.match)).all())


def shape_of(addresses: Words, scale: int, delta: int, width: int, space_size: int) -> Shape:
    """The shape for distinct `addresses` that reached `scale * v + delta`; `width` of the data register in bytes.

    The bits of the address that are no offset (a tag that chooses the target) are those that make the base round:
    none, where delta is 0; the tag that delta takes away again; constant low bits below the first offset bit; or all
    constant bits.
    """
    values = [int(v) & (_ADDRESSES - 1) for v in np.unique(addresses)]
    always = values[0]
    for value in values:
        always &= value
    match, base = _tag(always, scale, delta, space_size)
    used = 0
    for value in values:
        used |= value & ~match
    low = max(0, (width // scale).bit_length() - 1)
    if any((value & ~match) & ((1 << low) - 1) for value in values):
        low = 0
    top = used.bit_length()
    mask = ((1 << top) - 1) & ~((1 << low) - 1) & ~match if top > low else 0
    return Shape(match, mask, base)


def _tag(always: int, scale: int, delta: int, space_size: int) -> tuple[int, int]:
    """(match, base): which constant bits of the address choose the target."""
    cancelled, rest = divmod(-delta % MODULUS, scale)
    if not rest and cancelled & ~always == 0:  # the tag that delta takes away again
        return cancelled, 0
    low = always & 3  # a selector below the offset bits
    candidates = [low, always, 0] if low else [always, 0]
    for tag in candidates:
        base = (scale * tag + delta) % MODULUS
        if base < space_size:
            return tag, base
    return always, (scale * always + delta) % MODULUS
