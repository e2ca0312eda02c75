"""Many transactions: a manifest in, one result line each out, exactly once."""

from veridical.service.batch.journal import Journal
from veridical.service.batch.run import BatchSummary, run_batch

__all__ = ["BatchSummary", "Journal", "run_batch"]
