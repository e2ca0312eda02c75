"""Transaction, policy, decision, and the verifier that ties them."""

from veridical.analysis.transaction import Transaction
from veridical.catalogue import CHECKS
from veridical.catalogue.reasons import explain, reasons
from veridical.policy import Policy, load_policy, shipped_policies
from veridical.policy.decision import Decision, decide
from veridical.policy.verdict import Verdict, verdict_to_json
from veridical.verification.settings import Settings
from veridical.verification.verifier import Verifier, load_verifier

__all__ = [
    "CHECKS",
    "Decision",
    "Policy",
    "Settings",
    "Transaction",
    "Verdict",
    "Verifier",
    "decide",
    "explain",
    "load_policy",
    "load_verifier",
    "reasons",
    "shipped_policies",
    "verdict_to_json",
]
