"""Old names of renamed rooms lead to the very modules, with a warning, for one release."""

import importlib
import sys
import warnings

import pytest

import veridical
from veridical.renamed import RENAMED

NAMES = {**RENAMED, "veridical.service.client.errors": "veridical.client.errors"}


def imported(name: str) -> tuple[object, list[str]]:
    """A module, as if it were asked for the first time, and what was warned of."""
    for old in RENAMED:
        for known in [known for known in sys.modules if f"{known}.".startswith(f"{old}.")]:
            del sys.modules[known]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = importlib.import_module(name)
    return module, [str(one.message) for one in caught if one.category is DeprecationWarning]


@pytest.mark.parametrize("old", sorted(NAMES))
def test_an_old_name_is_the_new_module_and_warns(old: str) -> None:
    module, warned = imported(old)
    new = importlib.import_module(NAMES[old])
    assert module is new
    assert new.__name__ == getattr(new.__spec__, "name", "") == NAMES[old]
    assert f"{old} is {NAMES[old]} now: import that" in warned


def test_old_names_go_with_the_next_release() -> None:
    assert veridical.__version__.startswith("0.1."), "remove veridical/renamed.py"
