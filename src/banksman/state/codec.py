"""Frozen dataclasses to plain data and back: one codec for journal, tables and inbox.

Plain data is what JSON knows: null, booleans, numbers, text, lists, objects. How each class is
read and written is worked out from its annotations once; a field is then one function or none.
Text is made writable on the way in: what agents and file systems hand over may hold halves of
surrogate pairs, which no database takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import (
    Any,
    Final,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from banksman.exceptions import StoreException

T = TypeVar("T")
Convert = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """How one field is written and read.

    Attributes:
        name: Its name, the same in plain data and as a column.
        nested: Whether its plain form is a list or an object.
        optional: Whether it may be none, which is null.
        required: Whether it has no default, so that plain data must name it.
        encode: From value to plain data; none is never handed in if it is optional.
        decode: From plain data to value; likewise.
    """

    name: str
    nested: bool
    optional: bool
    required: bool
    encode: Convert
    decode: Convert


def text(value: str) -> str:
    r"""Return text that every database takes, with `\\udcXX` for halves of surrogate pairs.

    Examples:
        >>> text("caf\udce9")
        'caf\\udce9'
    """
    if value.isascii():
        return str(value)
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: object) -> object:
    """Return any value as plain data; mappings and sequences become new ones.

    Examples:
        >>> plain({"ids": (1, 2), 3: None})
        {'ids': [1, 2], '3': None}
    """
    if isinstance(value, str):
        return text(value.value if isinstance(value, StrEnum) else value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it, and evidence is read by people.
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return {text(str(name)): plain(pairs[name]) for name in pairs}
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(value)
    if isinstance(value, set | frozenset):
        # In an order that does not change from run to run.
        return sorted((plain(item) for item in cast("Iterable[object]", value)), key=repr)
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Iterable[object]", value)]
    return text(str(value))


def to_plain(record: object) -> dict[str, Any]:
    """Return a frozen dataclass as plain data, field by field in their order."""
    return {
        field.name: None
        if (value := getattr(record, field.name)) is None
        else field.encode(value)
        for field in fields_of(type(record))
    }


def from_plain(kind: type[T], row: Mapping[str, object]) -> T:
    """Return the value that `to_plain` wrote; what is missing gets its default.

    Raises:
        StoreException: A field is unknown (a newer version wrote it), missing, or not readable.
    """
    values = changes_from_plain(kind, row)
    missing = [f.name for f in fields_of(kind) if f.required and f.name not in values]
    if missing:
        message = f"a stored {kind.__name__} lacks {', '.join(missing)}"
        raise StoreException(message=message)
    return kind(**values)


def changes_from_plain(kind: type, row: Mapping[str, object]) -> dict[str, Any]:
    """Return values by field for part of a record, ready for `dataclasses.replace`.

    Raises:
        StoreException: A field is unknown (a newer version wrote it), or not readable.
    """
    known = {field.name: field for field in fields_of(kind)}
    unknown = sorted(row.keys() - known.keys())
    if unknown:
        raise StoreException(
            message=f"a stored {kind.__name__} has {', '.join(unknown)}, which this version "
            "does not know: a newer version of Banksman wrote it; upgrade Banksman"
        )
    return {name: read(kind, known[name], value) for name, value in row.items()}


def read(kind: type, field: Field, value: object) -> object:
    """Return one field's value from its plain form.

    Raises:
        StoreException: The plain form is not one of this field.
    """
    if value is None and field.optional:
        return None
    try:
        return field.decode(value)
    except (TypeError, ValueError, AttributeError) as error:
        raise StoreException(
            message=f"a stored {kind.__name__} has {field.name} = {value!r:.200}, which this "
            "version cannot read"
        ) from error


def fields_of(kind: type) -> tuple[Field, ...]:
    """Return how the fields of a dataclass are written and read, in their order."""
    known = _FIELDS.get(kind)
    if known is None:
        known = _FIELDS[kind] = tuple(_fields(kind))
    return known


def _fields(kind: type) -> Iterator[Field]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        required = field.default is MISSING and field.default_factory is MISSING
        yield _field(field.name, hints[field.name], required=required)


def _field(name: str, hint: object, *, required: bool) -> Field:
    inner, optional = _without_none(hint)
    encode, decode, nested = _converters(inner)
    return Field(
        name=name,
        nested=nested,
        optional=optional,
        required=required,
        encode=encode,
        decode=decode,
    )


def _without_none(hint: object) -> tuple[object, bool]:
    """Return the annotation without `| None`, and whether there was one."""
    if get_origin(hint) in (Union, UnionType):
        inner = [part for part in get_args(hint) if part is not NoneType]
        assert len(inner) == 1, f"a field is one type or none, not {hint}"
        return inner[0], True
    return hint, False


def _converters(hint: object) -> tuple[Convert, Convert, bool]:
    """Return (encode, decode, nested) for one annotation without `| None`."""
    if isinstance(hint, NewType):
        return _converters(hint.__supertype__)
    if hint in _SCALARS:
        return (*_SCALARS[hint], False)
    if hint is object:
        return plain, _same, True
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        encode, decode, _ = _converters(arguments[0])
        return _list_of(encode), _tuple_of(decode), True
    if isinstance(origin, type) and issubclass(origin, Mapping):
        encode, decode, _ = _converters(arguments[1])
        return _object_of(encode), _mapping_of(decode), True
    assert isinstance(hint, type), f"no codec for {hint}"
    kind = cast("type[object]", hint)
    if issubclass(kind, StrEnum):
        return _enum_value, kind, False
    return to_plain, _record_of(kind), True


def _record_of(kind: type[object]) -> Convert:
    return lambda row: from_plain(kind, row)


def _list_of(encode: Convert) -> Convert:
    return lambda items: [encode(item) for item in items]


def _tuple_of(decode: Convert) -> Convert:
    return lambda items: tuple(decode(item) for item in items)


def _object_of(encode: Convert) -> Convert:
    return lambda items: {text(str(name)): encode(items[name]) for name in items}


def _mapping_of(decode: Convert) -> Convert:
    return lambda items: MappingProxyType({name: decode(items[name]) for name in items})


def _enum_value(value: StrEnum) -> str:
    return value.value


def _same(value: object) -> object:
    return value


def _text_read(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_SCALARS: Final[Mapping[object, tuple[Convert, Convert]]] = {
    bool: (bool, bool),
    int: (int, int),
    float: (float, float),
    str: (text, _text_read),
}

# By class, worked out when it is first asked for.
_FIELDS: Final[dict[type, tuple[Field, ...]]] = {}
