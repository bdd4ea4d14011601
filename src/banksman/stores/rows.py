"""Records as rows: plain data, with what is nested as JSON text.

The columns of a row stand in the order of the record's fields. Nothing here knows a database,
so that the light readers share it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final, TypeVar

from banksman.state.codec import Field, fields_of, plain, read

T = TypeVar("T")
Row = dict[str, Any]


_ENCODER: Final = json.JSONEncoder(
    separators=(",", ":"), sort_keys=True, allow_nan=False, default=plain
)


def to_json(value: object) -> str:
    """Return plain data as JSON text; the same data is always the same text."""
    return _ENCODER.encode(value)


def to_row(record: object, *, without: Collection[str] = ()) -> Row:
    """Return the columns of a record by name."""
    row: Row = {}
    for field in fields_of(type(record)):
        if field.name not in without:
            value = getattr(record, field.name)
            encoded = None if value is None else field.encode(value)
            row[field.name] = (
                to_json(encoded) if field.nested and value is not None else encoded
            )
    return row


def columns_of(kind: type, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of a record's columns, in the order of its fields."""
    return tuple(field.name for field in fields_of(kind) if field.name not in without)


def values_of(kind: type, values: Iterable[object], *, without: Collection[str] = ()) -> Row:
    """Return a record's fields by name, from its columns in their order.

    Raises:
        StoreException: A value is not one that this version knows.
    """
    wanted = (field for field in fields_of(kind) if field.name not in without)
    return {
        field.name: _read(kind, field, value)
        for field, value in zip(wanted, values, strict=True)
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
