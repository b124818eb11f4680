"""How well an analyser does on random cards: recall by door, false claims by decoy, confidence against truth."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from .generate import RandomCard, make_card
from .scoring import Entry, claims_of, explained, flatten, offset_of, same

Analyser = Callable[[Path], Entry]
BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)


def quirkfinder(bundle: Path) -> Entry:
    """The findings document of quirkfinder for a bundle, as JSON-like data."""
    from quirkfinder.analysis import analyze

    document: Any = analyze([bundle])
    result: Entry = document if isinstance(document, dict) else document.to_dict()
    return result


@dataclass
class Evaluation:
    """Sums over cards; the examples carry the seed that shows them again."""

    cards: int = 0
    lines: int = 0
    required: Counter[str] = field(default_factory=Counter)  # by door kind
    found: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    wanted_found: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)  # by finding kind
    false: Counter[str] = field(default_factory=Counter)
    false_at: Counter[str] = field(default_factory=Counter)  # by decoy or door kind at whose registers it points
    bins: Counter[int] = field(default_factory=Counter)
    bins_true: Counter[int] = field(default_factory=Counter)
    missed_examples: dict[str, list[tuple[int, Entry]]] = field(default_factory=dict)
    false_examples: dict[str, list[tuple[int, Entry]]] = field(default_factory=dict)
    failures: list[tuple[int, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of required findings that were found; 1 where none was required."""
        total = self.required.total()
        return self.found.total() / total if total else 1.0

    @property
    def precision(self) -> float:
        """Share of claims that hold; 1 where none was made."""
        total = self.claims.total()
        return 1 - self.false.total() / total if total else 1.0

    def false_per_thousand(self) -> float:
        return 1000 * self.false.total() / max(1, self.cards)

    def add(self, card: RandomCard, document: Entry) -> None:
        """Count one card's findings."""
        self.cards += 1
        self.lines += len(card.log_lines)
        claims = claims_of(document)
        required = [flatten(t) for t in card.truth["findings"]]
        allowed = [flatten(t) for t in card.truth["allowed"]]
        for entry in [*required, *(e for e in allowed if e["level"] == "wanted")]:
            self._recall(card.seed, entry, claims)
        for claim in claims:
            holds = explained(claim, required + allowed)
            bin_of = next(k for k, top in enumerate(BINS[1:]) if claim["confidence"] < top)
            self.bins[bin_of] += 1
            self.bins_true[bin_of] += holds
            self.claims[claim["kind"]] += 1
            if not holds:
                where = culprit(card, claim)
                self.false[claim["kind"]] += 1
                self.false_at[where] += 1
                self.false_examples.setdefault(f"{claim['kind']} at {where}", []).append((card.seed, claim))

    def _recall(self, seed: int, entry: Entry, claims: list[Entry]) -> None:
        door, hit = entry["door"], any(same(entry, c) for c in claims)
        if entry["level"] == "wanted":
            self.wanted[door] += 1
            self.wanted_found[door] += hit
            return
        self.required[door] += 1
        self.found[door] += hit
        if not hit:
            self.missed_examples.setdefault(door, []).append((seed, entry))


def culprit(card: RandomCard, claim: Entry) -> str:
    """The feature at whose registers a false claim points; 'layout' where it points at none."""
    region = claim.get("region")
    spots = [offset_of(claim[n]) for n in ("data", "address", "offset") if n in claim]
    spots += [offset_of(s) for s in claim.get("sites", [])[:1]]
    for spot in spots:
        for feature in card.features:
            for at, first, last in feature.places:
                if region == ("vga" if at == 8 else f"bar{at}") and first <= spot <= last:
                    return feature.kind
    return "layout"


def evaluate(
    seeds: Iterable[int],
    *,
    analyser: Analyser = quirkfinder,
    progress: Callable[[int], None] | None = None,
    **options: Any,  # noqa: ANN401  # handed to make_card as they are
) -> Evaluation:
    """Make, write, analyse and score a card for every seed.  `options` go to `make_card`."""
    evaluation = Evaluation()
    with tempfile.TemporaryDirectory(prefix="randomcards-") as folder:
        for count, seed in enumerate(seeds):
            card = make_card(seed, **options)
            bundle = card.write(Path(folder) / f"card-{seed}")
            try:
                document = analyser(bundle)
            except Exception as error:  # one crash must not hide the other cards; it is reported
                evaluation.failures.append((seed, f"{type(error).__name__}: {error}"))
                continue
            evaluation.add(card, document)
            if progress:
                progress(count + 1)
    return evaluation


def describe(evaluation: Evaluation, examples: int = 3) -> str:
    """The evaluation as plain text tables."""
    e = evaluation
    rates = f"recall {e.recall:.3f}, precision {e.precision:.3f}, {e.false_per_thousand():.0f} false per 1000 cards"
    lines = [
        f"{e.cards} cards, {e.lines} lines: {rates}, {len(e.failures)} failures",
        "",
        f"{'door':28}{'found':>7}{'required':>10}{'recall':>8}   wanted",
    ]
    for door in sorted({*e.required, *e.wanted}):
        need, got = e.required[door], e.found[door]
        share = f"{got / need:8.2f}" if need else "       -"
        extra = f"   {e.wanted_found[door]}/{e.wanted[door]}" if e.wanted[door] else ""
        lines.append(f"{door:28}{got:7}{need:10}{share}{extra}")
    lines += ["", f"{'false claims at':28}{'count':>7}{'per 1000 cards':>16}"]
    lines += [f"{w:28}{n:7}{1000 * n / max(1, e.cards):16.1f}" for w, n in e.false_at.most_common()]
    lines += ["", f"{'finding kind':28}{'claims':>7}{'false':>7}"]
    lines += [f"{kind:28}{n:7}{e.false[kind]:7}" for kind, n in sorted(e.claims.items())]
    lines += ["", f"{'confidence':16}{'claims':>7}{'hold':>8}"]
    for k, (low, high) in enumerate(pairwise(BINS)):
        if e.bins[k]:
            lines.append(f"{low:4.2f} to {min(high, 1):4.2f}    {e.bins[k]:7}{e.bins_true[k] / e.bins[k]:8.3f}")
    lines += _examples("missed", e.missed_examples, examples) + _examples("false", e.false_examples, examples)
    lines += [f"failed: seed {seed}: {text}" for seed, text in e.failures[: 3 * examples]]
    return "\n".join(lines)


def _examples(title: str, found: dict[str, list[tuple[int, Entry]]], limit: int) -> list[str]:
    lines = []
    for name, cases in sorted(found.items()):
        lines += ["", f"{title}: {name}, {len(cases)} times"]
        for seed, entry in cases[:limit]:
            lines.append(f"  seed {seed}: {brief(entry)}")
    return lines


def brief(entry: Entry) -> str:
    """An entry on one line, numbers in hexadecimal."""

    def show(value: object) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k} {show(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(show(v) for v in value[:6]) + (", …" if len(value) > 6 else "") + "]"
        return f"{value:#x}" if isinstance(value, int) and not isinstance(value, bool) and value > 9 else str(value)

    skip = ("door", "level", "confidence")
    return ", ".join(f"{k} {show(v)}" for k, v in entry.items() if k not in skip)
