"""Suites: the data sets of the field by name, found in a folder."""

from sentemb.suites.catalogue import SUITES
from sentemb.suites.suite_folder import Chosen, Suite, read_suite

__all__ = ["SUITES", "Chosen", "Suite", "read_suite"]
