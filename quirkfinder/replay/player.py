"""One device's accesses through the engine, with an account for every quirk."""

from collections import Counter
from collections.abc import Callable

import polars as pl

from quirkfinder.card.model import Card
from quirkfinder.definition.model import QuirkDefinition
from quirkfinder.replay.accesses import Access, accesses, device_frame, relevant
from quirkfinder.replay.engine import Engine, Model, Part
from quirkfinder.replay.environment import Value, part
from quirkfinder.replay.guest import GuestConfig
from quirkfinder.replay.judge import Account, Needs, capability_bytes, judge_config, judge_given, read_only
from quirkfinder.replay.leak import LeakModel, leak_mask, leak_value
from quirkfinder.replay.leaks import LeakCount
from quirkfinder.replay.mirror import MirrorModel
from quirkfinder.replay.outcome import Read, Written
from quirkfinder.replay.relevance import PAGE, looked_at, page_hits
from quirkfinder.replay.report import MOST, Change, DeviceReplay, Page, place_name
from quirkfinder.replay.shadow import Place, Shadow, Way, judge_table
from quirkfinder.replay.sink import SinkModel
from quirkfinder.replay.trace import TraceEnvironment
from quirkfinder.replay.waiting import Waiting
from quirkfinder.replay.window import WindowModel

_KINDS: dict[type[object], str] = {
    WindowModel: "window",
    MirrorModel: "mirror",
    LeakModel: "leak",
    SinkModel: "sink",
}


class Player:
    """Plays the definitions for one card; `play` once."""

    def __init__(
        self,
        definitions: tuple[QuirkDefinition, ...],
        events: pl.DataFrame,
        card: Card,
        *,
        with_vga: bool,
        qemu: tuple[int, int],
    ) -> None:
        self.definitions, self.events, self.card, self.with_vga = definitions, events, card, with_vga
        self.env = TraceEnvironment(card, GuestConfig(card))
        self.engine = Engine(definitions, self.env, qemu)
        self.accounts = {id(m): Account(m.name, _KINDS[type(m)]) for m in self.engine.models}
        self.needs = {key: Needs(account) for key, account in self.accounts.items()}
        self.waiting = Waiting()
        self.shadow = Shadow()
        self.leaks = LeakCount(card)
        self.capabilities = capability_bytes(card)
        self.changes: list[Change] = []
        self.changed = 0
        self.pages: dict[tuple[int, int], int] = {}
        self.notes: Counter[str] = Counter()
        self.count = 0

    def play(self) -> DeviceReplay:
        """Everything the trace says of this card, in order, then the verdicts."""
        frame = device_frame(self.events, self.card, with_vga=self.with_vga)
        self.pages = page_hits(frame, self.engine)
        rows = relevant(frame, looked_at(frame, self.engine, self.leaks.shown()))
        play: dict[str, Callable[[Access], None]] = {
            "read": self._read,
            "write": self._write,
            "config_read": self._config_read,
            "config_write": self._config_write,
            "unassigned": lambda access: self.leaks.unassigned(access.row, access.offset),
            "interrupt": self._interrupt,
            "reset": lambda _: self.engine.reset(),
        }
        for access in accesses(rows):
            self.env.access = access
            play[access.kind](access)
        self.waiting.conclude()
        for need in self.needs.values():
            need.conclude()
        return self._result()

    # ---- what happens

    def _config_read(self, access: Access) -> None:
        if access.value is not None:
            self.env.config.seen_read(access.offset, access.size, access.value)

    def _config_write(self, access: Access) -> None:
        self.env.config.written(access.offset, access.size, access.value)

    def _interrupt(self, access: Access) -> None:
        for need in self.needs.values():
            need.interrupts.append(access.row)

    def _read(self, access: Access) -> None:
        self.count += 1
        value, parts = self.engine.read(access.space, access.offset, access.size)
        before = access.given if access.given is not None else access.value
        after = value if value is not None else before
        for piece in parts:
            self._judge_read(access, piece)
        if access.given is not None and len(parts) == 1 and parts[0].model is not None:
            self._judge_given(access, parts[0], value)
        self.waiting.step()
        self.shadow.read(access, *self._place(access))
        self.leaks.read(access, before, after)
        if value is not None and before is not None and value != before:
            self._change(access, parts, before, value)

    def _write(self, access: Access) -> None:
        self.count += 1
        self.waiting.step()
        self.env.msix_written.clear()
        parts = self.engine.write(access.space, access.offset, access.size, access.value)
        for piece in parts:
            if piece.model is not None and piece.written is not None:
                self._judge_write(access, piece, piece.model, piece.written)
        self.shadow.written(access, *self._place(access))

    def _place(self, access: Access) -> tuple[Place | None, Way | None]:
        """The BAR and offset that a window's data register stands for at this moment, and by which match of whose."""
        for model in self.engine.models:
            if isinstance(model, WindowModel) and model.space == access.space:
                register = model.read_offset if access.kind == "read" else model.write_offset
                reached = model.reached() if register == access.offset else None
                if reached is not None and reached[0].startswith("bar"):
                    moved = model.window.increment  # it has moved on already
                    return (int(reached[0][3:]), reached[1] - moved), (self.accounts[id(model)], reached[2])
        return None, None

    # ---- what it says

    def _judge_read(self, access: Access, piece: Part) -> None:
        model, read = piece.model, piece.read
        if model is None or read is None:
            return
        account = self.accounts[id(model)]
        account.uses += 1
        raw = part(access.value, piece.offset - access.offset, piece.size)
        if isinstance(model, WindowModel):
            self._judge_window(access, model, account, piece, raw)
        if raw is None or read.target is None:
            return
        if read.source == "config" and read.target.space == "config":
            judge_config(account, self.card, access, read.target.offset, piece.size, raw)
        elif read.source == "leak" and read.target.leak is not None:
            self._judge_leak(access, account, read, piece.size, raw)

    def _judge_leak(self, access: Access, account: Account, read: Read, size: int, raw: int) -> None:
        """The device's own answer must be the host's address."""
        assert read.target is not None
        assert read.target.leak is not None
        leak, at = read.target.leak, read.target.offset
        host = leak_value(leak, at, size, raw, self.env, host=True)
        mask = leak_mask(leak) >> 8 * at & ((1 << 8 * size) - 1)
        if host is None:
            return
        if host == raw:
            account.agree("leak", at, raw & mask, size)
        else:
            text = f"the device answers {raw:#x}; the host's address of BAR{leak.target_bar} gives {host:#x}"
            account.object(access, text)

    def _judge_window(self, access: Access, model: WindowModel, account: Account, piece: Part, raw: Value) -> None:
        read, window = piece.read, model.window
        assert read is not None
        if read.source == "latch" and read.value is not None:
            answer = access.given if access.given is not None else raw
            if answer is not None:
                self.waiting.expect(account, access, read.value, answer, final=access.given is not None)
        elif read.source in ("config", "msix-table") and piece.offset == window.address_offset and raw is not None:
            flag = window.strobe.mask if window.strobe else 0
            if model.address is not None and (raw ^ model.address) & ~flag == 0:
                account.object(access, f"what comes back is the address word itself ({raw:#x}), not data")
        elif (
            piece.offset == window.data_offset != model.read_offset
            and model.decode() is not None
            and (access.given is not None or raw is not None)
        ):
            account.object(access, f"the guest takes the data from {window.data_offset:#x}, not {model.read_offset:#x}")
        judge_table(account, access, read, piece.size, raw)

    def _judge_given(self, access: Access, piece: Part, value: Value) -> None:
        assert piece.model is not None
        assert piece.read is not None
        account = self.accounts[id(piece.model)]
        if piece.read.source == "latch":
            return  # judged with what the guest waited for
        if piece.read.source == "msix-table":
            # QEMU's own RTL8168 quirk cannot reach the table since QEMU refuses a region of a device while another of
            # the same device is being accessed: it reads 0 and writes are lost (system/memory.c, 7.2.22, 10.0, 10.2).
            if access.given == 0 and value != 0:
                self.notes[
                    "QEMU's own quirk read 0 from the MSI-X table: its guard against re-entrance refuses that"
                ] += 1
            return
        judge_given(account, access, value, piece.read.source)

    def _judge_write(self, access: Access, piece: Part, model: Model, written: Written) -> None:
        account = self.accounts[id(model)]
        account.uses += 1
        if access.taken is not None and not isinstance(model, LeakModel):
            self._judge_taken(access, account, written)
        if written.changed and written.value is not None:
            names = [sink.name for sink in model.sinks] if isinstance(model, WindowModel) else [model.name]
            for changer in (a for a in self.accounts.values() if a.quirk in names):
                self.shadow.altered(changer, access, self._place(access)[0], written.value)
        if not written.swallowed:
            return
        account.swallowed += 1
        target = written.target
        if target is not None and target.space == "config" and read_only(target.offset, piece.size, self.capabilities):
            self.needs[id(model)].writes.append(access)

    def _judge_taken(self, access: Access, account: Account, written: Written) -> None:
        """QEMU's own quirk wrote something instead of the device: ours must write the same."""
        assert access.taken is not None
        offset, value = access.taken
        if written.target is None:
            account.object(access, "QEMU's own quirk kept this write from the device, this one would not")
        elif (offset is not None and written.target.offset != offset) or written.value not in (value, None):
            mine = "?" if written.value is None else f"{written.value:#x}"
            theirs = f"{value:#x}" + ("" if offset is None else f" at {offset:#x}")
            account.object(access, f"QEMU's own quirk wrote {theirs}, this one {mine} at {written.target.offset:#x}")
        else:
            account.agree("taken", written.target.offset, value, access.size)

    def _change(self, access: Access, parts: list[Part], before: int, after: int) -> None:
        quirk = next((p.model for p in parts if p.model is not None), None)
        if quirk is None:
            return
        self.changed += 1
        self.accounts[id(quirk)].changed += 1
        if len(self.changes) < MOST:
            place = (place_name(access.space), access.offset, access.size)
            self.changes.append(Change(quirk.name, access.input, access.line, *place, before, after))

    def _result(self) -> DeviceReplay:
        pages = []
        for space, offset in sorted(self.pages):
            bar = self.card.bar(space)
            if bar is None or bar.kind != "io":
                mapped = bar is not None and any(s.first < offset + PAGE and offset <= s.last for s in bar.mapped)
                pages.append(Page(space, offset, self.pages[space, offset], mapped))
        return DeviceReplay(
            device=self.card.name,
            definitions=tuple(d.name for d in self.definitions),
            quirks=tuple(account.verdict() for account in self.accounts.values()),
            accesses=self.count,
            leaks_before=self.leaks.before,
            leaks_after=self.leaks.after,
            leaks=tuple(self.leaks.remaining),
            changed=self.changed,
            changes=tuple(self.changes),
            unassigned=self.leaks.avoided(),
            pages=tuple(pages),
            notes=(*self.leaks.notes(), *(f"{text} ({count} times)" for text, count in self.notes.items())),
        )
