"""LLVM IR of the native engine, generated from the shapes: one function that parses a block of whole lines.

`i64 parse(ptr block, i64 length, ptr context)`; what `context` holds is said in `native.Context`.  Each line goes
through the tree of prefixes, then through the trees of bodies.  A line that ends in a tree becomes a row (or is counted
as ignored); one that falls out of them is put on the list of lines for the portable engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from quirkfinder.reading import llvm_runtime as runtime
from quirkfinder.reading.llvm_code import Captures, Definitions
from quirkfinder.reading.llvm_interpreter import interpreter
from quirkfinder.reading.llvm_rows import IGNORED_CODE, PRESENT, ROW, HotWalker
from quirkfinder.reading.shapes import Shape, body_shapes, prefix_shapes
from quirkfinder.reading.trie import TextUpTo, build

#: Columns of the context in the order of their addresses, with the type of their cells.
COLUMNS = {
    "line": "i64",
    "time": "i64",
    "thread": "i32",
    "code": "i32",
    "device": "i32",
    "region": "i8",
    "address": "i64",
    "size": "i8",
    "value": "i64",
    "detail": "i32",
    "present": "i8",
}
POINTERS = (*COLUMNS, "demoted", "name_slots", "name_entries", "program_words", "program_pool", "seen")
COUNTERS = ("rows", "demoted_lines", "lines", "ignored", "names")
#: Where the caches of the last device and the last detail start: pointer, length, id each.
CACHES = len(POINTERS) + len(COUNTERS)
CONTEXT_CELLS = CACHES + 6
#: Rules worth inlined code: the bulk of any long log.
HOT_RULES = frozenset(
    {"region_read", "region_write", "config_read", "config_write", "vga_read", "vga_write", "rom_read"}
    | {"memory_read", "memory_write"}
)
HOT_GRAMMARS = ("trace_events", "memory_region")


@dataclass
class ParseWalker(HotWalker):
    """The function `parse`: the loop over lines, prefixes and the frequent events."""

    #: Where prefixes come together: label, position, time, thread, bits of `present`, start of its row of `seen`.
    prefixes: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)

    def finish(self, shape: Shape, at: str, captures: Captures, fail: str) -> None:
        if shape.grammar in HOT_GRAMMARS:
            super().finish(shape, at, captures, fail)
        else:
            self.finish_prefix(shape, at, captures)

    def finish_prefix(self, shape: Shape, at: str, captures: Captures) -> None:
        """Time and thread of a prefix, then on to the body."""
        found = {captured.field.role: captured for captured in captures}
        time = "0"
        for role, factor in (("SECONDS", 10**9), ("MICROSECONDS", 1000), ("NANOSECONDS", 1)):
            if role in found:
                time = self.op(f"add i64 {time}, {self.op(f'mul i64 {found[role].value}, {factor}')}")
        if "YEAR" in found:
            parts = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
            civil = self.op(f"call i64 @civil({', '.join(f'i64 {found[role].value}' for role in parts)})")
            self.going_on(self.op(f"icmp sge i64 {civil}, 0"), "demote")
            time = self.op(f"add i64 {time}, {civil}")
        if "FRACTION" in found:
            first = self.op(f"ptrtoint ptr {found['FRACTION'].start} to i64")
            last = self.op(f"ptrtoint ptr {found['FRACTION'].end} to i64")
            cell = self.op(f"getelementptr i64, ptr @powers, i64 {self.op(f'sub i64 {last}, {first}')}")
            scaled = self.op(f"mul i64 {found['FRACTION'].value}, {self.op(f'load i64, ptr {cell}')}")
            time = self.op(f"add i64 {time}, {scaled}")
        thread = self.op(f"trunc i64 {found['THREAD'].value} to i32") if "THREAD" in found else "0"
        present = PRESENT["time"] | (PRESENT["thread"] if "THREAD" in found else 0)
        row = str((1 + prefix_shapes().index(shape)) * len(body_shapes()))
        self.prefixes.append((self.label, self.op(f"call ptr @blanks(ptr {at})"), time, thread, str(present), row))
        self.do("br label %body")

    def scanned(self, step: TextUpTo, at: str) -> str:
        """A device is mostly the one of the line before: its bytes are compared before the end is looked for.

        A literal that is `certain` has one place only, so wherever it is found the result is the same.
        """
        if step.field.role != "DEVICE" or not step.certain or step.literal is None:
            return super().scanned(step, at)
        scan, equal, known, done = self.name(), self.name(), self.name(), self.name()
        length = self.op(f"load i64, ptr {self.op('getelementptr i64, ptr %cache_device, i64 1')}")
        span = self.op(f"sub i64 {length}, 8")
        self.branch(self.op(f"icmp ugt i64 {span}, 8"), scan, equal)
        self.block(equal)
        last = self.op("load ptr, ptr %cache_device")
        differences = []
        for distance in ("0", span):
            words = []
            for start in (at, last):
                place = self.op(f"getelementptr i8, ptr {start}, i64 {distance}")
                words.append(self.op(f"load i64, ptr {place}, align 1"))
            differences.append(self.op(f"xor i64 {words[0]}, {words[1]}"))
        any_bit = self.op(f"or i64 {differences[0]}, {differences[1]}")
        self.branch(self.op(f"icmp eq i64 {any_bit}, 0"), known, scan)
        self.block(known)
        behind = self.literal(self.op(f"getelementptr i8, ptr {at}, i64 {length}"), step.literal, scan)
        known_end = self.label
        self.do(f"br label %{done}")
        self.block(scan)
        searched = super().scanned(step, at)
        self.do(f"br label %{done}")
        self.block(done)
        return self.op(f"phi ptr [ {behind}, %{known_end} ], [ {searched}, %{scan} ]")

    def phi(self, name: str, kind: str, sources: Sequence[tuple[str, str]]) -> None:
        """A value that depends on where the block was entered from: pairs of value and label."""
        self.do(f"%{name} = phi {kind} {', '.join(f'[ {value}, %{label} ]' for value, label in sources)}")

    # ---- the loop

    def loop_head(self) -> None:
        """From the entry to the first byte of a line that is not blank."""
        self.block("entry")
        for index, pointer in enumerate(POINTERS):
            place = self.op(f"getelementptr ptr, ptr %context, i64 {index}")
            self.do(f"%column_{pointer} = load ptr, ptr {place}")
        for index, counter in enumerate(COUNTERS, len(POINTERS)):
            self.do(f"%counter_{counter} = getelementptr i64, ptr %context, i64 {index}")
        self.do(f"%cache_device = getelementptr i64, ptr %context, i64 {CACHES}")
        self.do(f"%cache_detail = getelementptr i64, ptr %context, i64 {CACHES + 3}")
        self.do(f"%row_cells = alloca [{len(ROW)} x i64]")
        self.do("%stop = getelementptr i8, ptr %block, i64 %length")
        self.do("br label %line")
        self.block("line")
        entries = ("entry", "committed", "count_ignored", "demoted")
        for name, kind, values in (
            ("start", "ptr", ("%block", "%end", "%after_ignored", "%after_demoted")),
            ("number", "i64", ("0", "%next_number", "%next_number", "%next_number")),
            ("row", "i64", ("0", "%next_row", "%row", "%row")),
            ("demotions", "i64", ("0", "%demotions", "%demotions", "%next_demotions")),
            ("ignored", "i64", ("0", "%ignored", "%next_ignored", "%ignored")),
        ):
            self.phi(name, kind, list(zip(values, entries, strict=True)))
        self.do("%next_number = add i64 %number, 1")
        self.branch(self.op("icmp uge ptr %start, %stop"), "done", "begin")
        self.block("begin")
        self.do("%text = call ptr @blanks(ptr %start)")
        first = self.op("load i8, ptr %text")
        self.branch(self.op(f"icmp eq i8 {first}, 10"), "blank", "prefix")
        self.block("blank")
        self.do("%after_blank = getelementptr i8, ptr %text, i64 1")
        self.do("br label %count_ignored")

    def body_head(self) -> None:
        """Where all prefixes meet, the empty one among them."""
        self.block("bare")
        self.prefixes.append(("bare", "%text", "0", "0", "0", "0"))
        self.do("br label %body")
        self.block("body")
        kinds = (("at", "ptr"), ("time", "i64"), ("thread", "i32"), ("prefix_present", "i8"), ("seen_row", "i64"))
        for index, (name, kind) in enumerate(kinds, 1):
            self.phi(name, kind, [(source[index], source[0]) for source in self.prefixes])

    def cold_call(self) -> None:
        """What none of the inlined shapes takes."""
        self.block("cold")
        after = self.op(
            "call i64 @interpret(ptr %at, ptr %column_program_words, ptr %column_program_pool, ptr %row_cells)"
        )
        good = self.name()
        self.do(f"switch i64 {after}, label %{good} [ i64 0, label %demote i64 1, label %demote ]")
        self.block(good)
        row = {"end": self.op(f"inttoptr i64 {after} to ptr")}
        for index, column in enumerate(ROW):
            row[column] = self.op(f"load i64, ptr {self.op(f'getelementptr i64, ptr %row_cells, i64 {index}')}")
        self.rows.append((good, row))
        self.do("br label %commit")

    def commit(self) -> None:
        """Stores a row, or counts an ignored line."""
        self.block("commit")
        self.phi("end", "ptr", [(row["end"], label) for label, row in self.rows])
        for column in ROW:
            self.phi(f"row_{column}", "i64", [(row[column], label) for label, row in self.rows])
        seen = self.op(f"getelementptr i8, ptr %column_seen, i64 {self.op('add i64 %seen_row, %row_shape')}")
        self.branch(self.op(f"icmp eq i64 %row_code, {IGNORED_CODE}"), "ignored_line", "names")
        self.block("ignored_line")
        self.do(f"store i8 1, ptr {seen}")
        self.do("br label %count_ignored")
        self.block("count_ignored")
        self.phi("after_ignored", "ptr", [("%end", "ignored_line"), ("%after_blank", "blank")])
        self.do("%next_ignored = add i64 %ignored, 1")
        self.do("br label %line")
        self.block("names")
        self.do("%row_constant = trunc i64 %row_detail_id to i32")
        previous = "names"
        for column, default in (("device", "0"), ("detail", "%row_constant")):
            look, after = f"look_{column}", f"after_{column}"
            self.branch(self.op(f"icmp ne i64 %row_{column}_text, 0"), look, after)
            self.block(look)
            found = self.op(
                f"call i32 @name_id(i64 %row_{column}_text, i64 %row_{column}_length, ptr %cache_{column}, "
                "ptr %column_name_slots, ptr %column_name_entries, ptr %counter_names)"
            )
            self.branch(self.op(f"icmp eq i32 {found}, -2"), "demote", after)
            self.block(after)
            self.phi(f"{column}_id", "i32", [(default, previous), (found, look)])
            previous = after
        # A spelling counts as seen only where the names did not send the line to the portable engine.
        self.do(f"store i8 1, ptr {seen}")
        self.store()

    def store(self) -> None:
        """Writes the cells of a row into its columns."""
        self.do("%row_bits = trunc i64 %row_present to i8")
        self.do("%present = or i8 %row_bits, %prefix_present")
        ready = {"line": "%next_number", "time": "%time", "thread": "%thread", "present": "%present"}
        ready |= {"device": "%device_id", "detail": "%detail_id", "address": "%row_address", "value": "%row_value"}
        for column, kind in COLUMNS.items():
            value = ready.get(column) or self.op(f"trunc i64 %row_{column} to {kind}")
            self.do(f"store {kind} {value}, ptr {self.op(f'getelementptr {kind}, ptr %column_{column}, i64 %row')}")
        self.do("br label %committed")
        self.block("committed")
        self.do("%next_row = add i64 %row, 1")
        self.do("br label %line")

    def demote_and_done(self) -> None:
        """Puts a line on the list for the portable engine; the end of the block."""
        self.block("demote")
        self.do("%newline_at = call ptr @newline(ptr %start)")
        self.do("br label %demoted")
        self.block("demoted")
        self.do("%after_demoted = getelementptr i8, ptr %newline_at, i64 1")
        first, base, last = (self.op(f"ptrtoint ptr {p} to i64") for p in ("%start", "%block", "%newline_at"))
        triple = self.op("mul i64 %demotions, 3")
        offset, length = self.op(f"sub i64 {first}, {base}"), self.op(f"sub i64 {last}, {first}")
        for index, value in enumerate(("%next_number", offset, length)):
            cell = self.op(f"getelementptr i64, ptr %column_demoted, i64 {self.op(f'add i64 {triple}, {index}')}")
            self.do(f"store i64 {value}, ptr {cell}")
        self.do("%next_demotions = add i64 %demotions, 1")
        self.do("br label %line")
        self.block("done")
        counted = (("rows", "row"), ("demoted_lines", "demotions"), ("lines", "number"), ("ignored", "ignored"))
        for counter, value in counted:
            self.do(f"store i64 %{value}, ptr %counter_{counter}")
        self.do("ret i64 %row")


def split(bodies: Sequence[Shape]) -> tuple[list[Shape], list[Shape]]:
    """The shapes that get code of their own (each frequent rule's first alternative), and the interpreter's."""
    hot: dict[tuple[str, str], Shape] = {}
    for shape in bodies:
        if shape.grammar in HOT_GRAMMARS and shape.rule in HOT_RULES:
            hot.setdefault((shape.grammar, shape.rule), shape)
    own = list(hot.values())
    return own, [shape for shape in bodies if shape not in own]


def module(prefixes: Sequence[Shape], bodies: Sequence[Shape]) -> str:
    """The whole module as text."""
    definitions = Definitions()
    walker = ParseWalker(definitions)
    walker.loop_head()
    walker.block("prefix")
    # The prefixes of other captures are the portable engine's: such logs are short.
    own = [shape for shape in prefixes if shape.grammar == "prefixes"]
    walker.walk(build(own), "%text", (), "bare")
    walker.body_head()
    walker.walk(build(split(bodies)[0]), "%at", (), "cold")
    walker.cold_call()
    walker.commit()
    walker.demote_and_done()
    parse = "define i64 @parse(ptr %block, i64 %length, ptr %context) {\n" + "\n".join(walker.code) + "\n}\n"
    return runtime.runtime() + interpreter() + "".join(definitions.texts) + parse
