"""QEMU command lines: which host device went where, with which options.

One line as a shell would take it, or libvirt's form of one argument a line with a backslash at the end.  A `-device`
is `driver,option=value,…` (a doubled comma stands for one) or, since QEMU 6.0, a JSON object.
"""

import json
import re
import shlex
from itertools import pairwise

from quirkfinder.inventory.facts import GuestDevice

COMMAND = re.compile(r"(?:^|[\s/])(?:qemu-system-\w+|qemu-kvm|kvm)(?:\s|$)")
_DEVICE = re.compile(r"(?:^|\s)'?-device(?:'?[\s=]|'?$)")
_LONGEST = 1 << 17


class CommandLineReader:
    """Feed it lines; `devices` has every `-device` in the order given."""

    def __init__(self) -> None:
        self.devices: list[GuestDevice] = []
        self._pieces: list[str] = []
        self._length = 0

    def feed(self, line: str) -> bool:
        """True for a line of a command line that starts QEMU."""
        if not self._pieces and not COMMAND.search(line):
            return False
        continued = line.endswith("\\") and not line.endswith("\\\\")
        if not self._pieces and not continued and not _DEVICE.search(line):
            return False
        self._length += len(line)
        if self._length < _LONGEST:
            self._pieces.append(line.removesuffix("\\") if continued else line)
        if not continued:
            self.boundary()
        return True

    def boundary(self) -> None:
        """The command line read so far is complete."""
        pieces, self._pieces, self._length = self._pieces, [], 0
        if pieces:
            self.devices.extend(devices_of(" ".join(pieces)))


def devices_of(command: str) -> list[GuestDevice]:
    """The `-device` arguments of a command line. An unbalanced quote splits at blanks instead of failing."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    found = []
    for option, argument in pairwise(words):
        if option in ("-device", "--device"):
            device = _device(argument)
            if device is not None:
                found.append(device)
    return found


def _device(argument: str) -> GuestDevice | None:
    if argument.startswith("{"):
        try:
            document = json.loads(argument)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict):
            return None
        options = tuple(_flatten("", document))
        driver = next((value for key, value in options if key == "driver"), "")
        return GuestDevice(driver, tuple(pair for pair in options if pair[0] != "driver"))
    words = [word.replace("\0", ",") for word in argument.replace(",,", "\0").split(",")]
    driver = words[0].removeprefix("driver=")
    pairs = (word.partition("=") for word in words[1:])
    return GuestDevice(driver, tuple((key, value if mark else "on") for key, mark, value in pairs if key))


def _flatten(prefix: str, document: dict[str, object]) -> list[tuple[str, str]]:
    """Nested members as QEMU's dotted keys: `socket.path`. Booleans as on and off."""
    pairs: list[tuple[str, str]] = []
    for key, value in document.items():
        if isinstance(value, dict):
            pairs += _flatten(f"{prefix}{key}.", value)
        elif isinstance(value, bool):
            pairs.append((prefix + key, "on" if value else "off"))
        elif isinstance(value, str | int):
            pairs.append((prefix + key, str(value)))
    return pairs
