"""Rooms that were renamed: their old names work for one more release, and say so."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["RENAMED", "find_renamed"]

RENAMED = {
    "veridical.evaluation.adapt": "veridical.calibration.adapt",
    "veridical.evaluation.calibrate": "veridical.calibration.calibrate",
    "veridical.evaluation.intervals": "veridical.calibration.intervals",
    "veridical.evaluation.metrics": "veridical.calibration.metrics",
    "veridical.evaluation.compose": "veridical.rehearsal.compose",
    "veridical.evaluation.recording": "veridical.rehearsal.recording",
    "veridical.evaluation.rehearse": "veridical.rehearsal.rehearse",
    "veridical.evaluation.samples": "veridical.rehearsal.samples",
    "veridical.evaluation.simulate": "veridical.rehearsal.simulate",
    "veridical.evaluation.specimens": "veridical.rehearsal.specimens",
    "veridical.ocr.age": "veridical.chip.age",
    "veridical.ocr.chip": "veridical.chip",
    "veridical.recording": "veridical.consent_recording",
    "veridical.samples": "veridical.rehearsal.samples",
    "veridical.service.batch": "veridical.batch",
    "veridical.service.client": "veridical.client",
    "veridical.service.transactions": "veridical.transactions",
    "veridical.service.webhooks": "veridical.transactions.webhooks",
    "veridical.verification.analysis": "veridical.analysis.analysis",
    "veridical.verification.catalogue": "veridical.catalogue",
    "veridical.verification.decision": "veridical.policy.decision",
    "veridical.verification.draw": "veridical.analysis.draw",
    "veridical.verification.engines": "veridical.analysis.engines",
    "veridical.verification.points": "veridical.catalogue.points",
    "veridical.verification.policy": "veridical.policy",
    "veridical.verification.present": "veridical.policy.present",
    "veridical.verification.reasons": "veridical.catalogue.reasons",
    "veridical.verification.signals": "veridical.signals",
    "veridical.verification.transaction": "veridical.analysis.transaction",
    "veridical.verification.verdict": "veridical.policy.verdict",
}
"""Old names of packages that users import, and the new ones; gone with release 0.2."""


class _Renamed(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if _new_name(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__
        new = _new_name(old)
        warnings.warn(f"{old} is {new} now: import that", DeprecationWarning, stacklevel=2)
        # The very module, not a copy: classes stay the same by either name.
        sys.modules[old] = importlib.import_module(new)


def _new_name(name: str) -> str:
    for old, new in RENAMED.items():
        if name == old or name.startswith(f"{old}."):
            return new + name[len(old) :]
    return ""


def find_renamed() -> None:
    """Let old names be imported."""
    if not any(isinstance(finder, _Renamed) for finder in sys.meta_path):
        # Before the others: they would find a submodule of an old name as a second module.
        sys.meta_path.insert(0, _Renamed())
