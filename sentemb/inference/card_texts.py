"""What the cards of exports and of post-processed encoders say."""

from collections.abc import Mapping, Sequence
from typing import Any

from sentemb.cards import Card, Score, public_name, usage_of_encoder

EXPORT, POSTPROCESS = "export.json", "postprocess.json"
"""The records that lie beside the cards."""
STATIC = (
    "A static encoder: a text's vector is the weighted mean of its tokens' vectors. The order of "
    "words has no influence, and no text is too long. A text of unknown tokens alone has the zero "
    "vector.",
    "Each of {tokens:,} tokens was embedded alone, the vectors were reduced to {dim} principal "
    "components ({variance:.1%} of the variance) and weighted by a / (a + p), a = {smoothing:g}, "
    "p by {probabilities}. Special and unused tokens have the zero vector.",
    "Tulkens & van Dongen, 2024 (Model2Vec); Arora et al., 2017 (SIF)",
)
LEARNED = (
    STATIC[0],
    "The vectors of {tokens:,} tokens were trained until their weighted mean was the encoder's "
    "vector, in {dim} principal components ({variance:.1%} of the variance), of each text of "
    "{learned_from}. Special and unused tokens have the zero vector.",
    "tokenlearn (github.com/MinishLab/tokenlearn); Arora et al., 2017 (SIF)",
)
INT8 = (
    "An encoder in 8-bit integers, an ONNX file. A text's vector depends a little on the texts it "
    "is encoded with.",
    "Weights are rounded by channel, what they multiply by batch; the vectors' mean cosine to the "
    "encoder's is {cosine:.4f}.",
    "onnxruntime's dynamic quantisation; Jacob et al., 2018 (arXiv:1712.05877)",
)
INT8_NEEDS = (
    "It needs sentemb with the packages of its extra int8. It does not load in "
    "`SentenceTransformer`: its ONNX backend needs optimum-onnx, which asks for transformers below "
    "4.58."
)
RATES = (
    "Rates are medians of three rounds that take turns on one thread of a CPU; the encoder's are "
    "those of `sentemb encode`."
)
WHITEN = (
    "whitening, x ↦ (x − μ)W, so that the covariance of the texts' vectors is the identity",
    "kept components had",
    "Su et al., 2021 (arXiv:2103.15316)",
)
REMOVE_TOP = (
    "all but the top, which takes away the mean and the components of most variance",
    "removed components had",
    "Mu and Viswanath, 2018 (arXiv:1702.01417)",
)
NUMBERS = ("spearman", "pearson", "alignment", "uniformity")


def export_card(record: Mapping[str, Any], name: str) -> Card:
    """Return the card of an export, from what ``export.json`` holds."""
    kind = record["kind"]
    static = LEARNED if "learned_from" in record["how"] else STATIC
    what, how, source = static if kind == "static" else INT8
    before, after, model = record["before"], record["after"], public_name(record["model"])
    of_int8 = usage_of_encoder(
        "from sentemb.inference.int8 import Int8Encoder", "Int8Encoder", "embeddings @ embeddings.T"
    )
    table: list[Sequence[str]] = [
        ("", model, kind),
        (
            f"Spearman x 100 on {record['task']}, {record['pairs']:,} pairs",
            *(f"{side['spearman']:.2f}" for side in (before, after)),
        ),
        (
            f"sentences/s, {record['texts']:,} sentences of {record['task']}",
            *(f"{side['sentences_per_second']:,.0f}" for side in (before, after)),
        ),
        ("weights, MB", *(f"{side['megabytes']:.1f}" for side in (before, after))),
        ("numbers a vector", *(str(side["dim"]) for side in (before, after))),
    ]
    return Card(
        name=name,
        what=what,
        usage=usage_of_encoder() if kind == "static" else of_int8,
        how={
            "made by": f"sentemb export ({kind})",
            "from": f"{model} ({record['modules']})",
            "how": how.format(**record["how"]),
            "source of the method": source,
        },
        tables=[table],
        notes=[RATES] if kind == "static" else [RATES, INT8_NEEDS],
        base_model=record["model"],
        scores=[_spearman(record)],
        versions=record["versions"],
        library="sentence-transformers" if kind == "static" else "sentemb",
    )


def postprocess_card(record: Mapping[str, Any], name: str) -> Card:
    """Return the card of a post-processed encoder, from what ``postprocess.json`` holds."""
    what, variance_of, source = WHITEN if record["kind"] == "whiten" else REMOVE_TOP
    data, model = record["data"], public_name(record["model"])
    table: list[Sequence[str]] = [
        (f"{record['task']}, {record['pairs']:,} pairs", "before", "after")
    ]
    for number in NUMBERS:
        if number in record["before"]:
            digits = 2 if number in NUMBERS[:2] else 4
            sides = (f"{record[side][number]:.{digits}f}" for side in ("before", "after"))
            table.append((f"{number} × 100" if digits == 2 else number, *sides))
    return Card(
        name=name,
        what=f"{model}, with a linear map behind it: {what}.",
        usage=usage_of_encoder(),
        how={
            "made by": "sentemb postprocess",
            "modules": record["modules"],
            "fitted to": f"{public_name(data['name'])}, {data['texts']:,} distinct texts, sha256 "
            f"{data['sha256'][:16]}; no label was used",
            "numbers a vector": f"{record['dim_before']}, now {record['dim']}",
            variance_of: f"{record['variance']:.1%} of the variance",
            "source of the method": source,
        },
        tables=[table],
        base_model=record["model"],
        datasets=[data["name"]],
        scores=[_spearman(record)],
        versions=record["versions"],
    )


def _spearman(record: Mapping[str, Any]) -> Score:
    value = record["after"]["spearman"] / 100
    return Score("semantic-similarity", record["task"], "spearman_cosine", value)
