"""How to record a trace from which back doors can be told: the text of `quirkfinder capture`.

Everything depends on the release: which option keeps BARs trapped, which log item shows unassigned accesses, whether a
line has a clock.  `recipe` writes it for one release, or for the newest with a note on others.
"""

import re
import textwrap

from quirkfinder.knowledge import advice
from quirkfinder.knowledge.versions import NEWEST, Version, VersionRange

_TRACED = Version(2, 3)
_PATTERNS = Version(2, 6)  # -trace PATTERN; before, patterns only in a file
_EVENTS = ("vfio_*", "memory_region_ops_*", "pci_update_mappings_*")
_LIBVIRT = "/var/log/libvirt/qemu"  # libvirt starts QEMU in / and its security labels allow this folder
_ADDRESS = re.compile(r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-1][0-9a-fA-F]\.[0-7]")


def recipe(version: str | None = None, device: str | None = None) -> str:
    """The steps as plain text, ready for a terminal or a file, ending with a newline.

    `version` is a release (`7.2`; ValueError where it is none), `device` the host address of the card
    (`0000:01:00.0`; ValueError where it is none).  Without them the newest known release and a placeholder are used.
    """
    release = NEWEST if version is None else Version.parse(version)
    if device is not None and _ADDRESS.fullmatch(device) is None:
        raise ValueError(f"{device!r} is not a PCI address: expected dddd:bb:ss.f, such as 0000:01:00.0")
    address = device or "DDDD:BB:SS.F"
    releases = VersionRange(release, release)
    title = f"Recording a trace with QEMU {release}"
    note = "" if version is not None else "  (the newest known; --qemu VERSION for another: options changed often)\n"
    parts = [
        f"{title}\n{'=' * len(title)}\n{note}",
        _options(releases, address) if release >= _TRACED else _rebuild(releases, address),
        _libvirt(releases) if release >= _TRACED else "",
        _before(address),
        _guest(),
        _size(),
        _check(releases),
    ]
    return "\n".join(part for part in parts if part)


def device_properties(version: VersionRange) -> tuple[str, ...]:
    """The properties of the vfio-pci device that keep its accesses in the log, for the lowest release of the range."""
    first = version.first
    if first < _TRACED:
        return ()
    mapping = ("x-no-mmap=on",) if first >= Version(2, 5) else ("x-mmap=off",)
    interrupts = ("x-no-kvm-intx=on", "x-no-kvm-msi=on", "x-no-kvm-msix=on") if first >= Version(2, 5) else ()
    eventfd = ("x-no-kvm-ioeventfd=on", "x-no-vfio-ioeventfd=on") if first >= Version(3, 0) else ()
    return (*mapping, *interrupts, *eventfd)


def command_options(version: VersionRange) -> tuple[tuple[str, str], ...]:
    """Options of QEMU itself, as (option, value), for the lowest release of the range."""
    if version.first < _TRACED:
        return ()
    if version.first < _PATTERNS:
        traces, output = [("-trace", "events=trace-events.txt")], []
    else:
        traces, output = [("-trace", pattern) for pattern in _EVENTS], [("-D", "qemu-%d.log")]
    items = ",".join(advice.log_items(version))
    stamp = [("-msg", "timestamp=on")] if version.first >= Version(6, 0) else []
    return (*traces, *([("-d", items)] if items else []), *output, *stamp)


def _options(version: VersionRange, address: str) -> str:
    properties = ",".join(("", *device_properties(version)))
    lines = [f"  -device vfio-pci,host={address}{properties} \\"]
    lines += [f"  {option} {_quoted(value)} \\" for option, value in command_options(version)]
    lines[-1] = lines[-1].removesuffix(" \\")
    unassigned = advice.unassigned_log(version)
    notes = [
        "Keep x-vga=on if the card had it: legacy VGA doors show only then.",
        "memory_region_ops_* doubles the log; it is the only way to see unassigned ports and the MSI-X table.",
        "Leave QEMU's own quirks on; a run without NVIDIA's takes x-no-geforce-quirks=on (2.12 and newer).",
    ]
    if not unassigned.startswith("-d"):
        notes.append(f"Unassigned memory accesses need {unassigned}.")
    if version.first < _PATTERNS:
        patterns = " ".join(f"'{pattern}'" for pattern in _EVENTS)
        notes.append(f"The patterns go into a file first:\nprintf '%s\\n' {patterns} > trace-events.txt")
        notes.append("This release traces to stderr, not to the file of -D: append 2> qemu.log.")
    return "1. Options\n" + "\n".join(lines) + "\n\n" + _bullets(notes)


def _rebuild(version: VersionRange, address: str) -> str:
    notes = [
        f"The accesses need {advice.tracing(version)}.",
        f"BARs have to be trapped: {advice.no_mapping(version)}.",
        f"Unassigned accesses need {advice.unassigned_log(version)}; they go to stdout, the rest to stderr.",
        f"For a clock use {advice.clock(version)}.",
        f"Then run with -device vfio-pci,host={address} and keep both outputs in one file: > qemu.log 2>&1.",
    ]
    return "1. A build of its own (there is no run-time tracing before 2.3)\n" + _bullets(notes)


def _libvirt(version: VersionRange) -> str:
    arguments = [f"    <qemu:arg value='{_xml(text)}'/>" for option in command_options(version) for text in option]
    lines = [
        "2. The same under libvirt (virsh edit; the domain element needs",
        "   xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'; hostdev0 is the alias in virsh dumpxml)",
        "  <qemu:commandline>",
        *[
            a.replace("qemu-%d.log", f"{_LIBVIRT}/trace.log").replace("=trace-", f"={_LIBVIRT}/trace-")
            for a in arguments
        ],
        "  </qemu:commandline>",
        "  <qemu:override>",
        "    <qemu:device alias='hostdev0'>",
        "      <qemu:frontend>",
    ]
    for entry in device_properties(version):
        name, _, value = entry.partition("=")
        lines.append(
            f"        <qemu:property name='{name}' type='bool' value='{'true' if value == 'on' else 'false'}'/>"
        )
    lines += ["      </qemu:frontend>", "    </qemu:device>", "  </qemu:override>", ""]
    notes = [
        (
            "qemu:override needs libvirt 8.2. Older ones with QEMU up to 6.1 take one pair for each property:"
            f"\n<qemu:arg value='-set'/> <qemu:arg value='device.hostdev0.{device_properties(version)[0]}'/>"
        ),
        "libvirt passes -msg timestamp=on itself; SELinux or AppArmor may forbid the log file elsewhere.",
    ]
    return "\n".join(lines) + _bullets(notes)


def _before(address: str) -> str:
    commands = [
        f"lspci -vvnn -s {address} > host-lspci.txt       # as root, while the guest is off or right after it started",
        f"lspci -xxxx -s {address} > host-lspci-xxxx.txt  # as root: the host's config space",
        f"cat /sys/bus/pci/devices/{_full(address)}/resource > host-resource.txt",
        "cat /proc/iomem > host-iomem.txt                 # as root, or all addresses are zero",
        "cat /proc/ioports > host-ioports.txt",
    ]
    intro = "3. Host inventory, from the same boot as the trace (addresses change between boots)\n"
    close = "  quirkfinder capture --device ADDRESS collects these where it runs on the host.\n"
    return intro + "".join(f"  {c}\n" for c in commands) + close


def _guest() -> str:
    notes = [
        "At the end of the run, in the monitor: info pci and info mtree -f, saved as guest-monitor.txt.",
        "Exercise the driver: cold boot, driver start, one mode change or transfer, shutdown.",
        "Save the command line (or libvirt's log) in the folder: it tells the version and the options.",
    ]
    return "4. Guest inventory and what to run\n" + _bullets(notes)


def _size() -> str:
    notes = [
        (
            "A line takes 60 to 120 bytes. A graphics driver makes 100 000 to 200 000 register accesses and, as its"
            " framebuffer is trapped too, millions more: expect 10 MB to 1 GB; zstd takes that to a twentieth."
        ),
        (
            "A trapped access costs about 20 microseconds: drivers load in minutes, watchdogs bark, and what depends on"
            " timing may behave differently. Compare with a run that is not traced."
        ),
        (
            "All BARs are trapped or none. To keep the framebuffer out of the file, log into a pipe and drop its region"
            " (here BAR 0):\nmkfifo t; grep -v --line-buffered ':region0+' t | zstd > qemu.log.zst &   and -D t"
        ),
        (
            "A guest that fills the framebuffer with vector instructions can die of a KVM internal error while BARs"
            " are trapped: take a guest without a boot splash, or a text console."
        ),
    ]
    return "5. Size and speed\n" + _bullets(notes)


def _check(version: VersionRange) -> str:
    notes = [
        f"Unassigned memory accesses: {advice.unassigned_log(version)}.",
        f"Unassigned ports: {advice.memory_tracing(version)}.",
        "quirkfinder analyze FOLDER says what the capture cannot show.",
    ]
    return "6. What shows what\n" + _bullets(notes)


def _bullets(notes: list[str]) -> str:
    """A list of wrapped notes; what follows a line break in one is a command, kept as it is."""
    lines: list[str] = []
    for note in notes:
        text, *commands = note.split("\n")
        lines += textwrap.wrap(text, 110, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        lines += [f"      {command}" for command in commands]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return f"'{value}'" if "*" in value else value


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")


def _full(address: str) -> str:
    return address if address.count(":") == 2 else f"0000:{address}"
