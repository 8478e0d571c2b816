"""The suites there are."""

from collections.abc import Mapping, Sequence

from sentemb.suites.chinese import CHINESE_PAIRS, CHINESE_STS
from sentemb.suites.clustering import CLUSTERING
from sentemb.suites.negation import NEGATION
from sentemb.suites.retrieval import RETRIEVAL
from sentemb.suites.sts import STS
from sentemb.suites.suite_folder import Source
from sentemb.suites.transfer import TRANSFER

SUITES: Mapping[str, Sequence[Source]] = {
    "sts": STS,
    "sts-zh": CHINESE_STS,
    "transfer": TRANSFER,
    "retrieval": RETRIEVAL,
    "clustering": CLUSTERING,
    "pairs": CHINESE_PAIRS,
    "negation": NEGATION,
}
BUNDLED_SUITES = frozenset({"negation"})
"""Those whose files come with the package, so that they need no folder."""
