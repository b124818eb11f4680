"""Compiles emitted files against our declarations of QEMU's interface, in the places where they belong."""

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = (
    "-std=gnu11",
    "-Wshadow=local", "-Wall", "-Wextra", "-Wno-unused-parameter",
    "-Wno-missing-field-initializers", "-Wno-sign-compare",
    "-Werror", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Wvla", "-Wdeclaration-after-statement",
)  # fmt: skip
_EVENT = re.compile(r'^(?P<name>[a-z][a-z0-9_]*)\((?P<parameters>[^()]*)\) (?P<format>"[^\\]*)$')


def trace_functions(trace_events: str) -> str:
    """What tracetool makes of the lines, as far as a caller sees: a function for each, its format checked."""
    lines = ["#include <stdio.h>"]
    for event in trace_events.splitlines():
        if event.startswith("#"):
            continue
        match = _EVENT.match(event)
        assert match, f"no line of a trace-events file: {event!r}"
        names = ", ".join(re.findall(r"(\w+)(?:,|$)", match["parameters"]))
        body = f"if (0) {{ printf({match['format']}, {names}); }}"
        lines.append(f"static inline void trace_{match['name']}({match['parameters']}) {{ {body} }}")
    return "\n".join(lines) + "\n"


def setup_calls(setup: str) -> dict[str, str]:
    """The calls of a setup fragment by the function they go into: bar or vga."""
    calls = {"bar": "", "vga": ""}
    for part in re.split(r"(?=    /\* in )", setup)[1:]:
        head, _, rest = part.partition("\n")
        calls["bar" if "vfio_bar_quirk_setup" in head else "vga"] = rest
    return calls


def fragment_unit(files: dict[str, str], version: str) -> str:
    """The fragments of a change put together as they would be in pci-quirks.c."""
    calls = setup_calls(files["hw-vfio-pci-quirks-setup.c"])
    return "\n".join(
        [
            f'#include "{version}.h"',
            files.get("include-hw-pci-pci_ids.h", ""),
            trace_functions(files["hw-vfio-trace-events"]),
            files["hw-vfio-pci-quirks.c"],
            "void vfio_bar_quirk_setup(VFIOPCIDevice *vdev, int nr)\n{",
            calls["bar"],
            "}\nvoid vfio_vga_quirk_setup(VFIOPCIDevice *vdev)\n{",
            calls["vga"],
            "}",
        ]
    )


def alone_unit(files: dict[str, str], version: str, folder: Path) -> str:
    """The file of its own, with headers of the names it includes in `folder`."""
    name = next(name for name in files if name.startswith("hw-vfio-quirk-"))
    for header in re.findall(r'#include "([^"]+)"', files[name]):
        path = folder / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#define ALONE\n#include "{version}.h"\n', encoding="ascii")
    (folder / "hw/pci").mkdir(parents=True, exist_ok=True)
    (folder / "trace.h").write_text(trace_functions(files["hw-vfio-trace-events"]), encoding="ascii")
    ids = files.get("include-hw-pci-pci_ids.h", "")
    (folder / "pci-quirks.h").write_text(
        f'#include "{version}.h"\n{ids}\n{files["hw-vfio-pci-quirks.h"]}', encoding="ascii"
    )
    setup = files["hw-vfio-pci-quirks-setup-alone.c"]
    return files[name] + "\n/* the calls, to be sure that they fit the prototypes */\n" + _as_functions(setup)


def _as_functions(setup: str) -> str:
    text = "static void bar_calls(VFIOPCIDevice *vdev, int nr)\n{\n    (void)nr;\n" + setup + "}\n"
    return text + "void vfio_bar_quirk_setup(VFIOPCIDevice *vdev, int nr)\n{\n    bar_calls(vdev, nr);\n}\n"


def compile_unit(unit: str, folder: Path) -> str:
    """The compiler's complaints about a unit; empty where it is content. Code is generated, so that all checks run."""
    path = folder / "unit.c"
    path.write_text(unit, encoding="ascii")
    command = [
        "cc",
        *FLAGS,
        "-O1",
        "-c",
        "-o",
        "/dev/null",
        "-I",
        str(folder),
        "-I",
        str(HERE / "declarations"),
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
