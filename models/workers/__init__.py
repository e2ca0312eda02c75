"""Programs that run in an engine's own environment, and the language they speak with us.

A worker sees this folder and its own environment, not veridical: its files import nothing of ours
but `frames`.
"""
