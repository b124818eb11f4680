"""Address sinks: registers into which the guest writes an address that has a meaning for the guest alone.

The device uses it for its own transactions and misses: the guest's MSI message is not the host's, and a BAR's guest
address is nothing to the card.  Found by value: what was written to a BAR is what the guest had written to its MSI
capability or BAR.
"""

from collections.abc import Iterator

import numpy as np

from quirkfinder.events import region_name
from quirkfinder.findings import Finding
from quirkfinder.miners.bar_sinks import bar_sinks
from quirkfinder.miners.claims import Scene, claim, hexadecimal
from quirkfinder.miners.message_sinks import guest_messages, message_sinks
from quirkfinder.miners.sink import Sink
from quirkfinder.miners.told import told


def sink_findings(scene: Scene) -> Iterator[Finding]:
    """Registers that were given the guest's MSI message or the guest address of a BAR."""
    writes = scene.accesses.take(scene.accesses.write & (scene.accesses.region < 6))
    messages = guest_messages(scene)
    for region in np.unique(writes.region).tolist():
        mine = told(writes.in_region(region))
        for sink in (*message_sinks(mine, messages), *bar_sinks(scene, mine)):
            yield _finding(scene, region, sink)


def _finding(scene: Scene, region: int, sink: Sink) -> Finding:
    name = region_name(region)
    return claim(
        scene,
        "address-sink",
        f"{name}/{sink.what}{sink.more.get('shift', '')}/0x{sink.sites[0]:x}",
        verdict="confirmed" if sink.sure else "likely",
        confidence=0.97 if sink.sure else 0.7,
        needs_quirk=True,
        summary=sink.summary,
        parameters={"region": name, "what": sink.what, "sites": [hexadecimal(s) for s in sink.sites], **sink.more},
        evidence=scene.evidence([row for row, _ in sink.evidence], [note for _, note in sink.evidence]),
        evidence_count=len(sink.sites),
        reason="the device uses what is written there for its own transactions, where only the host's values count",
        doubt="it would be false if the register is only a scratch pad of the driver's",
    )
