"""What is wrong with a file, before anything is trained on it."""

from sentemb.checks.check_files import check, leakage
from sentemb.checks.file import CheckedFile, Limits, check_file
from sentemb.checks.problem import Problem

__all__ = ["CheckedFile", "Limits", "Problem", "check", "check_file", "leakage"]
