"""Second-order ALE of a boosted model, against PyALE: bins, rows and answers the same."""

from __future__ import annotations

import argparse
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from record import Measured, record


def main(quick: bool) -> None:
    import lightgbm
    import pandas as pd

    from pellucid.explainers.effect.ale_interaction import ALEInteraction

    rows, trees = (2000, 50) if quick else (20_000, 200)
    turns = 2 if quick else 3
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 20)), columns=[f"x{i}" for i in range(20)])
    X["x1"] += 0.5 * X["x0"]
    y = X["x0"] * X["x1"] + np.sin(X["x2"]) + rng.normal(size=rows) / 4
    model = lightgbm.LGBMRegressor(
        n_estimators=trees, num_leaves=31, n_jobs=1, verbose=-1, random_state=0
    ).fit(X, y)
    recipe = ALEInteraction(feature=("x0", "x1"), bins=20)
    ours, theirs, found, table = [], [], None, None
    try:
        peer = f"PyALE {version('PyALE')}"
        from PyALE._src.ALE_2D import aleplot_2D_continuous
    except (ImportError, PackageNotFoundError):
        print("PyALE is not installed: nothing to compare with")
        return
    recipe.explain(model, X.head(200), threads=1)
    for _ in range(turns):
        start = time.process_time()
        found = recipe.explain(model, X, threads=1)
        ours.append(time.process_time() - start)
        start = time.process_time()
        table = aleplot_2D_continuous(X, model, ["x0", "x1"], grid_size=20)
        theirs.append(time.process_time() - start)
    assert found is not None
    assert table is not None
    fast, slow = min(ours), min(theirs)
    apart = "other bins"
    if found.values.shape == table.shape:
        apart = f"{np.abs(found.values - table.to_numpy()).max():.1g}"
    record(
        "ale_interaction",
        "Second-order ALE",
        f"{rows:,} rows × 20, LightGBM {trees} × 31 leaves, one thread, 20 × 20 bins; process time, "
        f"best of {turns} turns side by side. Ours includes the band over rows, PyALE has none.",
        [
            Measured(
                task="ALE of one pair of columns",
                ours=f"{fast:.3f} s",
                peer=f"{slow:.3f} s",
                against=peer,
                ratio=slow / fast,
                target=5.0,
                note=f"Greatest difference between the two surfaces: {apart}.",
            )
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
