"""quirkfinder: finds the back doors of passed-through PCI cards in QEMU's VFIO traces, and writes the quirk.

The names below are loaded when they are first used, so that importing the package costs nothing.

- `read_trace(path)`: the events of logs as a polars frame, one row an event
- `analyze(path…)`: what one run shows, as a document `Findings` of `Finding`s; `Findings.load(path)` reads one back
- `mine(folders, store)`: many runs into a store; `load_findings(store)`: a document for each of its cards,
  `load_joined(store)`: all that the join of the runs says
- `load_quirk(path)`, `quirks_of(findings)`: `QuirkDefinition`s from a file and from findings
- `replay(quirks, path…)`, or `replay_trace`: a `ReplayReport` of what the guest would have seen with the quirks
- `emit(quirks, target, folder)`: the definition or the C for a release of QEMU
- `html(findings…)`, `markdown(findings)`, `explain(findings, finding)`, `sarif(findings)`: what people read

docs/python.md works through an example.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quirkfinder import replay
    from quirkfinder.analysis import analyze
    from quirkfinder.corpus import load_findings, load_joined, mine
    from quirkfinder.definition import QuirkDefinition
    from quirkfinder.definition import from_findings as quirks_of
    from quirkfinder.definition import load as load_quirk
    from quirkfinder.emission import emit
    from quirkfinder.findings import Evidence, Finding, Findings
    from quirkfinder.reading import read_trace
    from quirkfinder.rendering.explain import explain
    from quirkfinder.rendering.markdown import markdown
    from quirkfinder.rendering.page.html import html
    from quirkfinder.rendering.sarif import sarif
    from quirkfinder.replay import ReplayReport
    from quirkfinder.replaying import replay_trace

__version__ = "0.1.0"
__all__ = [
    "Evidence",
    "Finding",
    "Findings",
    "QuirkDefinition",
    "ReplayReport",
    "__version__",
    "analyze",
    "emit",
    "explain",
    "html",
    "load_findings",
    "load_joined",
    "load_quirk",
    "markdown",
    "mine",
    "quirks_of",
    "read_trace",
    "replay",
    "replay_trace",
    "sarif",
]

#: Where a name lives, and what it is called there; a module alone is the name itself.
_HOMES = {
    "Evidence": ("quirkfinder.findings", "Evidence"),
    "Finding": ("quirkfinder.findings", "Finding"),
    "Findings": ("quirkfinder.findings", "Findings"),
    "QuirkDefinition": ("quirkfinder.definition", "QuirkDefinition"),
    "ReplayReport": ("quirkfinder.replay", "ReplayReport"),
    "analyze": ("quirkfinder.analysis", "analyze"),
    "emit": ("quirkfinder.emission", "emit"),
    "explain": ("quirkfinder.rendering.explain", "explain"),
    "html": ("quirkfinder.rendering.page", "html"),
    "load_findings": ("quirkfinder.corpus", "load_findings"),
    "load_joined": ("quirkfinder.corpus", "load_joined"),
    "load_quirk": ("quirkfinder.definition", "load"),
    "markdown": ("quirkfinder.rendering.markdown", "markdown"),
    "mine": ("quirkfinder.corpus", "mine"),
    "quirks_of": ("quirkfinder.definition", "from_findings"),
    "read_trace": ("quirkfinder.reading", "read_trace"),
    "replay": ("quirkfinder.replay", ""),
    "replay_trace": ("quirkfinder.replaying", "replay_trace"),
    "sarif": ("quirkfinder.rendering.sarif", "sarif"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, inner = _HOMES[name]
    return getattr(import_module(module), inner) if inner else import_module(module)


def __dir__() -> list[str]:
    return sorted(__all__)
