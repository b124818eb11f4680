"""The findings document: what analysis says, frozen, and all that renderers, emitter and replay take."""

from quirkfinder.findings.document import (
    BarRecord,
    CaptureProblem,
    DeviceRecord,
    Evidence,
    Finding,
    Findings,
    InputRecord,
)

__all__ = ["BarRecord", "CaptureProblem", "DeviceRecord", "Evidence", "Finding", "Findings", "InputRecord"]
