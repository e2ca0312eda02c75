"""Models: their cards, how they are had and converted, and the sessions that run them."""

from veridical.models.card import Card, MeasuredPoint, list_cards, read_card
from veridical.models.catalogue import ModelStore
from veridical.models.fetch import fetch_member
from veridical.models.profile import Profile, read_profiles
from veridical.models.session import Session
from veridical.models.source import SourceFile, read_source_table

__all__ = [
    "Card",
    "MeasuredPoint",
    "ModelStore",
    "Profile",
    "Session",
    "SourceFile",
    "fetch_member",
    "list_cards",
    "read_card",
    "read_profiles",
    "read_source_table",
]
