"""`python -m tests.randomcards COUNT`: analyse random cards with quirkfinder and print how well it did."""

import argparse
import sys
from pathlib import Path

from .evaluate import describe, evaluate
from .generate import DECOYS, DOORS, make_card


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.randomcards", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100, help="how many cards")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first card")
    parser.add_argument("--evidence", type=float, default=1.0, help="share of each door's uses: 1, 0.5, 0.25")
    parser.add_argument("--noise", type=float, help="share of foreign log lines, else drawn for each card")
    parser.add_argument("--inventory", help="the same files for every card: full, host, resource, lspci, …")
    parser.add_argument("--kinds", help="features by name, with commas, instead of drawn ones; 'list' names them")
    parser.add_argument("--examples", type=int, default=3, help="examples of each error")
    parser.add_argument("--write", type=Path, help="write the bundles into this folder instead of analysing them")
    options = parser.parse_args()
    if options.kinds == "list":
        sys.stdout.write("\n".join(["doors:", *DOORS, "", "decoys:", *DECOYS, ""]))
        return 0
    kinds = options.kinds.split(",") if options.kinds else None
    chosen = {"kinds": kinds, "noise": options.noise, "evidence": options.evidence, "inventory": options.inventory}
    seeds = range(options.seed, options.seed + options.count)
    if options.write:
        for seed in seeds:
            make_card(seed, **chosen).write(options.write / f"card-{seed}")
        return 0

    def progress(done: int) -> None:
        if done % 20 == 0:
            sys.stderr.write(f"{done} of {options.count}\n")

    evaluation = evaluate(seeds, progress=progress, **chosen)
    sys.stdout.write(describe(evaluation, options.examples) + "\n")
    return 1 if evaluation.failures else 0


if __name__ == "__main__":
    sys.exit(main())
