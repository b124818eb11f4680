"""`lspci -vmm` (pciutils 3.x): a field a line, an empty line between functions; it has names and ids but no BARs.

The ids are there with `-n` or `-nn` only, the driver with `-k`.
"""

import re
from dataclasses import replace

from quirkfinder.inventory.facts import HostFunction
from quirkfinder.inventory.text import BDF, full_address

SLOT = re.compile(rf"^Slot:\s+({BDF})$")
_FIELD = re.compile(
    r"^(Class|Vendor|Device|SVendor|SDevice|Rev|ProgIf|Driver|Module|NUMANode|IOMMUGroup|PhySlot|DTNode):\s+(\S.*)$"
)
#: With `-nn` a number in brackets behind the name, with `-n` the number alone.
_NUMBER = re.compile(r"(?:^|\[)([0-9a-f]{4})\]?$")
_COLUMNS = {"Vendor": "vendor", "Device": "device", "SVendor": "subvendor", "SDevice": "subdevice"}


class FieldReader:
    """Feed it lines; `functions` has a `lspci` record for each function."""

    def __init__(self) -> None:
        self.functions: list[HostFunction] = []
        self._fields: dict[str, str] = {}
        self._function: HostFunction | None = None

    def feed(self, number: int, line: str) -> bool:
        """True where the line belongs to a listing."""
        if slot := SLOT.match(line):
            self.boundary()
            self._function = HostFunction("lspci", full_address(slot[1]), line=number)
            return True
        found = _FIELD.match(line)
        if self._function is None or found is None:
            return False
        self._fields.setdefault(found[1], found[2])
        return True

    def boundary(self) -> None:
        """The record read so far is complete."""
        function, fields = self._function, self._fields
        self._function, self._fields = None, {}
        if function is None or not fields:
            return
        ids = {_COLUMNS[name]: _number(text) for name, text in fields.items() if name in _COLUMNS}
        kind = _number(fields.get("Class", ""))
        progif = fields.get("ProgIf", "")
        interface = int(progif, 16) if re.fullmatch("[0-9a-f]{2}", progif) else 0
        self.functions.append(
            replace(
                function,
                **ids,  # type: ignore[arg-type]  # ids only
                name=" ".join(fields[part] for part in ("Vendor", "Device") if part in fields),
                class_code=None if kind is None else kind << 8 | interface,
                driver=fields.get("Driver"),
            )
        )


def _number(text: str) -> int | None:
    found = _NUMBER.search(text)
    return int(found[1], 16) if found else None
