"""Standing between a network and the operations it calls, whatever module calls them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

Answer = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""From an operation of torch and its arguments to what it returns."""


def intercepted(answer: Answer) -> AbstractContextManager[Any]:
    """While the context lasts, `answer` is asked in place of each operation."""
    return _mode()(answer)


@cache
def _mode() -> Any:
    from torch.overrides import TorchFunctionMode

    class Intercepted(TorchFunctionMode):
        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            return self.answer(func, args, kwargs or {})

    return Intercepted
