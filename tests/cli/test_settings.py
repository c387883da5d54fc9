"""The settings of methods on the command line: what they do, and what is said of wrong ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import pellucid as pel
from pellucid.cli.typed_method import method_from, value_of
from pellucid.core import registry
from pellucid.explainers.choose import PACKAGE, recipe_named
from pellucid.explainers.gradient.saliency import Saliency
from pellucid.explainers.shapley.kernel_shap import KernelSHAP


@pytest.mark.parametrize("name", ["shares.pel", "shares.parquet", "folder"])
def test_settings_are_those_of_the_library(cli, shelf, tmp_path, name) -> None:
    output = tmp_path / name
    command = [shelf / "linear.skops", shelf / "rows.csv", "--target", "risk", "-o", output]
    asked = ["--background", shelf / "train.parquet", "--method", "kernel_shap", "--seed", 1]
    settings = ["--set", "removal=gaussian", "--set", "max_background=20", "--budget", 16]
    ran = cli("explain", *command, *asked, *settings)
    assert ran.code == 0, ran.err
    train = pd.read_parquet(shelf / "train.parquet").drop(columns="risk")
    rows = pd.read_csv(shelf / "rows.csv").drop(columns="risk")
    said = pel.explain(
        pel.load_model(shelf / "linear.skops"),
        rows,
        background=train,
        method=KernelSHAP(removal="gaussian", max_background=20, budget=16),
        seed=1,
    )
    if name == "shares.pel":
        written = pel.Attribution.load(output)
        assert written.params["removal"] == "gaussian"
        values = written.values
    else:
        frame = pd.read_parquet(output / "data" if name == "folder" else output)
        values = frame[["age", "income", "base (feature)", "debt"]].to_numpy()
    np.testing.assert_allclose(values, said.values, atol=1e-12)


@pytest.mark.parametrize("suffix", [".pel", ".parquet"])
def test_a_tolerance_stops_a_sampler_and_is_no_matter_to_an_exact_method(
    cli, shelf, tmp_path, monkeypatch, suffix
) -> None:
    monkeypatch.chdir(shelf)
    output = tmp_path / f"shares{suffix}"
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(6, 14))).add_prefix("x")
    many.to_csv(tmp_path / "many.csv", index=False)
    command = ["wild:parity", tmp_path / "many.csv", "--trust", "--json", "-o", output]
    asked = ["--method", "permutation_shap", "--budget", 4096]
    spent = [
        json.loads(cli("explain", *command, *asked, *more).out)["evaluations"]
        for more in ([], ["--tolerance", 5])
    ]
    assert spent[1] < spent[0] / 2
    exact = [shelf / "boosted.json", shelf / "features.csv", "-o", output, "--tolerance", 0.01]
    assert cli("explain", *exact).code == 0
    ran = cli("explain", *exact, "--method", "tree_shap")
    assert ran.code == 2
    assert "takes no tolerance" in ran.err


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--set", "budget=40"], "--method NAME"),
        (["--method", "lime", "--set", "budgt=40"], "Did you mean 'budget'?"),
        (["--method", "lime", "--set", "budget"], "NAME=VALUE"),
        (["--method", "lime", "--set", "budget="], "NAME=VALUE"),
        (["--method", "lime", "--set", "budget=many"], "budget"),
        (["--method", "lime", "--set", "budget=40", "--set", "budget=50"], "twice"),
        (["--method", "kernel_shap", "--set", "removal=gausian"], "gaussian"),
        (["--method", "kernel_shap", "--tolerance", "-1"], "tolerance"),
        (["--method", "break_down", "--set", "order=age,years"], "years"),
    ],
)
@pytest.mark.parametrize("suffix", [".pel", ".parquet"])
def test_a_wrong_setting_is_named(cli, shelf, tmp_path, typed, words, suffix) -> None:
    command = [shelf / "linear.skops", shelf / "features.csv"]
    ran = cli("explain", *command, "-o", tmp_path / f"shares{suffix}", *typed)
    assert ran.code == 2, ran.err
    assert words in ran.err
    assert not list(tmp_path.iterdir())


def test_a_setting_that_is_text_stays_text() -> None:
    assert method_from("saliency", ["site=1"]) == Saliency(site="1")
    assert method_from("saliency", ["site=none"]) == Saliency()
    assert method_from("kernel_shap", ["removal=blur", "budget=70"]).removal == "blur"


def test_what_is_typed_becomes_a_number_a_word_or_a_list() -> None:
    typed = [
        "3",
        "0.5",
        "-1e-3",
        "none",
        "True",
        "false",
        "gaussian",
        "[1, 2]",
        "a, b",
        "a b",
        "{}",
    ]
    meant = [3, 0.5, -1e-3, None, True, False, "gaussian", (1, 2), ("a", "b"), "a b", "{}"]
    assert [value_of(text) for text in typed] == meant
    assert value_of("__import__('os').getcwd()") == "__import__('os').getcwd()"


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_any_value_of_any_setting_is_taken_or_refused_in_words(cli, shelf, tmp_path, name) -> None:
    for setting in recipe_named(name).params():
        for value in ("-1", "1.5", "nonsense", "a,b", "{}", "none", "nan", "[[1], {2: 3}]"):
            command = [shelf / "linear.skops", shelf / "one_row.csv", "--target", "risk"]
            asked = ["--method", name, "--set", f"{setting}={value}", "--max-evaluations", 3]
            ran = cli("explain", *command, *asked, "-o", tmp_path / "shares.pel")
            assert ran.code in (0, 2, 3, 5), (setting, value, ran.err)


def test_the_settings_of_a_method_are_told(cli) -> None:
    told = cli("methods", "--method", "kernel_shap").out
    assert "By default: KernelSHAP(budget=2048" in told
    assert "tolerance : float, optional" in told
    assert "Notes" not in told
    facts = json.loads(cli("methods", "--method", "kernel_shap", "--json").out)
    assert facts["settings"]["removal"] == "marginal"
    ran = cli("methods", "--method", "kernel_shop")
    assert ran.code == 2
    assert "Did you mean 'kernel_shap'?" in ran.err
    for name in registry.names(PACKAGE):
        assert cli("methods", "--method", name).code == 0
