"""Quirks in front of a recorded trace: what the guest would have seen, and whether the trace speaks against them.

`replay(definitions, events, machine)` gives a `ReplayReport`; `Engine` answers single accesses for any `Environment`.
The module itself can be called like `quirkfinder.replay_trace`, for in `quirkfinder.replay(quirks, path…)` the name
would otherwise be this module and no function.
"""

import sys
from types import ModuleType
from typing import Any

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


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> ReplayReport:  # noqa: ANN401 - those of replay_trace
        from quirkfinder.replaying import replay_trace

        return replay_trace(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
