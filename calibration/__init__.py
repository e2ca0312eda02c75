"""Which error rates follow from scores, and which thresholds and corrections from those?"""
