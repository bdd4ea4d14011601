"""Records as rows: plain data, with what is nested as JSON text.

The columns of a row stand in the order of the record's fields. Nothing here knows a database,
so that the light readers share it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from banksman.state.codec import Field, fields_of, read

T = TypeVar("T")
Row = dict[str, Any]


def to_json(value: object) -> str:
    """Return plain data as JSON text; the same data is always the same text."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)


def to_row(record: object, *, without: Sequence[str] = ()) -> Row:
    """Return the columns of a record by name."""
    return {
        name: None if (value := getattr(record, name)) is None else encode(value)
        for name, encode in _writers(type(record))
        if name not in without
    }


def columns_of(kind: type, *, without: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of a record's columns, in the order of its fields."""
    return tuple(field.name for field in fields_of(kind) if field.name not in without)


def values_of(kind: type, values: Iterable[object], *, without: Sequence[str] = ()) -> Row:
    """Return a record's fields by name, from its columns in their order.

    Raises:
        StoreException: A value is not one that this version knows.
    """
    names = _readers(kind) if not without else _readers_without(kind, tuple(without))
    return {
        field.name: _read(kind, field, value)
        for field, value in zip(names, values, strict=True)
    }


def from_row(kind: type[T], values: Iterable[object]) -> T:
    """Return the record of a row.

    Raises:
        StoreException: A value is not one that this version knows.
    """
    return kind(**values_of(kind, values))


def _read(kind: type, field: Field, value: object) -> object:
    if field.nested and isinstance(value, str):
        value = json.loads(value)
    return read(kind, field, value)


@cache
def _writers(kind: type) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple(
        (field.name, _as_json(field) if field.nested else field.encode)
        for field in fields_of(kind)
    )


@cache
def _readers(kind: type) -> tuple[Field, ...]:
    return fields_of(kind)


@cache
def _readers_without(kind: type, names: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(field for field in fields_of(kind) if field.name not in names)


def _as_json(field: Field) -> Callable[[Any], str]:
    return lambda value: to_json(field.encode(value))
