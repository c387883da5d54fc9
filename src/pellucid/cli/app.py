"""The commands, what they share, and how errors become one paragraph and an exit code.

Every command imports what it needs inside its body, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

HELP = """Explain machine-learning models, with proof that each explanation is true.

Start with [bold]pellucid demo[/bold]: it trains a model on bundled data and writes a report.

Data goes to standard output; progress and messages go to standard error.

Exit codes: 0 fine, 1 a check failed, 2 wrong usage, 3 input unreadable or unsupported,
4 refused as untrusted, 5 budget exceeded (what was done is kept)."""

app = typer.Typer(
    name="pellucid",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Exit(IntEnum):
    """What the process returns."""

    fine = 0
    check_failed = 1
    usage = 2
    unreadable = 3
    untrusted = 4
    budget = 5
    interrupted = 130


Model = Annotated[
    Path,
    typer.Argument(
        help="A model file: XGBoost .json or .ubj, LightGBM .txt, skops; pickles need --trust."
    ),
]
Data = Annotated[Path, typer.Argument(help="A table: CSV, Parquet or Arrow.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Load a file that can run code. Only for files you made.")
]
Background = Annotated[
    Path | None,
    typer.Option(help="Reference rows, such as the training data."),
]
Class = Annotated[str | None, typer.Option("--class", help="The class to explain.")]
Scale = Annotated[str, typer.Option(help="auto, probability, logit or raw.")]
Seed = Annotated[int, typer.Option(help="Makes the result repeatable.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Report = Annotated[Path, typer.Option("-o", "--output", help="The report to write.")]


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from pellucid import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    data: Annotated[
        str, typer.Option(help="breast_cancer, diabetes, wine or iris.")
    ] = "breast_cancer",
    output: Annotated[Path, typer.Option("-o", "--output", help="The report.")] = Path(
        "report.html"
    ),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Train a model on bundled real data and write a report about it.

    Needs no files and no network. Classification by default; [bold]--data diabetes[/bold] is
    regression.
    """
    from pellucid.cli.demo import run_demo

    run_demo(data, output, seed, json)


@app.command()
def report(
    model: Model,
    data: Data,
    target: Annotated[str, typer.Option(help="The column that the model predicts.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The report.")] = Path(
        "report.html"
    ),
    background: Background = None,
    class_: Class = None,
    scale: Scale = "auto",
    rows: Annotated[
        str | None, typer.Option(help="Rows to explain one by one, such as 17,23.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Probability that predicts a class.")] = 0.5,
    title: Annotated[str | None, typer.Option(help="The report's title.")] = None,
    trust: Trust = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a report that a person can trust about your model and your data.

    DATA should be rows that the model has not seen in training. With [bold]--background[/bold],
    the training data, explanations start from what the model learned on.
    """
    from pellucid.cli.report import run_report

    run_report(
        model,
        data,
        target,
        output,
        background,
        class_,
        scale,
        rows,
        threshold,
        title,
        trust,
        seed,
        json,
    )


@app.command()
def explain(
    model: Model,
    data: Data,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A .parquet file, or .pel for pellucid show."),
    ],
    method: Annotated[
        str | None, typer.Option(help="Such as tree_shap; by default the best that fits.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column that the model predicts, to be left out.")
    ] = None,
    background: Background = None,
    class_: Class = None,
    scale: Scale = "auto",
    budget: Annotated[int | None, typer.Option(help="Coalitions per row, for sampling.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    max_evaluations: Annotated[
        int | None, typer.Option(help="Stop after so many predicted rows.")
    ] = None,
    trust: Trust = False,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Attributions for every row: one column per feature, plus base, prediction and error.

    When a limit is reached the rows done so far are kept, and the exit code is 5.
    """
    from pellucid.cli.explain import run_explain

    run_explain(
        model, data, output, method, target, background, class_, scale, budget, max_seconds,
        max_evaluations, trust, seed, json,
    )  # fmt: skip


@app.command()
def methods(
    model: Annotated[
        Path | None, typer.Argument(help="A model file; without it, all methods are listed.")
    ] = None,
    scale: Scale = "auto",
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Which methods there are, which fit a model, what each needs and costs."""
    from pellucid.cli.methods import run_methods

    run_methods(model, scale, trust, json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A saved explanation (.pel).")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A picture: .svg, .png, .html or .json.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="bar, beeswarm, waterfall, dependence, heatmap, ….")
    ] = None,
    json: Json = False,
) -> None:
    """Show a saved explanation: as text, or as a picture with --output."""
    from pellucid.cli.show import run_show

    run_show(file, output, kind, json)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; errors become one paragraph on standard error and an exit code."""
    from pellucid.core.errors import PellucidError

    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        app(args=given, prog_name="pellucid", standalone_mode=True)
    except PellucidError as error:
        if debug:
            raise
        say(f"Error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("Stopped. Nothing was half-written.")
        sys.exit(Exit.interrupted)


def say(message: str) -> None:
    """One paragraph on standard error."""
    print(message, file=sys.stderr)
