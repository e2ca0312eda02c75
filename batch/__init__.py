"""Many transactions: a manifest in, one result line each out, exactly once."""

from veridical.batch.journal import Journal
from veridical.batch.local import local_workers
from veridical.batch.run import run_batch
from veridical.batch.shards import Shard, merge_shards
from veridical.batch.summary import BatchSummary

__all__ = ["BatchSummary", "Journal", "Shard", "local_workers", "merge_shards", "run_batch"]
