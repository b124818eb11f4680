"""What of the guest's doing the user recorded: all of it, a late start, BAR accesses only, or with lines lost."""

from random import Random

from .guests import Event

CAPTURES = {"full": 84, "late": 6, "regions": 6, "lossy": 4}
REGION_EVENTS = frozenset(("read", "write", "unassigned_read", "unassigned_write"))


def choose_capture(rng: Random) -> str:
    return rng.choices(list(CAPTURES), list(CAPTURES.values()))[0]


def captured(trace: list[Event], booted: int, capture: str, rng: Random) -> list[Event]:
    """The events that reached the log. `booted`: how many of them are the firmware's and QEMU's own.

    `late`: tracing was switched on when the driver was already loaded.  `regions`: `-trace vfio_region_*` and VGA
    only.  `lossy`: one line in a hundred is missing.
    """
    if capture == "late":
        return trace[booted:]
    if capture == "regions":
        return [event for event in trace if event.kind in REGION_EVENTS]
    if capture == "lossy":
        return [event for event in trace if rng.random() >= 0.01]
    return trace
