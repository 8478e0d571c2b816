"""Every named paper is a function from an encoder to a method, and a recipe with its settings."""

from sentemb.methods.consert import CONSERT, CONSERT_SUP, consert, consert_sup
from sentemb.methods.cosent import COSENT, cosent
from sentemb.methods.edits import CROP_CONTRAST, EDA_CONTRAST, crop, eda
from sentemb.methods.esimcse import ESIMCSE, esimcse
from sentemb.methods.recipe import Recipe
from sentemb.methods.simcse import SIMCSE_SUP, SIMCSE_UNSUP, simcse_sup, simcse_unsup
from sentemb.methods.supcon import SUPCON, supcon

__all__ = [
    "CONSERT",
    "CONSERT_SUP",
    "COSENT",
    "CROP_CONTRAST",
    "EDA_CONTRAST",
    "ESIMCSE",
    "SIMCSE_SUP",
    "SIMCSE_UNSUP",
    "SUPCON",
    "Recipe",
    "consert",
    "consert_sup",
    "cosent",
    "crop",
    "eda",
    "esimcse",
    "simcse_sup",
    "simcse_unsup",
    "supcon",
]
