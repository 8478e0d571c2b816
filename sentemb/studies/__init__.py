"""Many runs beside each other: a grid, a search, several methods."""

from sentemb.studies.ledger import Ledger, opened
from sentemb.studies.measured import Measured
from sentemb.studies.measures import local_separation, tolerance

__all__ = ["Ledger", "Measured", "local_separation", "opened", "tolerance"]
