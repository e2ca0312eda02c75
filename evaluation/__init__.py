"""How well does a check do? Protocols over recorded data, figures, reports."""
