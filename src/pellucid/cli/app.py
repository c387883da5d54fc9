"""The commands, what they share, and how errors become one paragraph and an exit code.

Every command imports what it needs inside its body, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from enum import IntEnum
from pathlib import Path
from typing import Annotated, cast

import typer

HELP = """Explain machine-learning models, with proof that each explanation is true.

Start with **pellucid demo**: it trains a model on bundled data and writes a report. Then
**pellucid report MODEL DATA --target COLUMN** does the same for your own model and data.

Data goes to standard output; messages, and progress on a terminal, to standard error. An output
file appears whole or not at all. Exit codes:

- **0** fine
- **1** a check of the explanation failed (only with --strict or --check)
- **2** wrong usage, such as an unknown name or a setting that is not allowed
- **3** unreadable or unsupported input
- **4** refused: a file that could run code, without --trust
- **5** a limit was reached; what was done until then is kept
- **70** a fault in Pellucid, or in the model's own code
- **130** stopped with Ctrl-C"""

app = typer.Typer(
    name="pellucid",
    help=HELP,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Exit(IntEnum):
    """What the process returns, beside the codes that errors bring."""

    check_failed = 1
    unreadable = 3
    budget = 5
    fault = 70
    interrupted = 130


USAGE = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""Typer's base of all errors about the command line; where it lives depends on the version."""

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="XGBoost .json or .ubj, LightGBM .txt, or skops; a pickle or joblib file, or "
        "module:function, with --trust.",
        show_default=False,
    ),
]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="A table: CSV, Parquet or Arrow, one row for each case.",
        show_default=False,
    ),
]  # fmt: skip
Page = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The page to write.")]
Background = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Reference rows, such as the training data."),
]
Class = Annotated[
    str | None,
    typer.Option("--class", metavar="LABEL", help="The class to explain, or the output's number."),
]
Scale = Annotated[
    str,
    typer.Option(
        metavar="WORD",
        help="probability, logit, raw; auto is the one on which the model is a sum.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Load a file that can run code. Only if you know who made it."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Makes the result repeatable.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(wanted: bool) -> None:
    if wanted:
        from pellucid import __version__

        print(f"pellucid {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_version, is_eager=True
        ),
    ] = False,
) -> None:  # fmt: skip
    if context.invoked_subcommand is None:
        context.get_help()


@app.command(epilog="Example: pellucid demo --data diabetes -o diabetes.html")
def demo(
    data: Annotated[
        str, typer.Option(metavar="NAME", help="breast_cancer, wine, iris; or diabetes, a number.")
    ] = "breast_cancer",
    output: Page = Path("report.html"),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a model on bundled real data and write a report about it.

    Needs no files and no network. Prints the three findings that matter, and where the report is.
    """
    from pellucid.cli.demo import run_demo

    run_demo(data, output, seed, json)


@app.command(
    epilog="Example: pellucid report credit.skops test.csv --target risk --background train.csv"
)
def report(
    model: Model,
    data: Data,
    target: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="The column of DATA with the true answers.", show_default=False
        ),
    ],
    output: Page = Path("report.html"),
    background: Background = None,
    class_: Class = None,
    scale: Scale = "auto",
    rows: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Rows to explain one by one, such as 17,23."),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(metavar="P", help="The probability from which a class is predicted."),
    ] = 0.5,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="The headline.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a check of the explanation fails.")
    ] = False,
    trust: Trust = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a report that a person can trust about your model and your data.

    DATA should be rows that the model has not seen in training. With **--background**,
    the training data, explanations start from what the model learned on.
    """
    from pellucid.cli.report import run_report

    run_report(
        model, data, target, output, background=background, class_=class_, scale=scale, rows=rows,
        threshold=threshold, title=title, strict=strict, trust=trust, seed=seed, json=json,
    )  # fmt: skip


@app.command(epilog="Example: pellucid explain model.json new.parquet -o shares.parquet")
def explain(
    model: Model,
    data: Data,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            show_default=False,
            help="A .parquet file, or a .pel file for pellucid show.",
        ),
    ],
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="See pellucid methods; by default the best that fits."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="A column of DATA with the answers, to be left out."),
    ] = None,
    background: Background = None,
    class_: Class = None,
    scale: Scale = "auto",
    budget: Annotated[
        int | None, typer.Option(metavar="N", help="Coalitions for each row, for sampling methods.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Stop after so many seconds.")
    ] = None,
    max_evaluations: Annotated[
        int | None, typer.Option(metavar="N", help="Stop after so many predicted rows.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Test the explanation too; exit with 1 if a test fails.")
    ] = False,
    trust: Trust = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Explain every row: how much each feature moved the prediction.

    Writes one column for each feature, plus row, prediction, base and error (the largest standard
    error in the row, 0 where exact); base and features add up to the prediction. With several
    classes there is one line for each row and class. When a limit is reached, the rows done so far
    are kept and the exit code is 5.
    """
    from pellucid.cli.explain import run_explain

    run_explain(
        model, data, output, method=method, target=target, background=background, class_=class_,
        scale=scale, budget=budget, max_seconds=max_seconds, max_evaluations=max_evaluations,
        check=check, trust=trust, seed=seed, json=json,
    )  # fmt: skip


@app.command(epilog="Example: pellucid methods model.json --json")
def methods(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL", help="A model file; without it, all methods are listed."
        ),
    ] = None,
    scale: Scale = "auto",
    trust: Trust = False,
    json: Json = False,
) -> None:  # fmt: skip
    """List methods: which fit a model, what each needs and costs."""
    from pellucid.cli.methods import run_methods

    run_methods(model, scale, trust, json)


@app.command(epilog="Example: pellucid show shares.pel --row 17 -o why.svg")
def show(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A saved explanation (.pel).", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A picture: .svg, .png, .html or .json."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="bar, beeswarm, waterfall, dependence, heatmap, curve …"),
    ] = None,
    row: Annotated[str | None, typer.Option(metavar="LABEL", help="Only this row.")] = None,
    class_: Annotated[
        str | None, typer.Option("--class", metavar="LABEL", help="Only this class.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show a saved explanation: as text, or as a picture with --output."""
    from pellucid.cli.show import run_show

    run_show(file, output, kind, row, class_, json)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; errors become one paragraph on standard error and an exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    try:
        code = app(
            args=[argument for argument in given if argument != "--debug"],
            prog_name="pellucid",
            standalone_mode=False,
        )
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.interrupted
    except Exception as error:  # noqa: BLE001  the last stop: each gets its words and its code
        message, code = _told(error)
        if debug:
            traceback.print_exc()
        say(f"Error: {message}")
    if code == Exit.interrupted:
        say("Stopped. Nothing was half-written.")
    sys.exit(int(code or 0))


def _told(error: Exception) -> tuple[str, int]:
    """An error as one paragraph, and its exit code."""
    from pellucid.core.errors import PellucidError

    if isinstance(error, PellucidError):
        return " ".join(str(error).split()), error.exit_code
    if isinstance(error, USAGE):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "pellucid"
        message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
        return f"{message} Try: {command} --help", getattr(error, "exit_code", 2)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"The system refused{where}. Got {error.strerror or error}.", Exit.unreadable
    fault = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
    report = "If it is not your model that failed, please report what --debug shows."
    return f"Something went wrong. Got {fault}. {report}", Exit.fault


def say(message: str) -> None:
    """One paragraph on standard error."""
    print(message, file=sys.stderr)
