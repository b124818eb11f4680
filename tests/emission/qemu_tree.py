"""A QEMU source tree made ready to compile one file: configured, its generated headers built, nothing else."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.emission.compiling import setup_calls
from tests.emission.qemu_source import CannotHave, Package, fetch, run

_MESON = ("meson==1.5.0", "tomli", "ninja")
_CONFIGURE = (
    "--target-list=x86_64-softmmu", "--without-default-features", "--enable-kvm", "--enable-fdt=system",
    "--disable-docs", "--disable-tools", "--disable-guest-agent",
)  # fmt: skip
#: device trees that Debian's packages of 10.x leave out and meson insists on
_DEVICE_TREES = (
    "bamboo", "canyonlands", "petalogix-s3adsp1800", "petalogix-ml605",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that is ready. `command` compiles pci-quirks.c, without the file name and output options."""

    package: Package
    source: Path
    build: Path
    command: tuple[str, ...]

    def compile_fragments(self, files: dict[str, str]) -> str:
        """What the compiler says of pci-quirks.c with the fragments in it; empty where it is content."""
        overlay = self._overlay(files)
        text = (self.source / "hw/vfio/pci-quirks.c").read_text(encoding="utf-8")
        functions = files["hw-vfio-pci-quirks.c"]
        text = _before(text, r"^void vfio_vga_quirk_setup\(", functions + "\n")
        calls = setup_calls(files["hw-vfio-pci-quirks-setup.c"])
        for kind, call in calls.items():
            text = _into(text, f"vfio_{kind}_quirk_setup", call)
        return self._compile(overlay, "pci-quirks.c", text)

    def compile_alone(self, files: dict[str, str]) -> str:
        """The same of the file of its own, with its prototypes in pci-quirks.h."""
        overlay = self._overlay(files)
        header = (self.source / "hw/vfio/pci-quirks.h").read_text(encoding="utf-8")
        header = _before(header, r"^#endif", files["hw-vfio-pci-quirks.h"] + "\n", last=True)
        (overlay / "hw/vfio/pci-quirks.h").write_text(header, encoding="utf-8")
        name = next(name for name in files if name.startswith("hw-vfio-quirk-"))
        return self._compile(overlay, "quirk.c", files[name])

    def _overlay(self, files: dict[str, str]) -> Path:
        """A folder that hides the files of the tree that the change edits."""
        overlay = self.build / "overlay"
        shutil.rmtree(overlay, ignore_errors=True)
        for name in ("hw/vfio", "include/hw/pci", "trace"):
            (overlay / name).mkdir(parents=True)
        ids = (self.source / "include/hw/pci/pci_ids.h").read_text(encoding="utf-8")
        ids = _before(ids, r"^#endif", files.get("include-hw-pci-pci_ids.h", "") + "\n", last=True)
        (overlay / "include/hw/pci/pci_ids.h").write_text(ids, encoding="utf-8")
        events = (self.source / "hw/vfio/trace-events").read_text(encoding="utf-8")
        listed = overlay / "hw/vfio/trace-events"
        listed.write_text(events + files["hw-vfio-trace-events"], encoding="utf-8")
        run(
            [sys.executable, self.source / "scripts/tracetool.py", "--backend=log", "--group=hw_vfio", "--format=h",
             listed, overlay / "trace/trace-hw_vfio.h"]
        )  # fmt: skip
        return overlay

    def _compile(self, overlay: Path, name: str, text: str) -> str:
        path = overlay / "hw/vfio" / name
        path.write_text(text, encoding="utf-8")
        first = ["-iquote", str(overlay / "include"), "-iquote", str(overlay), "-iquote", str(self.source / "hw/vfio")]
        command = [self.command[0], *first, *self.command[1:], "-Wall", "-Werror", "-fsyntax-only", str(path)]
        done = subprocess.run(command, cwd=self.build, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""


def prepare(package: Package, cache: Path) -> Tree:
    """The tree of a package, configured and with its generated headers; done once. Raises `CannotHave`."""
    source = fetch(package, cache).resolve()
    build = source.parent / "build"
    ready = build / "ready"
    if not ready.exists():
        shutil.rmtree(build, ignore_errors=True)
        build.mkdir()
        _configure(package, source, build, cache)
        _generate(build, cache)
        ready.touch()
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    entry = next(c for c in commands if c["file"].endswith("hw/vfio/pci-quirks.c"))
    tree = Tree(package, source, build, _without_output(shlex.split(entry["command"]), entry["file"]))
    untouched = tree._compile(_empty_overlay(build), "pci-quirks.c", (source / "hw/vfio/pci-quirks.c").read_text())
    if untouched:
        raise CannotHave("the unchanged pci-quirks.c does not compile: " + untouched.splitlines()[0])
    return tree


def _configure(package: Package, source: Path, build: Path, cache: Path) -> None:
    tools = cache / "tools"
    if not (tools / "bin/meson").exists():
        venv.create(tools, with_pip=True)
        run([tools / "bin/python", "-m", "pip", "install", "--quiet", *_MESON])
    _missing_blobs(source)
    old = package.upstream.startswith("7.")
    extra = [f"--meson={tools / 'bin/meson'}"] if old else [f"--python={tools / 'bin/python'}", "--disable-download"]
    run(["env", f"PATH={tools / 'bin'}:/usr/bin:/bin", source / "configure", *_CONFIGURE, *extra], cwd=build)


def _missing_blobs(source: Path) -> None:
    """Firmware that the package leaves out: meson wants the files, nobody reads them."""
    folder = source / "pc-bios"
    listed = re.search(
        r"blobs = (?:files|\[)\(?(.*?)\)", (folder / "meson.build").read_text(encoding="utf-8"), re.DOTALL
    )
    names = re.findall(r"'([^']+)'", listed[1]) if listed else []
    names += [f"{name}.dtb" for name in _DEVICE_TREES] + ["pnv-pnor.bin"]
    for name in names:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for name in _DEVICE_TREES:
        (folder / "dtb").mkdir(exist_ok=True)
        (folder / "dtb" / f"{name}.dtb").touch()


def _generate(build: Path, cache: Path) -> None:
    """Build the generated headers that pci-quirks.c waits for."""
    ninja = shutil.which("ninja") or str(cache / "tools/bin/ninja")
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    output = next(c["output"] for c in commands if c["file"].endswith("hw/vfio/pci-quirks.c"))
    asked = run([ninja, "-t", "query", output], cwd=build)
    wanted = sorted({part for part in asked.split() if re.search(r"\.(h|inc)$", part)})
    run([ninja, "-j2", *wanted], cwd=build)


def _without_output(command: list[str], file: str) -> tuple[str, ...]:
    kept: list[str] = []
    skip = False
    for part in command:
        if skip:
            skip = False
        elif part in ("-o", "-MF", "-MQ", "-MT"):
            skip = True
        elif part not in ("-c", "-MD", file):
            kept.append(part)
    return tuple(kept)


def _empty_overlay(build: Path) -> Path:
    overlay = build / "overlay"
    (overlay / "hw/vfio").mkdir(parents=True, exist_ok=True)
    return overlay


def _before(text: str, pattern: str, insertion: str, *, last: bool = False) -> str:
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if not found:
        raise CannotHave(f"the tree has no line {pattern}")
    at = found[-1 if last else 0].start()
    return text[:at] + insertion + text[at:]


def _into(text: str, function: str, calls: str) -> str:
    """The calls at the end of a function of pci-quirks.c."""
    start = re.search(rf"^void {function}\(.*?\)\n\{{\n", text, re.MULTILINE | re.DOTALL)
    if not start:
        raise CannotHave(f"the tree has no {function}()")
    end = text.index("\n}\n", start.end())
    return f"{text[:end]}\n{calls.rstrip()}{text[end:]}"
