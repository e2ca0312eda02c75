"""The sample transactions of `veridical demo`."""

from veridical.rehearsal.samples.build import Sample, build_samples, sample_pictures
from veridical.rehearsal.samples.talker import build_talkers

__all__ = ["Sample", "build_samples", "build_talkers", "sample_pictures"]
