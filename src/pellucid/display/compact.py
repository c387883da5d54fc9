"""Smaller SVG: a thousand equal dots become one path for each colour, and look the same."""

from __future__ import annotations

import re

RUN = re.compile(r"(?:<path [^>]*/>){12,}")
PATH = re.compile(
    r'<path (?:transform="translate\((?P<x>[-\d.e]+),(?P<y>[-\d.e]+)\)" )?'
    r'd="(?P<d>[^"]*)"(?P<rest>[^>]*)/>'
)
CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
BOX = re.compile(r"M[-\d.,e]+h[-\d.e]+v[-\d.e]+h[-\d.e]+Z")
NUMBER = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")


def compact(svg: str) -> str:
    """`svg` with runs of plain dots and boxes drawn as one path for each look."""
    return RUN.sub(lambda run: _merged(run.group()), svg)


def _merged(run: str) -> str:
    looks: dict[tuple[str, str], list[str]] = {}
    single = []
    for path in PATH.finditer(run):
        look, stroke = _plain_shape(path)
        if look is None:
            single.append(path.group())
        else:
            looks.setdefault(look, []).append(stroke)
    joined = [
        f'<path d="{"".join(strokes)}"{rest}{end}/>' for (rest, end), strokes in looks.items()
    ]
    return "".join([*joined, *single])


def _plain_shape(path: re.Match[str]) -> tuple[tuple[str, str] | None, str]:
    shape, rest = path["d"], path["rest"]
    circle = CIRCLE.fullmatch(shape)
    if circle and path["x"] is not None and ' stroke="' not in rest and ' fill="' in rest:
        bare = re.sub(r' stroke-width="[^"]*"', "", rest).replace(' fill="', ' stroke="')
        across = _rounded(str(2 * float(circle[1])))
        end = f' fill="none" stroke-width="{across}" stroke-linecap="round"'
        return (bare, end), f"M{_rounded(path['x'])} {_rounded(path['y'])}h0"
    if path["x"] is None and BOX.fullmatch(shape):
        return (rest, ""), NUMBER.sub(lambda n: _rounded(n.group()), shape)
    return None, ""


def _rounded(number: str) -> str:
    return f"{float(number):.2f}".rstrip("0").rstrip(".")
