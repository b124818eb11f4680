"""Sequences of accesses as states: what the emitter writes down and the replay runs.

State 0 is the start.  A read sequence and a write sequence that begin alike share their states, as a tree; an access
that no transition of the current state takes puts the window back to state 0, and may be the first step again.
"""

from dataclasses import dataclass

from quirkfinder.definition.model import DWORD, Window


@dataclass(frozen=True, slots=True)
class Transition:
    """In `state`, an access of this kind to `offset` leads to `next`; a key must hold `value` in the bits of `mask`.

    `next` is 0 for the data step: with it a sequence is over.
    """

    state: int
    access: str
    offset: int
    role: str
    value: int | None
    mask: int
    next: int


def transitions(window: Window) -> tuple[Transition, ...]:
    """The transitions of a window's sequences, those out of later states first, keys before addresses.

    That order makes a step of the running sequence win over the first step of a new one.
    """
    tree: dict[tuple[int, str, int, str, int | None, int], int] = {}
    count = 0
    for steps in (window.read_steps, window.write_steps):
        state = 0
        for step in steps:
            last = step.role == "data"
            mask = step.mask if step.role == "key" else DWORD
            key = (state, step.access, step.offset, step.role, step.value if step.role == "key" else None, mask)
            if key not in tree:
                count += not last
                tree[key] = 0 if last else count
            state = tree[key]
    found = [Transition(*key, next=target) for key, target in tree.items()]
    return tuple(sorted(found, key=lambda t: (-t.state, t.role != "key")))
