"""Files that are there whole or not at all, and that one process writes."""

from sentemb.storage.durable import replaced, sha256, sync
from sentemb.storage.lock import locked

__all__ = ["locked", "replaced", "sha256", "sync"]
