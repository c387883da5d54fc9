"""Why this answer? Every method by its class name, imported when it is first used.

``pellucid.explainers.KernelSHAP`` is the class in ``shapley/kernel_shap.py``: the folder is the
registry.
"""

from __future__ import annotations

from typing import Any

from pellucid.core import registry
from pellucid.core.recipe import snake_case


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and snake_case(name) in registry.modules(__name__):
        found = registry.recipe_in(registry.modules(__name__)[snake_case(name)])
        if found is not None and found.__name__ == name:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(registry.find(__name__, name).__name__ for name in registry.names(__name__))
