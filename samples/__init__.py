"""The sample transactions of `veridical demo`."""

from veridical.samples.build import Sample, build_samples, sample_pictures

__all__ = ["Sample", "build_samples", "sample_pictures"]
