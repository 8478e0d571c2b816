"""Every named paper is a function from an encoder to a method, and a recipe with its settings."""

from sentemb.methods.recipe import Recipe
from sentemb.methods.simcse import SIMCSE_SUP, SIMCSE_UNSUP, simcse_sup, simcse_unsup

__all__ = ["SIMCSE_SUP", "SIMCSE_UNSUP", "Recipe", "simcse_sup", "simcse_unsup"]
