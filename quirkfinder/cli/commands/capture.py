"""`quirkfinder capture`: how to record a trace, and the host's side of it."""

import argparse

from quirkfinder.cli.output import write
from quirkfinder.cli.parser import Commands
from quirkfinder.cli.terminal import Terminal
from quirkfinder.errors import NoUsableInput, UsageError


def add(commands: Commands) -> None:
    parser = commands.add(
        "capture",
        "how to record a useful trace, and the host's inventory of a device",
        "Says on stdout how to record a trace with a QEMU release: the options, libvirt's way, what to attach.\n"
        "With --device it also collects the host inventory of that device from this machine, into a folder that\n"
        "the log and the guest's inventory can join: a bundle for analyze.",
        [
            "quirkfinder capture --qemu 7.2",
            "sudo quirkfinder capture --device 0000:01:00.0 -o run/",
        ],
        run,
    )
    parser.add_argument("--qemu", metavar="VERSION", help="the release that will run; otherwise the newest known")
    parser.add_argument("--device", metavar="ADDRESS", help="address of the device on this host, dddd:bb:ss.f")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="where the host inventory goes; otherwise a folder named for the device",
    )


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    from quirkfinder.knowledge.recipe import recipe

    if arguments.output and not arguments.device:
        raise UsageError("-o says where a device's inventory goes, but no --device is given", "add --device ADDRESS")
    try:
        text = recipe(arguments.qemu, arguments.device)
    except ValueError as error:
        raise UsageError(str(error)) from error
    write(text, None)
    if arguments.device:
        _collect(arguments.device, arguments.output, terminal)
    return 0


def _collect(device: str, folder: str | None, terminal: Terminal) -> None:
    from pathlib import Path

    from quirkfinder.knowledge.host import CollectionError, collect

    target = Path(folder or "capture-" + device.replace(":", "-"))
    try:
        collected = collect(device, target)
    except CollectionError as error:
        raise NoUsableInput(str(error), "the host inventory has to be taken on the host that has the device") from error
    for path in collected.files:
        terminal.say(f"written: {path}")
    for problem in collected.problems:
        terminal.say(f"missing: {problem}")
