"""Reads a catalogue of quirks from TOML, strictly.

An unknown key, a wrong type, an empty range of releases or an id used twice is a `CatalogueError` that names the quirk
and the key.  The keys are described at the head of `catalogue.toml`.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, get_args

from quirkfinder.knowledge.catalogue import (
    Catalogue,
    Mechanism,
    MechanismKind,
    Name,
    Need,
    NeedKind,
    Quirk,
    Role,
    Target,
)
from quirkfinder.knowledge.versions import NEWEST, OLDEST, Version

T = TypeVar("T")


class CatalogueError(ValueError):
    """The catalogue does not have the shape described here."""


@cache
def catalogue() -> Catalogue:
    """QEMU's quirks, 1.5 to 11.1, as shipped with the package."""
    return load_catalogue(files("quirkfinder.knowledge").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def load_catalogue(text: str) -> Catalogue:
    """Reads the TOML of a catalogue; `CatalogueError` names the quirk and key that do not fit."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"not TOML: {error}") from None
    top = _Table("catalogue", document)
    quirks = tuple(_quirk(table) for table in top.tables("quirk"))
    top.done()
    ids = [q.id for q in quirks]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise CatalogueError(f"quirk {twice[0]}: the id is used twice")
    return Catalogue(quirks)


class _Table:
    """A TOML table that notices the keys nobody asked for."""

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        self.place, self.values, self.asked = place, values, set[str]()

    def get(self, key: str, kind: type[T]) -> T:
        self.asked.add(key)
        if key not in self.values:
            raise CatalogueError(f"{self.place}: {key} is missing")
        value = self.values[key]
        if type(value) is not kind:  # not isinstance: a bool is no number here
            raise CatalogueError(f"{self.place}: {key} is {type(value).__name__}, expected {kind.__name__}")
        return value

    def get_or(self, key: str, default: T) -> T:
        """The value, of the default's type, or the default."""
        self.asked.add(key)
        return self.get(key, type(default)) if key in self.values else default

    def choice(self, key: str, choices: tuple[T, ...]) -> T:
        value = self.get(key, str)
        for allowed in choices:
            if value == allowed:
                return allowed
        raise CatalogueError(f"{self.place}: {key} is {value!r}, expected one of {', '.join(map(str, choices))}")

    def tables(self, key: str) -> list["_Table"]:
        entries = self.get_or(key, list[Any]())
        if not all(isinstance(e, dict) for e in entries):
            raise CatalogueError(f"{self.place}: {key} is not a list of tables")
        return [_Table(f"{self.place} {key} {e.get('id', i)}", e) for i, e in enumerate(entries)]

    def table(self, key: str) -> "_Table":
        return _Table(f"{self.place} {key}", self.get(key, dict))

    def entries(self, key: str, kind: type[T]) -> tuple[T, ...]:
        values = self.get_or(key, list[Any]())
        if any(type(v) is not kind for v in values):
            raise CatalogueError(f"{self.place}: {key} is not a list of {kind.__name__}")
        return tuple(values)

    def releases(self) -> tuple[Version | None, Version | None]:
        try:
            first, last = (Version.parse(t) if (t := self.get_or(key, "")) else None for key in ("from", "to"))
        except ValueError as error:
            raise CatalogueError(f"{self.place}: {error}") from None
        if (first or OLDEST) > (last or NEWEST):
            raise CatalogueError(f"{self.place}: from {first} is after to {last or NEWEST}")
        return first, last

    def done(self) -> None:
        unknown = sorted(set(self.values) - self.asked)
        if unknown:
            raise CatalogueError(f"{self.place}: unknown key {unknown[0]}")


def _quirk(table: _Table) -> Quirk:
    first, last = table.releases()
    quirk = Quirk(
        id=table.get("id", str),
        title=table.get("title", str),
        first=first,
        last=last,
        vendor=table.get("vendor", int) if "vendor" in table.values else None,
        devices=table.entries("devices", int),
        device_mask=table.get_or("device_mask", 0xFFFF),
        mechanisms=tuple(_mechanism(t) for t in table.tables("mechanism")),
        needs=tuple(_need(t) for t in table.tables("needs")),
        names=tuple(_name(t) for t in table.tables("names")),
        disable=table.entries("disable", str),
        notes=table.get_or("notes", ""),
    )
    table.done()
    return quirk


def _need(table: _Table) -> Need:
    kind = table.choice("need", get_args(NeedKind))
    first, last = table.releases()
    bar = table.get("bar", int) if kind.startswith("bar-") else None
    value: str | int | None = None
    if kind == "bar-kind":
        value = table.get("kind", str)
    elif kind == "bar-size":
        value = table.get("size", int)
    elif kind in ("guest-slot", "option"):
        value = table.get("value", str)
    table.done()
    return Need(kind, bar, value, first or OLDEST, last)


def _name(table: _Table) -> Name:
    role = table.choice("role", get_args(Role))
    first, last = table.releases()
    name = Name(role, table.get("name", str), first or OLDEST, last)
    table.done()
    return name


def _register(table: _Table) -> tuple[int, int]:
    register = (table.get("offset", int), table.get("size", int))
    table.done()
    return register


def _mechanism(table: _Table) -> Mechanism:
    kind = table.choice("kind", get_args(MechanismKind))
    first, last = table.releases()
    values: dict[str, Any] = {"kind": kind, "region": table.get("region", str), "first": first or OLDEST, "last": last}
    if kind == "window":
        values["address"] = _register(table.table("address"))
        values["data"] = _register(table.table("data"))
        values["enable"] = tuple(_enable(t) for t in table.tables("enable"))
        values["targets"] = tuple(_target(t) for t in table.tables("targets"))
    else:
        numbers = {"config-mirror": ("config_offset",), "address-leak": ("bar", "shift"), "address-sink": ()}[kind]
        values |= {key: table.get(key, int) for key in ("offset", "size", *numbers)}
        if kind == "address-sink":
            values["what"] = table.choice("what", ("msi-address", "msi-data", "guest-bar"))
    table.done()
    return Mechanism(**values)


def _enable(table: _Table) -> tuple[int, int, int]:
    condition = (table.get("offset", int), table.get("value", int), table.get("mask", int))
    table.done()
    return condition


def _target(table: _Table) -> Target:
    target = Target(
        table.get("match", int),
        table.get("mask", int),
        table.get("space", str),
        table.get("base", int),
        table.get_or("ignored", 0),
        table.get_or("base_any", False),
    )
    if target.match & (target.mask | target.ignored):
        raise CatalogueError(f"{table.place}: match has bits of mask or ignored, so no address value selects it")
    table.done()
    return target
