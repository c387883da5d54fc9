"""CityHash64 of version 1.0, by which CatBoost knows the categories of a column.

It differs from the later, better known versions 1.1.

References
----------
Pike and Alakuijala, CityHash, https://github.com/google/cityhash (version 1.0).
"""

from __future__ import annotations

import struct

MASK = (1 << 64) - 1
K0, K1, K2, K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
MIX = 0x9DDFEA08EB382D69


def city_hash(text: bytes) -> int:
    """The 64-bit hash of some bytes."""
    size = len(text)
    if size <= 16:
        return _up_to_16(text, size)
    if size <= 32:
        return _up_to_32(text, size)
    return _up_to_64(text, size) if size <= 64 else _longer(text, size)


def _word(text: bytes, start: int) -> int:
    return int(struct.unpack_from("<Q", text, start)[0])


def _half(text: bytes, start: int) -> int:
    return int(struct.unpack_from("<I", text, start)[0])


def _turn(value: int, by: int) -> int:
    value &= MASK
    return (value >> by | value << (64 - by)) & MASK


def _fold(value: int) -> int:
    value &= MASK
    return value ^ value >> 47


def _pair(low: int, high: int) -> int:
    low, high = low & MASK, high & MASK
    first = _fold((low ^ high) * MIX)
    return _fold((high ^ first) * MIX) * MIX & MASK


def _up_to_16(text: bytes, size: int) -> int:
    if size > 8:
        first, last = _word(text, 0), _word(text, size - 8)
        return _pair(first, _turn(last + size, size)) ^ last
    if size >= 4:
        return _pair(size + (_half(text, 0) << 3), _half(text, size - 4))
    if size == 0:
        return K2
    y = text[0] + (text[size >> 1] << 8)
    z = size + (text[-1] << 2)
    return _fold(y * K2 ^ z * K3) * K2 & MASK


def _up_to_32(text: bytes, size: int) -> int:
    a, b = _word(text, 0) * K1, _word(text, 8)
    c, d = _word(text, size - 8) * K2, _word(text, size - 16) * K0
    low = _turn(a - b, 43) + _turn(c, 30) + d
    return _pair(low, a + _turn(b ^ K3, 20) - c + size)


def _up_to_64(text: bytes, size: int) -> int:
    start = _word(text, 0) + (size + _word(text, size - 16)) * K0
    v = _thirty_two(text, start, 8, 16, _word(text, 24))
    start = _word(text, 16) + _word(text, size - 32)
    w = _thirty_two(text, start, size - 24, size - 16, _word(text, size - 8))
    rest = _fold((v[0] + w[1]) * K2 + (w[0] + v[1]) * K0)
    return _fold(rest * K0 + v[1]) * K2 & MASK


def _thirty_two(text: bytes, a: int, second: int, third: int, z: int) -> tuple[int, int]:
    b, c = _turn(a + z, 52), _turn(a, 37)
    a += _word(text, second)
    c += _turn(a, 7)
    a += _word(text, third)
    return a + z, b + _turn(a, 31) + c


def _longer(text: bytes, size: int) -> int:
    x, y, z = _word(text, 0), _word(text, size - 16) ^ K1, _word(text, size - 56) ^ K0
    v = _weak(text, size - 64, size, y)
    w = _weak(text, size - 32, size * K1, K0)
    z += _fold(v[1]) * K1
    x, y = _turn(z + x, 39) * K1, _turn(y, 33) * K1
    for start in range(0, size - 1 & ~63, 64):
        x = _turn(x + y + v[0] + _word(text, start + 16), 37) * K1 ^ w[1]
        y = _turn(y + v[1] + _word(text, start + 48), 42) * K1 ^ v[0]
        x, y = x & MASK, y & MASK
        z = _turn((z ^ w[0]) & MASK, 33)
        v = _weak(text, start, v[1] * K1, x + w[0])
        w = _weak(text, start + 32, z + w[1], y)
        x, z = z, x
    return _pair(_pair(v[0], w[0]) + _fold(y) * K1 + z, _pair(v[1], w[1]) + x)


def _weak(text: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    """Thirty-two bytes and two seeds as two words."""
    w, x, y, z = struct.unpack_from("<4Q", text, start)
    a += w
    b = _turn(b + a + z, 21)
    total = a + x + y
    return (total + z) & MASK, (b + _turn(total, 44) + a) & MASK
