"""QEMU's command line as a log or a note beside it has it: libvirt's log, a shell script, `ps`, one line or many.

Only what says how the trace was made is kept: the inventory stage reads the devices, this adds logging and tracing.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise

from quirkfinder.inventory.commandline import devices_of

_PROGRAM = re.compile(r"(?:^|/)(?:qemu-system-[\w-]+|qemu-kvm|kvm|qemu)$")
_START = re.compile(r"(?:[^\s'\"]*/)?(?:qemu-system-[\w-]+|qemu-kvm)(?=\s)")
_VFIO_DRIVERS = re.compile(r"vfio-(?:pci|pci-nohotplug|user-pci)$")
_HOST = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """One `-device`: its driver and the properties given."""

    driver: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def host_address(self) -> str | None:
        """`dddd:bb:ss.f` of `host=` or of the end of `sysfsdev=`, None where there is none."""
        text = self.properties.get("host") or self.properties.get("sysfsdev", "").rpartition("/")[2]
        match = _HOST.match(text)
        if match is None:
            return None
        domain, bus, slot, function = (int(part or "0", 16) for part in match.groups())
        return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"

    def is_on(self, name: str) -> bool | None:
        """A switch given as on or off; None where it was not given or is neither."""
        value = self.properties.get(name, "").lower()
        return {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}.get(value)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a QEMU command line says of the capture."""

    devices: tuple[DeviceOptions, ...] = ()  # the passed-through ones only
    log_items: frozenset[str] = frozenset()  # -d
    traces: tuple[str, ...] = ()  # patterns of -trace; events=FILE as `events=`
    timestamps: bool = False
    machine: str | None = None

    def device(self, host_address: str | None) -> DeviceOptions | None:
        """The options of a card; without an address the only passed-through device there is."""
        for device in self.devices:
            if host_address is not None and device.host_address == host_address:
                return device
        return (
            self.devices[0] if len(self.devices) == 1 and self.devices[0].host_address in (None, host_address) else None
        )

    def traces_event(self, name: str) -> bool | None:
        """Is a trace event switched on? None where patterns lie in a file or none is given."""
        if any(fnmatchcase(name, pattern) for pattern in self.traces):
            return True
        return False if self.traces and "events=" not in self.traces else None

    @property
    def is_vfio_user(self) -> bool:
        """Are all passed-through devices behind a vfio-user socket?"""
        return bool(self.devices) and all(d.driver == "vfio-user-pci" for d in self.devices)


def read_command_line(text: str) -> CommandLine | None:
    """The last QEMU command line in `text`; None where there is none with a passed-through device."""
    found = None
    for start in _START.finditer(text):
        arguments = _arguments(text[start.start() :])
        command = _command(arguments) if arguments and _PROGRAM.search(arguments[0]) else None
        found = command if command is not None and command.devices else found
    return found


def _arguments(text: str) -> list[str]:
    """The words of the command that `text` starts with: backslash-newline goes on, a plain newline ends it."""
    line = re.split(r"(?<!\\)\n", text.replace("\r\n", "\n"), maxsplit=1)[0].replace("\\\n", " ")
    try:
        return shlex.split(line[:200_000])
    except ValueError:  # an unclosed quote: what stands before it is still good
        return line.split()


def _command(arguments: list[str]) -> CommandLine:
    items: set[str] = set()
    traces: list[str] = []
    timestamps, machine = False, None
    for option, value in _options(arguments):
        if option == "d":
            items |= {item.strip() for item in value.split(",") if not item.startswith("trace:")}
            traces += [item.removeprefix("trace:") for item in value.split(",") if item.startswith("trace:")]
        elif option == "trace":
            traces.append(_trace_pattern(value))
        elif option == "msg":
            timestamps = "timestamp=on" in value or value in ("timestamp", "timestamp=yes")
        elif option in ("machine", "M"):
            machine = value.split(",")[0].removeprefix("type=")
    found = devices_of(shlex.join(arguments))
    devices = tuple(DeviceOptions(d.driver, dict(d.options)) for d in found if _VFIO_DRIVERS.match(d.driver))
    return CommandLine(devices, frozenset(items), tuple(traces), timestamps, machine)


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    for option, value in pairwise(arguments[1:]):
        if option.startswith("-") and len(option) > 1:
            yield option.lstrip("-"), value


def _trace_pattern(value: str) -> str:
    """The pattern of `PATTERN`, `enable=PATTERN` or `events=FILE`; a file's content is not known."""
    for part in value.split(","):
        name, equals, rest = part.partition("=")
        if not equals:
            return name
        if name == "enable":
            return rest
        if name == "events":
            return "events="
    return ""
