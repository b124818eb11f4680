"""Quirks in front of a recorded trace: what the guest would have seen, and whether the trace speaks against them.

`replay(definitions, events, machine)` gives a `ReplayReport`; `Engine` answers single accesses for any `Environment`.
"""

from quirkfinder.replay.completion import completion_handshake
from quirkfinder.replay.engine import Engine
from quirkfinder.replay.environment import Environment
from quirkfinder.replay.report import (
    Change,
    DeviceReplay,
    Leaked,
    Objection,
    Page,
    QuirkVerdict,
    ReplayReport,
    Unassigned,
)
from quirkfinder.replay.run import matches, replay, verified

__all__ = [
    "Change",
    "DeviceReplay",
    "Engine",
    "Environment",
    "Leaked",
    "Objection",
    "Page",
    "QuirkVerdict",
    "ReplayReport",
    "Unassigned",
    "completion_handshake",
    "matches",
    "replay",
    "verified",
]
