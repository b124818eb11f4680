"""What a line of a given rule means beyond its fields: the few columns that the line does not spell out."""

from dataclasses import dataclass
from functools import cache

from quirkfinder.events import CONFIG, EVENTS, ROM, VGA
from quirkfinder.reading.shapes import Shape, body_shapes

#: Halves of a record that QEMU up to 9.0 prints on two lines; `joining` makes one `region_setup` of them.
TWO_LINE_EVENTS = ("region_header", "region_body")
#: Codes of events: positions in this tuple.
CODES: dict[str, int] = {name: code for code, name in enumerate((*EVENTS, *TWO_LINE_EVENTS))}
HEADER, BODY = CODES["region_header"], CODES["region_body"]

_REGIONS = {
    "config_read": CONFIG,
    "config_write": CONFIG,
    "emulated_id": CONFIG,
    "rom_read": ROM,
    "vga_read": VGA,
    "vga_write": VGA,
    "region_setup__rom": ROM,
    "region_setup__config": CONFIG,
    "region_header__rom": ROM,
    "region_header__config": CONFIG,
    "failed_read__config": CONFIG,
    "failed_write__config": CONFIG,
    "failed_read__vga": VGA,
    "failed_write__vga": VGA,
}
#: Config offset and size in bytes of the ids that QEMU can replace (PCI Local Bus 3.0, 6.1).
_IDS = {
    "emulated_id__vendor": (0x00, 2),
    "emulated_id__device": (0x02, 2),
    "emulated_id__sub_vendor": (0x2C, 2),
    "emulated_id__sub_device": (0x2E, 2),
    "emulated_id__class_code": (0x09, 3),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """Columns that are the same for every line of a shape; None: from the line, or null.

    `detail` is the constant detail; with `joined_detail` the line's own word follows it behind a blank, else the line's
    own word replaces it.
    """

    code: int
    region: int | None
    address: int | None
    size: int | None
    detail: str | None
    joined_detail: bool


@cache
def meaning(shape: Shape) -> Meaning | None:
    """What a shape means, None for a line that is known and ignored."""
    event = shape.event
    if event is None:
        return None
    address, size = _IDS.get(shape.rule, (None, None))
    region = _REGIONS.get(shape.rule, _REGIONS.get(event))
    detail = None if event in {"region_setup", *TWO_LINE_EVENTS} else shape.constant_detail
    has_word = shape.field("DETAIL") is not None
    return Meaning(CODES[event], region, address, size, detail, joined_detail=detail is not None and has_word)


@cache
def constant_details() -> tuple[str | None, ...]:
    """Null and every constant detail in a fixed order: their positions are ids in the tables of names."""
    found = {
        m.detail for shape in body_shapes() if (m := meaning(shape)) is not None and m.detail and not m.joined_detail
    }
    return (None, *sorted(found))
