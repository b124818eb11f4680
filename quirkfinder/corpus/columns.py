"""Dataclasses as Parquet: the schema follows from the annotations, so that the two cannot drift apart.

A class becomes a struct, a tuple a list, `Word` an unsigned integer; free-form objects (`dict`) become JSON text,
which DuckDB and polars can both take apart.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import polars as pl

_PLAIN: dict[Any, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    dict: pl.String(),
}


@cache
def hints(cls: type) -> dict[str, Any]:
    """Field name to annotation, in the order of the fields."""
    types = get_type_hints(cls, include_extras=True)
    return {field.name: types[field.name] for field in fields(cls)}


def data_type(annotation: Any) -> pl.DataType:  # noqa: ANN401 - an annotation can be anything
    """The polars type for an annotation. TypeError for one that has none."""
    annotation = _bare(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return pl.UInt64()
    if origin is tuple:
        return pl.List(data_type(get_args(annotation)[0]))
    if origin is Literal:
        return pl.String()
    if origin is dict:
        return pl.String()
    if is_dataclass(annotation):
        return pl.Struct(schema(annotation))  # type: ignore[arg-type]  # a class, no instance
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    raise TypeError(f"no column type for {annotation}")


def schema(cls: type) -> dict[str, pl.DataType]:
    """The columns that rows of this dataclass have."""
    return {name: data_type(annotation) for name, annotation in hints(cls).items()}


def row_type(annotation: Any) -> type:  # noqa: ANN401 - an annotation can be anything
    """`X` of `tuple[X, ...]`."""
    return cast("type", get_args(annotation)[0])


def frame(cls: type, rows: Iterable[object]) -> pl.DataFrame:
    """The dataclass instances as a frame of `schema(cls)`."""
    return pl.DataFrame([plain(row) for row in rows], schema=schema(cls), orient="row")


def plain(value: Any) -> Any:  # noqa: ANN401 - any field's value
    """A dataclass as dictionaries and lists, free-form objects as JSON text."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # log text may hold what UTF-8 cannot
    return value


def restore(annotation: Any, value: Any) -> Any:  # noqa: ANN401 - the inverse of `plain`
    """The instance that `plain` made `value` from."""
    annotation = _bare(annotation)
    if value is None:
        return None
    origin = get_origin(annotation)
    if origin is tuple:
        inner = get_args(annotation)[0]
        return tuple(restore(inner, item) for item in value)
    if annotation is dict or origin is dict:
        return json.loads(value)
    if is_dataclass(annotation):
        cls = cast("type", annotation)
        known = hints(cls)
        return cls(**{name: restore(known[name], item) for name, item in value.items() if name in known})
    return value


def to_parquet(data: pl.DataFrame) -> bytes:
    """The frame as the bytes of a Parquet file (zstd)."""
    target = io.BytesIO()
    data.write_parquet(target, compression="zstd", compression_level=3, statistics=False)
    return target.getvalue()


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - an annotation can be anything
    """`X | None` as `X`."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
    return annotation
