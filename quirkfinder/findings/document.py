"""The findings document as objects: `quirkfinder.findings/1`, one frozen value between analysis and all that shows it.

`Findings.to_dict()` is the JSON of `findings.schema.json`; `Findings.from_dict()` accepts it back and names the place
of what does not fit.  Numbers that the contract writes in hexadecimal are plain integers here and in `parameters`
already hexadecimal strings, because `parameters` is the contract's own shape.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal[
    "window",
    "config-mirror",
    "bar-alias",
    "paged-window",
    "address-leak",
    "address-sink",
    "host-address-access",
    "identity-mapped-bar",
    "address-collision",
    "indexed-registers",
    "unassigned-access",
]
Verdict = Literal["confirmed", "likely", "benign"]
Role = Literal["trace", "host", "guest", "other"]
SCHEMA_NAME = "quirkfinder.findings/1"


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A file that was read. `unrecognised`: lines that are neither events nor known lines we ignore."""

    path: str
    role: Role
    format: str
    sha256: str
    lines: int
    events: int
    unrecognised: int


@dataclass(frozen=True, slots=True)
class BarRecord:
    """A BAR in the document: sizes and addresses in bytes, None where not known."""

    index: int
    kind: str
    size: int | None
    host: int | None
    guest: int | None


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device of the trace; `contradictions` is ours, on top of the contract."""

    name: str
    bars: tuple[BarRecord, ...]
    host_address: str | None = None
    vendor: int | None = None
    device: int | None = None
    subvendor: int | None = None
    subdevice: int | None = None
    class_code: int | None = None
    contradictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line that speaks for a finding: `input` is a position in `inputs`, `line` counts from 1, `text` quotes it."""

    input: int
    line: int
    note: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim with the lines it rests on and the reason it could be wrong (`doubt`)."""

    id: str
    device: str
    kind: Kind
    verdict: Verdict
    confidence: float
    needs_quirk: bool
    summary: str
    parameters: dict[str, Any]
    evidence: tuple[Evidence, ...]
    evidence_count: int
    reason: str = ""
    doubt: str = ""
    known_quirk: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None

    def _repr_html_(self) -> str:
        """As a cell of a notebook shows it."""
        from quirkfinder.rendering.cells import finding_cell

        return finding_cell(self)


@dataclass(frozen=True, slots=True)
class CaptureProblem:
    """Something this capture cannot show, and the option that would show it."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole document. `statistics` (events by kind, unrecognised samples, QEMU version) is ours, on top."""

    version: str
    inputs: tuple[InputRecord, ...]
    devices: tuple[DeviceRecord, ...]
    findings: tuple[Finding, ...]
    capture: tuple[CaptureProblem, ...]
    statistics: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The document as `findings.schema.json` describes it, ready for `json.dumps`."""
        from quirkfinder.findings.encode import encode

        return encode(self)

    def to_json(self) -> str:
        """`to_dict` as indented JSON text, plain ASCII without control characters, ending in a newline."""
        from quirkfinder.findings.encode import encode_json

        return encode_json(self)

    @staticmethod
    def from_dict(data: object) -> "Findings":
        """The inverse of `to_dict`. Raises `InvalidDocument`, naming the place in the document."""
        from quirkfinder.findings.decode import decode

        return decode(data)

    @staticmethod
    def from_json(text: str | bytes) -> "Findings":
        """The inverse of `to_json`. Raises `InvalidDocument`."""
        from quirkfinder.findings.decode import decode_json

        return decode_json(text)

    @staticmethod
    def load(path: str | Path) -> "Findings":
        """The document in a file. Raises `NoUsableInput` (cannot be read) or `InvalidDocument`, naming the file."""
        from quirkfinder.findings.decode import load

        return load(path)

    def _repr_html_(self) -> str:
        """As a cell of a notebook shows it: the verdict, the BARs and a line for each finding."""
        from quirkfinder.rendering.cells import findings_cell

        return findings_cell(self)

    def _repr_markdown_(self) -> str:
        """The whole report, for notebooks that prefer Markdown."""
        from quirkfinder.rendering.markdown import markdown

        return markdown(self)
