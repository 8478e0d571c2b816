"""Many runs beside each other: a grid, a search, several methods."""

from sentemb.studies.ledger import Ledger, opened
from sentemb.studies.measured import Measured

__all__ = ["Ledger", "Measured", "opened"]
