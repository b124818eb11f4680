"""Replay from paths: what `replay` needs is read and analysed first."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from quirkfinder.analysis import study
from quirkfinder.definition import QuirkDefinition, from_findings, load
from quirkfinder.findings.document import Findings
from quirkfinder.folding import WHOLE
from quirkfinder.replay import ReplayReport, replay

Quirks = QuirkDefinition | Findings | str | Path
Paths = Sequence[str | Path]


def replay_trace(
    quirks: Quirks | Iterable[Quirks],
    *paths: str | Path | Paths,
    host: str | Path | Paths = (),
    guest: str | Path | Paths = (),
    progress: Callable[[str, float, float | None], None] | None = None,
) -> ReplayReport:
    """What the guest would have seen in a recorded run with these quirks in front of the card.

    `quirks`: definitions, definition files, or findings to make them from, one or several; `paths`, `host`, `guest` and
    `progress` as for `analyze`.  The report has no devices where no card of the run is one that the quirks are for.
    Raises NoUsableInput where no input holds a trace, DefinitionError for a file that is no definition.
    """
    given = [quirks] if isinstance(quirks, Quirks) else quirks
    definitions = [definition for one in given for definition in _definitions(one)]
    # The cards of an analysis know host addresses that only the trace tells.
    found = study(*paths, host=host, guest=guest, progress=progress, budget=WHOLE)
    if progress is not None:
        progress("replaying", 0, None)
    return replay(definitions, found.events, found.machine)


def _definitions(quirks: Quirks) -> list[QuirkDefinition]:
    if isinstance(quirks, QuirkDefinition):
        return [quirks]
    return from_findings(quirks) if isinstance(quirks, Findings) else [load(quirks)]
