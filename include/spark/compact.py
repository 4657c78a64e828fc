"""Thrift's compact protocol, as far as the footers of Parquet files use it: bytes to fields and back.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from dataclasses import dataclass
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_DOUBLE_BYTES = 8
_LONG_LIST = 15


@dataclass
class Field:
    """A field of a struct. A list's value is the kind of its elements, and the elements."""

    kind: int
    value: Any


Struct = dict[int, Field]


class Reader:
    """Reads values from the beginning of the data on."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def read_struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while header := self._take(1)[0]:
            kind, step = header & 15, header >> 4
            number = number + step if step else self._read_integer()
            fields[number] = Field(kind, self._read(kind))
        return fields

    def _read(self, kind: int) -> Any:
        match kind:
            case 1 | 2:
                return kind == TRUE
            case 3:
                return self._take(1)
            case 4 | 5 | 6:
                return self._read_integer()
            case 7:
                return self._take(_DOUBLE_BYTES)
            case 8:
                return self._take(self._read_unsigned())
            case 9 | 10:
                return self._read_list()
            case 12:
                return self.read_struct()
        raise ValueError(f"a footer holds no value of kind {kind}")

    def _read_list(self) -> tuple[int, list[Any]]:
        header = self._take(1)[0]
        kind, size = header & 15, header >> 4
        size = self._read_unsigned() if size == _LONG_LIST else size
        # Unlike a field, an element says by a byte of its own whether it is true.
        return kind, [self._take(1) if kind in (TRUE, FALSE) else self._read(kind) for _ in range(size)]

    def _read_integer(self) -> int:
        """Signed: 0, -1, 1, -2, … are written as 0, 1, 2, 3, …"""
        number = self._read_unsigned()
        return (number >> 1) ^ -(number & 1)

    def _read_unsigned(self) -> int:
        number = shift = 0
        while (byte := self._take(1)[0]) & 128:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        self._position += count
        return taken


def write_struct(fields: Struct) -> bytes:
    """The bytes of a struct; fields must be in the order of their numbers."""
    written = bytearray()
    _write_struct(written, fields)
    return bytes(written)


def _write_struct(out: bytearray, fields: Struct) -> None:
    last = 0
    for number, each in fields.items():
        kind = each.kind if each.kind not in (TRUE, FALSE) else (TRUE if each.value else FALSE)
        if number - last < 16:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            _write_integer(out, number)
        if kind not in (TRUE, FALSE):
            _write(out, kind, each.value)
        last = number
    out.append(0)


def _write(out: bytearray, kind: int, value: Any) -> None:
    match kind:
        case 1 | 2 | 3 | 7:
            out += value
        case 4 | 5 | 6:
            _write_integer(out, value)
        case 8:
            _write_unsigned(out, len(value))
            out += value
        case 9 | 10:
            _write_list(out, *value)
        case 12:
            _write_struct(out, value)


def _write_list(out: bytearray, kind: int, elements: list[Any]) -> None:
    out.append(min(len(elements), _LONG_LIST) << 4 | kind)
    if len(elements) >= _LONG_LIST:
        _write_unsigned(out, len(elements))
    for element in elements:
        _write(out, kind, element)


def _write_integer(out: bytearray, number: int) -> None:
    _write_unsigned(out, number << 1 if number >= 0 else (-number << 1) - 1)


def _write_unsigned(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
