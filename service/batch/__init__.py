"""Many transactions: a manifest in, one result line each out, exactly once."""

from veridical.service.batch.journal import Journal
from veridical.service.batch.local import local_workers
from veridical.service.batch.run import run_batch
from veridical.service.batch.summary import BatchSummary

__all__ = ["BatchSummary", "Journal", "local_workers", "run_batch"]
