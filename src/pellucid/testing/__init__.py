"""The conformance suite, for Pellucid's own methods and for everybody else's.

::

    from pellucid.testing import check_recipe

    def test_my_method():
        check_recipe(MyMethod())

`check_recipe` runs every check on every model that fits the recipe. `CHECKS` and `CASES` are the
two tables; a test runner may also go through them one by one.
"""

from __future__ import annotations

from pellucid.testing.cases import CASES, Case
from pellucid.testing.conformance import CHECKS, ConformanceError, check_recipe, fits

__all__ = ["CASES", "CHECKS", "Case", "ConformanceError", "check_recipe", "fits"]
