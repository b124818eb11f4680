"""Doors in config space behind the header: windows through two registers of it, and words that tell host addresses.

QEMU gives the guest its own BARs and messages there; everything else is what the card answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from quirkfinder.events import CONFIG
from quirkfinder.findings import Finding
from quirkfinder.miners.accesses import Accesses, Flags, config_accesses, merged
from quirkfinder.miners.claims import Scene
from quirkfinder.miners.leak import Leak
from quirkfinder.miners.leak_findings import leak_finding
from quirkfinder.miners.leaks import discover_leaks
from quirkfinder.miners.registers import Registers
from quirkfinder.miners.windows.discover import discover_config_windows
from quirkfinder.miners.windows.findings import window_finding
from quirkfinder.miners.windows.readings import Window

#: "SHDW": behind it QEMU itself tells the guest four BARs of the host, on purpose (`vfio_add_vmd_shadow_cap`, 5.1)
_SHADOW, _SHADOWED = 0x53484457, 20
_DWORD = 4


def config_space_findings(scene: Scene) -> Iterator[Finding]:
    """Windows and leaks whose registers lie in config space itself."""
    own = config_accesses(scene.events, scene.machine, scene.card)
    if not len(own):
        return
    windows = discover_config_windows(scene.registers, scene.card, own)
    whole = replace(scene, registers=Registers(merged(scene.accesses, own)))
    yield from (window_finding(whole, window) for window in windows)
    yield from (leak_finding(whole, leak) for leak in _leaks(whole, windows))


def _leaks(whole: Scene, windows: Sequence[Window]) -> list[Leak]:
    """Dwords of config space that tell a BAR; `whole`: with the accesses to config space among the others.

    Capabilities are full of small parts of all kinds, so bytes and words of an address are not looked for.
    """
    accesses = whole.accesses
    owned = (accesses.region != CONFIG) | _emulated(accesses, whole.hardware.messages)
    owned |= whole.registers.mask(place for window in windows for place in window.pair.registers)
    return [leak for leak in discover_leaks(whole, owned) if leak.size >= _DWORD and leak.shift in (0, 32)]


def _emulated(accesses: Accesses, messages: range) -> Flags:
    """Accesses to what QEMU answers itself: the guest's messages (`messages`), and its shadow of the host's BARs."""
    emulated = (accesses.offset >= messages.start) & (accesses.offset < messages.stop)
    mark = (accesses.region == CONFIG) & ~accesses.write & (accesses.value == np.uint64(_SHADOW))
    for at in np.unique(accesses.offset[mark]).tolist():
        emulated |= (accesses.offset >= at) & (accesses.offset < at + _SHADOWED)
    return np.asarray(emulated)
