"""Every named paper is a function from an encoder to a method, and a recipe with its settings."""

from sentemb.methods.aggregation import LOCAL_AGGREGATION, local_aggregation
from sentemb.methods.arccse import ARCCSE, arccse
from sentemb.methods.bind import BIND, bind, bind_spokes
from sentemb.methods.clip import CLIP, LIT, SIGLIP, clip, lit, siglip
from sentemb.methods.coca import COCA, coca
from sentemb.methods.consert import CONSERT, CONSERT_SUP, consert, consert_sup
from sentemb.methods.cosent import COSENT, cosent
from sentemb.methods.decorrelation import BARLOW_TWINS, VIC_REG, barlow_twins, vicreg
from sentemb.methods.distill import DISTILL, distill
from sentemb.methods.edits import (
    CROP_CONTRAST,
    EDA_CONTRAST,
    EQUIVARIANT,
    MULTI_CROP,
    crop,
    eda,
    equivariant,
    multi_crop,
)
from sentemb.methods.esimcse import ESIMCSE, esimcse
from sentemb.methods.gist import GIST, gist
from sentemb.methods.moco import MOCO, MOCO_V2, MOCO_V3, moco, moco_v2, moco_v3
from sentemb.methods.multilingual import MULTILINGUAL, multilingual
from sentemb.methods.next_sentence import NSP, nsp
from sentemb.methods.promptbert import PROMPTBERT, promptbert
from sentemb.methods.rankcse import RANKCSE, rankcse
from sentemb.methods.recipe import METHODS, Recipe, method_named, options_of, recipe_named
from sentemb.methods.simclr import SIMCLR, SIMCLR_V2, simclr, simclr_v2
from sentemb.methods.simclr_pictures import SIMCLR_PICTURES, simclr_pictures
from sentemb.methods.simcse import (
    SIMCSE_PLUS_PLUS,
    SIMCSE_SUP,
    SIMCSE_UNSUP,
    simcse_plus_plus,
    simcse_sup,
    simcse_unsup,
)
from sentemb.methods.sncse import SNCSE, sncse
from sentemb.methods.starbucks import STARBUCKS, starbucks
from sentemb.methods.supcon import SUPCON, supcon
from sentemb.methods.swav import SWAV, swav
from sentemb.methods.two_tower import TWO_TOWER, two_tower
from sentemb.methods.whitenedcse import WHITENEDCSE, whitenedcse
from sentemb.methods.without_negatives import BYOL, SIMSIAM, byol, simsiam

__all__ = [
    "ARCCSE",
    "BARLOW_TWINS",
    "BIND",
    "BYOL",
    "CLIP",
    "COCA",
    "CONSERT",
    "CONSERT_SUP",
    "COSENT",
    "CROP_CONTRAST",
    "DISTILL",
    "EDA_CONTRAST",
    "EQUIVARIANT",
    "ESIMCSE",
    "GIST",
    "LIT",
    "LOCAL_AGGREGATION",
    "METHODS",
    "MOCO",
    "MOCO_V2",
    "MOCO_V3",
    "MULTILINGUAL",
    "MULTI_CROP",
    "NSP",
    "PROMPTBERT",
    "RANKCSE",
    "SIGLIP",
    "SIMCLR",
    "SIMCLR_PICTURES",
    "SIMCLR_V2",
    "SIMCSE_PLUS_PLUS",
    "SIMCSE_SUP",
    "SIMCSE_UNSUP",
    "SIMSIAM",
    "SNCSE",
    "STARBUCKS",
    "SUPCON",
    "SWAV",
    "TWO_TOWER",
    "VIC_REG",
    "WHITENEDCSE",
    "Recipe",
    "arccse",
    "barlow_twins",
    "bind",
    "bind_spokes",
    "byol",
    "clip",
    "coca",
    "consert",
    "consert_sup",
    "cosent",
    "crop",
    "distill",
    "eda",
    "equivariant",
    "esimcse",
    "gist",
    "lit",
    "local_aggregation",
    "method_named",
    "moco",
    "moco_v2",
    "moco_v3",
    "multi_crop",
    "multilingual",
    "nsp",
    "options_of",
    "promptbert",
    "rankcse",
    "recipe_named",
    "siglip",
    "simclr",
    "simclr_pictures",
    "simclr_v2",
    "simcse_plus_plus",
    "simcse_sup",
    "simcse_unsup",
    "simsiam",
    "sncse",
    "starbucks",
    "supcon",
    "swav",
    "two_tower",
    "vicreg",
    "whitenedcse",
]
