"""Real data explained in closed form by a linear model."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.attribution import Attribution
from pellucid.core.provenance import Provenance


@pytest.fixture(scope="session")
def cancer() -> Attribution:
    """Breast cancer, logistic regression, shares w (x − mean) in log-odds."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    data = load_breast_cancer()
    scaled = StandardScaler().fit_transform(data.data)
    model = LogisticRegression(C=0.1).fit(scaled, 1 - data.target)
    names = [str(name) for name in data.feature_names]
    return Attribution(
        values=model.coef_[0] * scaled,
        dims=("sample", "feature"),
        coords={"sample": range(len(scaled)), "feature": names},
        base=model.intercept_[0],
        output=model.decision_function(scaled),
        inputs={name: data.data[:, i] for i, name in enumerate(names)},
        provenance=Provenance(method="linear_shap", target="malignant", scale="logit"),
    )


@pytest.fixture(scope="session")
def three_classes() -> Attribution:
    """Iris, three classes, shares w (x − mean) of each class's log-odds."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    data = load_iris()
    scaled = StandardScaler().fit_transform(data.data)
    model = LogisticRegression().fit(scaled, data.target)
    values = scaled[:, :, None] * model.coef_.T[None]
    return Attribution(
        values=values,
        dims=("sample", "feature", "class"),
        coords={
            "sample": range(150),
            "feature": data.feature_names,
            "class": [str(name) for name in data.target_names],
        },
        base=np.broadcast_to(model.intercept_, (150, 3)),
        output=values.sum(axis=1) + model.intercept_,
        provenance=Provenance(method="linear_shap", scale="logit"),
    )
