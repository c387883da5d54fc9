"""What the commands take: each argument and option once, with its help.

Whether a file is there and can be read is for the one who reads it to say, with its exit code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _file(help: str) -> typer.models.ArgumentInfo:
    return typer.Argument(metavar="FILE", readable=False, show_default=False, help=help)


def _path(*names: str, help: str) -> typer.models.OptionInfo:
    return typer.Option(*names, metavar="FILE", readable=False, help=help)


MODEL = (
    "XGBoost .json or .ubj, LightGBM .txt, CatBoost .cbm, skops, or a network as ONNX; with "
    "--trust a pickle or joblib file, what torch saved (.pt, .pt2), or module:function."
)

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", readable=False, show_default=False, help=MODEL)
]
AnyModel = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL", readable=False, help="Without it, all methods are listed."),
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        readable=False,
        show_default=False,
        help="A table: CSV, Parquet or Arrow, one row for each case. Or images: a folder of them, "
        "or of a folder for each class; an .npy or .npz array.",
    ),
]
LongData = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        readable=False,
        show_default=False,
        help="A table of any length: CSV, Parquet or Arrow; a folder of Parquet; a 'pattern*'. Or "
        "images: a folder of them; an .npy or .npz array.",
    ),
]
Saved = Annotated[Path, _file("A saved explanation (.pel).")]

Written = Annotated[
    Path,
    typer.Argument(
        metavar="OUTPUT",
        readable=False,
        show_default=False,
        help="A folder or .parquet file that pellucid explain wrote.",
    ),
]

Page = Annotated[Path, _path("-o", "--output", help="The page to write.")]
Shares = Annotated[
    Path,
    _path(
        "-o",
        "--output",
        help="A .parquet file, a folder, or a .pel file for pellucid show; of images a .pel "
        "file or a picture: .svg, .png, .html, .json.",
    ),
]
Picture = Annotated[
    Path | None, _path("-o", "--output", help="A picture: .svg, .png, .html or .json.")
]
Background = Annotated[Path | None, _path(help="Reference rows, such as the training data.")]

Reference = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        readable=False,
        show_default=False,
        help="Whom they are compared with: all rows are used.",
    ),
]
Answers = Annotated[Path, _path("-o", "--output", help="A .parquet or .pel file.")]
Cutoff = Annotated[
    float | None,
    typer.Option(metavar="P", help="Compare with those on the good side of this answer."),
]
Nearest = Annotated[
    int | None, typer.Option(metavar="N", help="With --cutoff: with the N nearest to it.")
]
Most = Annotated[int, typer.Option("-k", "--most", metavar="N", help="Reasons for each row.")]
Adverse = Annotated[
    str, typer.Option(metavar="SIDE", help="Which answers are bad: higher or lower.")
]
Together = Annotated[
    list[str] | None,
    typer.Option(
        "--group", metavar="NAME=A,B", help="Columns explained as one. May be given repeatedly."
    ),
]
Correlated = Annotated[
    float | None,
    typer.Option(metavar="R", help="Explain columns as one that correlate by R or more."),
]

Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column of DATA with the true answers. Of images their folders tell.",
    ),
]
LeftOut = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="COLUMN", help="A column of DATA with the answers, to be left out."
    ),
]
Class = Annotated[
    str | None,
    typer.Option("--class", metavar="LABEL", help="The class to explain, or the output's number."),
]
OnlyClass = Annotated[str | None, typer.Option("--class", metavar="LABEL", help="Only this class.")]
OnlyRow = Annotated[str | None, typer.Option("--row", metavar="LABEL", help="Only this row.")]
Rows = Annotated[
    str | None,
    typer.Option(metavar="N,N", help="Rows to explain one by one, such as 17,23; or images."),
]
Scale = Annotated[
    str,
    typer.Option(
        metavar="WORD",
        help="probability, logit, raw; auto is the one on which the model is a sum.",
    ),
]
Threshold = Annotated[
    float, typer.Option(metavar="P", help="The probability from which a class is predicted.")
]
Title = Annotated[str | None, typer.Option(metavar="TEXT", help="The headline.")]
Lesson = Annotated[
    str, typer.Argument(metavar="LESSON", help="table, or images: a network on handwritten digits.")
]
Bundled = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="breast_cancer, wine, iris; or diabetes, a number. Of images hans or honest.",
    ),
]
Method = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="See pellucid methods; by default the best that fits."),
]
MethodSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the method, such as removal=gaussian; see pellucid methods --method "
        "NAME. Can be repeated.",
    ),
]
OneMethod = Annotated[
    str | None, typer.Option("--method", metavar="NAME", help="Tell the settings of this one.")
]
Kind = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="bar, beeswarm, waterfall, dependence, heatmap, curve …"),
]

Methods = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="By default the best one, two samplers and LIME; of images those that fit.",
    ),
]
Compared = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most rows; more are drawn at random. By default 100, or 30 images.",
        show_default=False,
    ),
]
Drawn = Annotated[
    Path | None,
    _path("-o", "--output", help="A picture (.svg, .png, .html, .json) or the scores (.pel)."),
]

Size = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="What image files are resized to, such as 224 or 240x320: the shorter side, and the "
        "middle cut out.",
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(metavar="R,G,B", help="What is taken from pixels between 0 and 1, by channel."),
]
Std = Annotated[
    str | None, typer.Option(metavar="R,G,B", help="What they are then divided by, by channel.")
]
Segments = Annotated[
    str | None,
    typer.Option(metavar="N", help="What images are cut into: so many superpixels, slic, or grid."),
]
Names = Annotated[
    Path | None,
    _path(
        help="What the classes of a network are called, in the order of its outputs: a label per "
        "line, or a .json list or object."
    ),
]

Budget = Annotated[
    int | None, typer.Option(metavar="N", help="Coalitions for each row, for sampling methods.")
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="T",
        help="For sampling methods: stop when every value is certain (95 %) to ± T; --budget is "
        "then the most.",
    ),
]
MaxSeconds = Annotated[float | None, typer.Option(metavar="S", help="Stop after so many seconds.")]
MaxEvaluations = Annotated[
    int | None, typer.Option(metavar="N", help="Stop after so many predicted rows.")
]

Id = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="A column to carry over, no feature. Can be repeated."),
]
Top = Annotated[
    int | None, typer.Option(metavar="K", help="Write only the K strongest features of each row.")
]
Float32 = Annotated[bool, typer.Option("--float32", help="Write numbers of 32 bits.")]
Summaries = Annotated[
    list[str] | None,
    typer.Option(
        "--summary",
        metavar="NAME",
        help="Count on the way, into a folder: mean_abs, partial_dependence, ale, "
        "permutation_importance, fairness:COLUMN. Can be repeated.",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(metavar="WORD", help="threads, or processes for models written in Python."),
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Threads or processes; by default all cores.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Delete what an earlier run left, instead of going on.")
]

Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if a check of the explanation fails.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Test the explanation too; exit with 1 if a test fails.")
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Load a file that can run code. Only if you know who made it."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Makes the result repeatable.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")]
