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

from pellucid.cli import options

HELP = """Explain machine-learning models, with proof that each explanation is true.

Start with **pellucid demo**: it trains a model on bundled data and writes a report. Then
**pellucid report MODEL DATA --target COLUMN** does the same for your own model and data.

Data goes to standard output; messages, and progress on a terminal, to standard error. An output
file appears whole or not at all. Exit codes:

- **0** fine
- **1** a check of the explanation failed (only with --strict or --check)
- **2** wrong usage, such as an unknown name or a setting that is not allowed
- **3** unreadable or unsupported input, or a model that fails
- **4** refused: a file that could run code, without --trust
- **5** a limit was reached; what was done until then is kept
- **70** a fault in Pellucid
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


def _version(wanted: bool) -> None:
    if wanted:
        from pellucid import __version__

        print(f"pellucid {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: options.Debug = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        context.get_help()


@app.command(epilog="Example: pellucid demo --data diabetes -o diabetes.html; pellucid demo images")
def demo(
    lesson: options.Lesson = "table",
    data: options.Bundled = None,
    output: options.Page = Path("report.html"),
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Train a model on bundled real data and write a report about it.

    Needs no files and no network. Prints the three findings that matter, and where the report is.

    The lesson **images** trains a network in seconds on digits whose corner gives the answer away:
    see that being right is not enough, that explanations show it, and which of them do.
    """
    from pellucid.cli.demo import run_demo

    run_demo(lesson, data, output, seed, json)


@app.command(
    epilog="Example: pellucid report credit.skops test.csv --target risk --background train.csv"
)
def report(
    model: options.Model,
    data: options.Data,
    target: options.Target = None,
    output: options.Page = Path("report.html"),
    methods: options.Methods = None,
    background: options.Background = None,
    class_: options.Class = None,
    scale: options.Scale = "auto",
    rows: options.Rows = None,
    threshold: options.Threshold = 0.5,
    title: options.Title = None,
    size: options.Size = None,
    mean: options.Mean = None,
    std: options.Std = None,
    segments: options.Segments = None,
    names: options.Names = None,
    strict: options.Strict = False,
    trust: options.Trust = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Write a report that a person can trust about your model and your data.

    DATA should be rows that the model has not seen in training. With **--background**,
    the training data, explanations start from what the model learned on.

    DATA may be a folder of images, and MODEL a network. With a folder for each class, the report
    says how often the network is right.
    """
    from pellucid.cli.pictures import Reading
    from pellucid.cli.report import run_report

    run_report(
        model, data, target, output, methods=methods, background=background, class_=class_,
        scale=scale, rows=rows, threshold=threshold, title=title, strict=strict, trust=trust,
        seed=seed, json=json,
        reading=Reading(size=size, mean=mean, std=std, segments=segments, names=names),
    )  # fmt: skip


@app.command(epilog="Example: pellucid explain model.json new.parquet -o shares.parquet")
def explain(
    model: options.Model,
    data: options.LongData,
    output: options.Shares,
    method: options.Method = None,
    settings: options.MethodSettings = None,
    target: options.LeftOut = None,
    background: options.Background = None,
    class_: options.Class = None,
    scale: options.Scale = "auto",
    budget: options.Budget = None,
    tolerance: options.Tolerance = None,
    id: options.Id = None,
    top: options.Top = None,
    float32: options.Float32 = False,
    summary: options.Summaries = None,
    engine: options.Engine = None,
    workers: options.Workers = None,
    fresh: options.Fresh = False,
    max_seconds: options.MaxSeconds = None,
    max_evaluations: options.MaxEvaluations = None,
    size: options.Size = None,
    mean: options.Mean = None,
    std: options.Std = None,
    segments: options.Segments = None,
    names: options.Names = None,
    check: options.Check = False,
    trust: options.Trust = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Explain every row: how much each feature moved the prediction.

    Writes one column for each feature, plus row, prediction, base and error (the largest standard
    error in the row, 0 where exact); base and features add up to the prediction. With several
    classes there is one line for each row and class.

    DATA may be larger than memory: it is explained in parts, on all cores. A run that was stopped
    or killed goes on when the same command is given again. With a folder as output the parts stay
    apart, with a receipt for each. When a limit is reached, what was done so far is kept and the
    exit code is 5.

    Images are explained pixel by pixel, and written as a .pel file or as overlays: a picture with
    each image beside what every method, as in **--method saliency,grad_cam**, lays over it.
    """
    from pellucid.cli.explain import Asked, run_explain
    from pellucid.cli.pictures import Reading
    from pellucid.cli.stream import Streamed

    run_explain(
        model, data, output,
        Asked(
            method=method, settings=tuple(settings or ()), target=target, background=background,
            class_=class_, scale=scale, budget=budget, tolerance=tolerance,
            max_seconds=max_seconds, max_evaluations=max_evaluations, check=check, trust=trust,
            seed=seed, json=json,
        ),
        Streamed(
            id=tuple(id or ()), top=top, float32=float32, summaries=tuple(summary or ()),
            engine=engine, workers=workers, fresh=fresh,
        ),
        Reading(size=size, mean=mean, std=std, segments=segments, names=names),
    )  # fmt: skip


@app.command(epilog="Example: pellucid verify shares/ --json")
def verify(output: options.Written, json: options.Json = False) -> None:
    """Check what pellucid explain has written: every part there, whole, in order, adding up.

    Exits with 1 if a check fails.
    """
    from pellucid.cli.stream import run_verify

    run_verify(output, json)


@app.command(epilog="Example: pellucid reasons m.json refused.csv --reference all.csv --cutoff 0.5")
def reasons(
    model: options.Model,
    data: options.Data,
    reference: options.Reference,
    output: options.Answers = Path("reasons.parquet"),
    cutoff: options.Cutoff = None,
    nearest: options.Nearest = None,
    most: options.Most = 4,
    adverse: options.Adverse = "higher",
    target: options.LeftOut = None,
    class_: options.Class = None,
    scale: options.Scale = "auto",
    group: options.Together = None,
    correlated: options.Correlated = None,
    trust: options.Trust = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Give the principal reasons for each row's decision, exact and always the same.

    The reference is a fixed population, such as the applicants just accepted; a feature that
    helped is never a reason.
    """
    from pellucid.cli.reasons import run_reasons

    run_reasons(
        model, data, reference, output, cutoff=cutoff, nearest=nearest, most=most, adverse=adverse,
        target=target, class_=class_, scale=scale, group=group, correlated=correlated, trust=trust,
        seed=seed, json=json,
    )  # fmt: skip


@app.command(epilog="Example: pellucid compare m.json test.csv --methods tree_shap,lime -o c.svg")
def compare(
    model: options.Model,
    data: options.Data,
    output: options.Drawn = None,
    methods: options.Methods = None,
    target: options.LeftOut = None,
    background: options.Background = None,
    class_: options.Class = None,
    scale: options.Scale = "auto",
    budget: options.Budget = None,
    rows: options.Compared = None,
    group: options.Together = None,
    correlated: options.Correlated = None,
    size: options.Size = None,
    mean: options.Mean = None,
    std: options.Std = None,
    segments: options.Segments = None,
    names: options.Names = None,
    trust: options.Trust = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Compare methods: do they agree, which is faithful and stable, what does each cost?

    The last line says which methods to believe for this model and this data.
    """
    from pellucid.cli.compare import run_compare
    from pellucid.cli.pictures import Reading

    run_compare(
        model, data, output, methods=methods, target=target, background=background, class_=class_,
        scale=scale, budget=budget, rows=rows, group=group, correlated=correlated, trust=trust,
        seed=seed, json=json,
        reading=Reading(size=size, mean=mean, std=std, segments=segments, names=names),
    )  # fmt: skip


@app.command(epilog="Example: pellucid methods model.json --json")
def methods(
    model: options.AnyModel = None,
    method: options.OneMethod = None,
    scale: options.Scale = "auto",
    trust: options.Trust = False,
    json: options.Json = False,
) -> None:
    """List methods: which fit a model, what each needs and costs; or tell one method's settings."""
    from pellucid.cli.methods import run_methods, tell_method

    if method is None:
        run_methods(model, scale, trust, json)
    else:
        tell_method(method, json)


@app.command(epilog="Example: pellucid show shares.pel --row 17 -o why.svg")
def show(
    file: options.Saved,
    output: options.Picture = None,
    kind: options.Kind = None,
    row: options.OnlyRow = None,
    class_: options.OnlyClass = None,
    json: options.Json = False,
) -> None:
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
    report = "Please report what --debug shows."
    return f"Something went wrong. Got {fault}. {report}", Exit.fault


def say(message: str) -> None:
    """One paragraph on standard error."""
    print(message, file=sys.stderr)
