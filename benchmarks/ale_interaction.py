"""Second-order ALE of a boosted model, against PyALE: bins, rows and answers the same."""

from __future__ import annotations

import argparse
import time
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations

import numpy as np
from record import Measured, record

FIXED = (
    " About half of our time is reading and checking table and trees, once for any number of pairs."
)


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
    try:
        peer = f"PyALE {version('PyALE')}"
        from PyALE._src.ALE_2D import aleplot_2D_continuous
    except (ImportError, PackageNotFoundError):
        print("PyALE is not installed: nothing to compare with")
        return
    measured = []
    for columns in (["x0", "x1"], ["x0", "x1", "x2", "x3"]):
        recipe, pairs = (
            ALEInteraction(feature=tuple(columns), bins=20),
            list(combinations(columns, 2)),
        )
        recipe.explain(model, X.head(200), threads=1)
        ours, theirs = [], []
        for _ in range(turns):
            start = time.process_time()
            found = recipe.explain(model, X, threads=1)
            ours.append(time.process_time() - start)
            start = time.process_time()
            tables = [aleplot_2D_continuous(X, model, list(pair), grid_size=20) for pair in pairs]
            theirs.append(time.process_time() - start)
        surfaces = found if isinstance(found, tuple) else (found,)
        apart = max(
            np.abs(one.values - table.to_numpy()).max()
            for one, table in zip(surfaces, tables, strict=True)
        )
        measured.append(
            Measured(
                task=f"{len(pairs)} pair{'s' * (len(pairs) > 1)} of columns",
                ours=f"{min(ours):.3f} s",
                peer=f"{min(theirs):.3f} s",
                against=peer,
                ratio=min(theirs) / min(ours),
                target=5.0,
                note=f"Greatest difference between the surfaces: {apart:.1g}."
                + (FIXED if len(pairs) == 1 else ""),
            )
        )
    record(
        "ale_interaction",
        "Second-order ALE",
        f"{rows:,} rows × 20, LightGBM {trees} × 31 leaves, 20 × 20 bins, one thread; best of "
        f"{turns} turns side by side. Ours includes the band over rows; PyALE has none.",
        measured,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
