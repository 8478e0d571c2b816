"""How much of texts an encoder reads and knows, in its own tokens."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import batched
