"""The interpreter of `program.Program` as LLVM IR.

`i64 @interpret(ptr text, ptr words, ptr pool, ptr row)` returns the start of the next line, 0 where no shape matches, 1
where the portable engine has to decide.  `row` are the cells of `llvm_rows.ROW`.
"""

from quirkfinder.reading.llvm_rows import ROW
from quirkfinder.reading.program import MARKS, Op


def _arguments(op: Op, names: str) -> str:
    """Loads the words behind an operation into values named after it."""
    lines = []
    for index, name in enumerate(names.split(), 1):
        lines.append(f"  %{op.name}_{name}_word = getelementptr i64, ptr %pc, i64 {index}")
        lines.append(f"  %{op.name}_{name} = load i64, ptr %{op.name}_{name}_word")
    return "\n".join(lines)


def _next(op: Op, words: int) -> str:
    """Where the following instruction lies."""
    return f"  %{op.name}_next = getelementptr i64, ptr %pc, i64 {words}"


def _text_cells(op: Op, end: str) -> str:
    """Stores start and length of a text field where a cell is given."""
    o = op.name
    return f"""
  %{o}_wanted = icmp sge i64 %{o}_cell, 0
  br i1 %{o}_wanted, label %{o}_store, label %{o}_done
{o}_store:
  %{o}_first = ptrtoint ptr %at to i64
  %{o}_last = ptrtoint ptr {end} to i64
  %{o}_length = sub i64 %{o}_last, %{o}_first
  %{o}_text_at = getelementptr i64, ptr %row, i64 %{o}_cell
  %{o}_length_at = getelementptr i64, ptr %{o}_text_at, i64 1
  store i64 %{o}_first, ptr %{o}_text_at
  store i64 %{o}_length, ptr %{o}_length_at
  br label %{o}_done
{o}_done:
  br label %step"""


def interpreter() -> str:
    """The text of the interpreter."""
    cases = " ".join(f"i64 {op.value}, label %{op.name}" for op in Op if op is not Op.NO)
    # Where the loop goes on: (block, next instruction, position).
    onward = [
        ("LITERAL_good", "%LITERAL_next", "%LITERAL_after"),
        ("SWITCH_taken", "%SWITCH_target_place", "%SWITCH_after"),
        ("SKIP_done", "%SKIP_next", "%SKIP_place"),
        ("NUMBER_good", "%NUMBER_next", "%NUMBER_place"),
        ("SCAN_done", "%SCAN_next", "%SCAN_place"),
        ("REST_done", "%REST_next", "%REST_place"),
        ("MARK", "%MARK_next", "%at"),
        ("RESET", "%RESET_next", "%RESET_place"),
        ("failed", "%fail_place", "%at"),
    ]
    program_counters = ", ".join(f"[ {place}, %{label} ]" for label, place, _ in onward)
    positions = ", ".join(f"[ {place}, %{label} ]" for label, _, place in onward)
    fails = ("LITERAL", "SWITCH", "SKIP", "NUMBER", "SCAN", "REST", "END")
    fail_words = ", ".join(f"[ %{op}_fail, %{op}{'_miss' if op == 'SWITCH' else ''} ]" for op in fails)
    row = "\n".join(
        f"""  %cell_{i}_in = getelementptr i64, ptr %pc, i64 {i + 2}
  %cell_{i}_new = load i64, ptr %cell_{i}_in
  %cell_{i}_at = getelementptr i64, ptr %row, i64 {i}
  %cell_{i}_old = load i64, ptr %cell_{i}_at
  %cell_{i}_bit = and i64 %END_mask, {1 << i}
  %cell_{i}_set = icmp ne i64 %cell_{i}_bit, 0
  %cell_{i} = select i1 %cell_{i}_set, i64 %cell_{i}_new, i64 %cell_{i}_old
  store i64 %cell_{i}, ptr %cell_{i}_at"""
        for i in range(len(ROW))
    )
    mask_at = len(ROW) + 2
    return f"""
define internal i64 @interpret(ptr %text, ptr %words, ptr %pool, ptr %row) noinline {{
entry:
  %marks = alloca [{MARKS} x ptr]
  br label %step
step:
  %pc = phi ptr [ %words, %entry ], {program_counters}
  %at = phi ptr [ %text, %entry ], {positions}
  %op = load i64, ptr %pc
  switch i64 %op, label %no [ {cases} ]
failed:
  %fail = phi i64 {fail_words}
  %fail_place = getelementptr i64, ptr %words, i64 %fail
  br label %step
LITERAL:
{_arguments(Op.LITERAL, "offset length fail")}
{_next(Op.LITERAL, 4)}
  %LITERAL_text = getelementptr i8, ptr %pool, i64 %LITERAL_offset
  %LITERAL_is = call i1 @same(ptr %at, ptr %LITERAL_text, i64 %LITERAL_length)
  br i1 %LITERAL_is, label %LITERAL_good, label %failed
LITERAL_good:
  %LITERAL_after = getelementptr i8, ptr %at, i64 %LITERAL_length
  br label %step
SWITCH:
{_arguments(Op.SWITCH, "count fail")}
  %SWITCH_byte = load i8, ptr %at
  %SWITCH_wide = zext i8 %SWITCH_byte to i64
  %SWITCH_first = getelementptr i64, ptr %pc, i64 3
  br label %SWITCH_look
SWITCH_look:
  %SWITCH_index = phi i64 [ 0, %SWITCH ], [ %SWITCH_more, %SWITCH_other ]
  %SWITCH_over = icmp eq i64 %SWITCH_index, %SWITCH_count
  br i1 %SWITCH_over, label %SWITCH_miss, label %SWITCH_compare
SWITCH_miss:
  br label %failed
SWITCH_compare:
  %SWITCH_twice = shl i64 %SWITCH_index, 1
  %SWITCH_case = getelementptr i64, ptr %SWITCH_first, i64 %SWITCH_twice
  %SWITCH_value = load i64, ptr %SWITCH_case
  %SWITCH_is = icmp eq i64 %SWITCH_value, %SWITCH_wide
  br i1 %SWITCH_is, label %SWITCH_taken, label %SWITCH_other
SWITCH_other:
  %SWITCH_more = add i64 %SWITCH_index, 1
  br label %SWITCH_look
SWITCH_taken:
  %SWITCH_target_at = getelementptr i64, ptr %SWITCH_case, i64 1
  %SWITCH_target = load i64, ptr %SWITCH_target_at
  %SWITCH_target_place = getelementptr i64, ptr %words, i64 %SWITCH_target
  %SWITCH_after = getelementptr i8, ptr %at, i64 1
  br label %step
SKIP:
{_arguments(Op.SKIP, "table low high cell fail")}
{_next(Op.SKIP, 6)}
  %SKIP_class = getelementptr i8, ptr %pool, i64 %SKIP_table
  %SKIP_place = call ptr @skip(ptr %at, ptr %SKIP_class, i64 %SKIP_low, i64 %SKIP_high)
  %SKIP_number = ptrtoint ptr %SKIP_place to i64
  switch i64 %SKIP_number, label %SKIP_good [ i64 0, label %failed
                                              i64 1, label %unclear ]
SKIP_good:
{_text_cells(Op.SKIP, "%SKIP_place")}
NUMBER:
{_arguments(Op.NUMBER, "kind low high limit cell fail")}
{_next(Op.NUMBER, 7)}
  %NUMBER_slot = getelementptr i64, ptr %row, i64 %NUMBER_cell
  %NUMBER_place = call ptr @number(ptr %at, i64 %NUMBER_kind, i64 %NUMBER_low, i64 %NUMBER_high,
                                   i64 %NUMBER_limit, ptr %NUMBER_slot)
  %NUMBER_number = ptrtoint ptr %NUMBER_place to i64
  switch i64 %NUMBER_number, label %NUMBER_good [ i64 0, label %failed
                                                  i64 1, label %unclear ]
NUMBER_good:
  br label %step
SCAN:
{_arguments(Op.SCAN, "table offset size certain cell fail")}
{_next(Op.SCAN, 7)}
  %SCAN_class = getelementptr i8, ptr %pool, i64 %SCAN_table
  %SCAN_literal = getelementptr i8, ptr %pool, i64 %SCAN_offset
  %SCAN_place = call ptr @scan(ptr %at, ptr %SCAN_class, ptr %SCAN_literal, i64 %SCAN_size, i64 %SCAN_certain)
  %SCAN_number = ptrtoint ptr %SCAN_place to i64
  switch i64 %SCAN_number, label %SCAN_good [ i64 0, label %failed
                                              i64 1, label %unclear ]
SCAN_good:
  %SCAN_back = sub i64 0, %SCAN_size
  %SCAN_end = getelementptr i8, ptr %SCAN_place, i64 %SCAN_back
{_text_cells(Op.SCAN, "%SCAN_end")}
REST:
{_arguments(Op.REST, "table cell fail")}
{_next(Op.REST, 4)}
  %REST_class = getelementptr i8, ptr %pool, i64 %REST_table
  %REST_place = call ptr @rest(ptr %at, ptr %REST_class)
  %REST_number = ptrtoint ptr %REST_place to i64
  switch i64 %REST_number, label %REST_good [ i64 0, label %failed
                                              i64 1, label %unclear ]
REST_good:
{_text_cells(Op.REST, "%REST_place")}
END:
{_arguments(Op.END, "fail")}
  %END_after = call ptr @end_of_line(ptr %at)
  %END_none = icmp eq ptr %END_after, null
  br i1 %END_none, label %failed, label %END_good
END_good:
  %END_mask_at = getelementptr i64, ptr %pc, i64 {mask_at}
  %END_mask = load i64, ptr %END_mask_at
{row}
  %END_number = ptrtoint ptr %END_after to i64
  ret i64 %END_number
MARK:
{_arguments(Op.MARK, "number")}
{_next(Op.MARK, 2)}
  %MARK_at = getelementptr ptr, ptr %marks, i64 %MARK_number
  store ptr %at, ptr %MARK_at
  br label %step
RESET:
{_arguments(Op.RESET, "number")}
{_next(Op.RESET, 2)}
  %RESET_at = getelementptr ptr, ptr %marks, i64 %RESET_number
  %RESET_place = load ptr, ptr %RESET_at
  br label %step
no:
  ret i64 0
unclear:
  ret i64 1
}}
"""
