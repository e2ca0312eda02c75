"""Where things are kept: the database, its tables, and the keys that open what is in them."""

from veridical.store.database import Connection, Database
from veridical.store.errors import StoreFullError
from veridical.store.fingerprints import Fingerprints, MediaMemory
from veridical.store.keyfile import KeyFile
from veridical.store.keys import KeyProvider, MasterKeys
from veridical.store.schema import NAME_LENGTH
from veridical.store.subjects import check_keys, erase_subject, galleries_of, models_of, rewrap

__all__ = [
    "NAME_LENGTH",
    "Connection",
    "Database",
    "Fingerprints",
    "KeyFile",
    "KeyProvider",
    "MasterKeys",
    "MediaMemory",
    "StoreFullError",
    "check_keys",
    "erase_subject",
    "galleries_of",
    "models_of",
    "rewrap",
]
