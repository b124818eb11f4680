"""What the `parameters` of each kind of finding must hold, by hand from the findings contract, version 1.

The contract lets further keys stand beside the required ones; they pass unchecked.
"""

import re
from collections.abc import Callable

from quirkfinder.findings.checking import Node

REGION = re.compile(r"bar[0-5]|rom|config|vga")
SPACE = re.compile(r"bar[0-5]|config|msix-table|unknown")
SINKS = ("msi-address", "msi-data", "guest-bar")
_REGION_EXAMPLE = "a region is bar0 to bar5, rom, config or vga"
_SPACE_EXAMPLE = "a space is bar0 to bar5, config, msix-table or unknown"


def _register(node: Node) -> None:
    node.member("offset").hexadecimal()
    node.member("size").integer(1, 8)


def _target(node: Node) -> None:
    for key in ("match", "mask", "base"):
        node.member(key).hexadecimal()
    node.member("space").matching(SPACE, _SPACE_EXAMPLE)
    if scale := node.optional("scale"):
        scale.integer(minimum=1)
    if select := node.optional("select"):
        select.require("offset", "value", "mask")


def _window(node: Node) -> None:
    node.member("region").matching(REGION, _REGION_EXAMPLE)
    _register(node.member("address"))
    _register(node.member("data"))
    targets = node.member("targets")
    if not targets.items():
        targets.fail("a window needs at least one target")
    for target in targets.items():
        _target(target)
    if enable := node.optional("enable"):
        for condition in enable.items():
            condition.require("offset", "value", "mask")
    if increment := node.optional("increment"):
        increment.integer()
    if handshake := node.optional("handshake"):
        handshake.items()


def _config_mirror(node: Node) -> None:
    node.member("region").matching(REGION, _REGION_EXAMPLE)
    for key in ("offset", "size", "config_offset"):
        node.member(key).hexadecimal()
    if (function := node.optional("function")) and function.value is not None:
        function.text()


def _address_sink(node: Node) -> None:
    node.require("region")
    node.member("what").choice(SINKS)
    for site in node.member("sites").items():
        site.hexadecimal()


def _host_address_access(node: Node) -> None:
    node.require("bar", "reads", "writes", "first_address", "last_address")
    node.member("space").choice(("memory", "io"))
    if (source := node.optional("source")) and source.value is not None:
        source.text()


def _requiring(*keys: str) -> Callable[[Node], None]:
    return lambda node: node.require(*keys)


_RULES: dict[str, Callable[[Node], None]] = {
    "window": _window,
    "config-mirror": _config_mirror,
    "bar-alias": _requiring("region", "offset", "size", "target_region", "target_offset"),
    "paged-window": _requiring("region", "bank", "offset", "size", "shift", "target_region"),
    "address-leak": _requiring("region", "offset", "size", "bar", "shift"),
    "address-sink": _address_sink,
    "host-address-access": _host_address_access,
    "identity-mapped-bar": _requiring("bar", "address", "size"),
    "address-collision": _requiring("guest_bar", "host_bar", "address"),
}


def check_parameters(kind: str, node: Node) -> None:
    """Raises `InvalidDocument` where the parameters break the contract's rules for this kind of finding."""
    node.object()
    if rule := _RULES.get(kind):
        rule(node)
