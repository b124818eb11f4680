"""LLVM IR that the generated parser calls: digits, ends of lines, dates, the table of names (see also `runtime.ll`).

Conventions: a parsing function returns the position behind what it took, null where the text does not match, and the
pointer 1 where the portable engine has to decide (a value too large, a byte above 0x7f, an ambiguous split).  Every
buffer ends with a newline and has `PADDING` readable bytes behind it, so no function needs to know its end.
"""

from pathlib import Path
from string import Template

from quirkfinder.reading.shapes import LONGEST_NAME
from quirkfinder.reading.times import LAST_YEAR, MONTH_DAYS

PADDING = 128
#: Slots of the hash table of names, and how many names it takes before lines with new ones are handed over.
NAME_SLOTS = 8192
NAME_LIMIT = 4096


def byte_table(name: str, values: list[int]) -> str:
    """A constant table of 256 bytes."""
    cells = ", ".join(f"i8 {value}" for value in values)
    return f"@{name} = internal unnamed_addr constant [{len(values)} x i8] [{cells}]\n"


def digit_tables() -> str:
    """Values of hexadecimal digits in lower and upper case, -1 for other bytes; powers of ten; days of months."""
    out = ""
    for name, digits in (("lower_digits", "0123456789abcdef"), ("upper_digits", "0123456789ABCDEF")):
        out += byte_table(name, [digits.find(chr(byte)) if chr(byte) in digits else -1 for byte in range(256)])
    out += byte_table("month_days", [0, *MONTH_DAYS])
    powers = ", ".join(f"i64 {10 ** (9 - digits)}" for digits in range(10))
    return out + f"@powers = internal unnamed_addr constant [10 x i64] [{powers}]\n"


def number_function(name: str, attributes: str, table: str | None) -> str:
    """`{ptr, i64} @name(ptr text, i64 low, i64 high)`: hexadecimal with a table of digits, else decimal.

    20 decimal digits may not fit 64 bits: those are left to the portable engine.
    """
    if table is None:
        digit = "%wide = sub i64 %code, 48\n  %stop = icmp ugt i64 %wide, 9"
        shifted = "%shifted = mul i64 %value, 10"
        too_long = "%long = icmp ugt i64 %count, 19"
    else:
        digit = f"""%cell = getelementptr i8, ptr @{table}, i64 %code
  %small = load i8, ptr %cell
  %wide = sext i8 %small to i64
  %stop = icmp slt i64 %wide, 0"""
        shifted = "%shifted = shl i64 %value, 4"
        too_long = "%long = icmp ugt i64 %count, 16"
    return f"""
define internal {{ptr, i64}} @{name}(ptr %text, i64 %low, i64 %high) {attributes} {{
entry:
  br label %next
next:
  %at = phi ptr [ %text, %entry ], [ %after, %take ]
  %value = phi i64 [ 0, %entry ], [ %sum, %take ]
  %byte = load i8, ptr %at
  %code = zext i8 %byte to i64
  {digit}
  br i1 %stop, label %end, label %take
take:
  {shifted}
  %sum = add i64 %shifted, %wide
  %after = getelementptr i8, ptr %at, i64 1
  br label %next
end:
  %first = ptrtoint ptr %text to i64
  %last = ptrtoint ptr %at to i64
  %count = sub i64 %last, %first
  %few = icmp ult i64 %count, %low
  %many = icmp ugt i64 %count, %high
  %wrong = or i1 %few, %many
  {too_long}
  %kept = select i1 %long, ptr inttoptr (i64 1 to ptr), ptr %at
  %where = select i1 %wrong, ptr null, ptr %kept
  %half = insertvalue {{ptr, i64}} undef, ptr %where, 0
  %whole = insertvalue {{ptr, i64}} %half, i64 %value, 1
  ret {{ptr, i64}} %whole
}}
"""


def scan_function(name: str, attributes: str, class_name: str, literal: bytes, *, certain: bool) -> str:
    """`ptr @name(ptr text)`: behind the first `literal` that follows one or more bytes of a class.

    A class table holds 1 for members and 2 for bytes that the portable engine has to judge.  With `certain` False the
    rest of the field is searched for the literal again; a second one is the portable engine's to weigh.
    """
    length = len(literal)
    load = f"""  %{{0}}word = load i{8 * length}, ptr %{{1}}, align 1
  %{{0}}is = icmp eq i{8 * length} %{{0}}word, {int.from_bytes(literal, "little")}"""
    again = f"""
again:
  %second = phi ptr [ %second_start, %found ], [ %second_next, %second_other ]
{load.format("b_", "second")}
  br i1 %b_is, label %unclear, label %second_look
second_look:
  %second_byte = load i8, ptr %second
  %second_code = zext i8 %second_byte to i64
  %second_cell = getelementptr i8, ptr @{class_name}, i64 %second_code
  %second_member = load i8, ptr %second_cell
  %second_in = icmp eq i8 %second_member, 0
  br i1 %second_in, label %finish, label %second_other
second_other:
  %second_next = getelementptr i8, ptr %second, i64 1
  br label %again
"""
    return f"""
define internal ptr @{name}(ptr %text) {attributes} {{
entry:
  br label %member
member:
  %at = phi ptr [ %text, %entry ], [ %after, %advance ]
  %byte = load i8, ptr %at
  %code = zext i8 %byte to i64
  %cell = getelementptr i8, ptr @{class_name}, i64 %code
  %kind = load i8, ptr %cell
  switch i8 %kind, label %unclear [ i8 0, label %none
                                    i8 1, label %advance ]
advance:
  %after = getelementptr i8, ptr %at, i64 1
{load.format("a_", "after")}
  br i1 %a_is, label %found, label %member
found:
  %behind = getelementptr i8, ptr %after, i64 {length}
  %second_start = getelementptr i8, ptr %after, i64 1
  br label %{"finish" if certain else "again"}
{"" if certain else again}
finish:
  ret ptr %behind
none:
  ret ptr null
unclear:
  ret ptr inttoptr (i64 1 to ptr)
}}
"""


def runtime() -> str:
    """All functions that do not depend on the shapes."""
    tables = (("decimal", None), ("lower", "lower_digits"), ("upper", "upper_digits"))
    numbers = "".join(number_function(kind, "noinline", table) for kind, table in tables)
    text = Path(__file__).with_name("runtime.ll").read_text(encoding="utf-8")
    constants = {"last_year": LAST_YEAR, "slot_mask": NAME_SLOTS - 1, "name_limit": NAME_LIMIT}
    constants["longest_name"] = LONGEST_NAME
    return digit_tables() + numbers + Template(text).substitute(constants)
