"""``sentemb analyze``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentemb.bundled import bundled

from .. import console
from ..early import check_columns

if TYPE_CHECKING:
    from sentemb.evaluation import STS
    from sentemb.geometry import Analysis, Corpus

EXAMPLES = """Examples:

sentemb analyze mini-sentemb

sentemb analyze mini mini-sentemb file.txt -o runs/analysis

sentemb analyze runs/mine --sts STSB.dev.tsv --labels topics.tsv --json"""
RECORD = "analysis.json"
MOST_MODELS = 8
"""Colours that can be told apart."""
WORDS = {
    "spearman": "Spearman x 100",
    "positive_cosine": "mean cosine, positive",
    "random_cosine": "mean cosine, random",
    "uniformity_sentences": "uniformity",
    "top_component": "variance of top component",
    "penalty_entropy": "entropy of penalties",
    "even_entropy": "  if all were alike",
    "hardest_penalty": "penalty of the hardest",
    "common_mean_cosine": "mean cosine, common words",
    "rare_mean_cosine": "mean cosine, rare words",
    "rarity_norm": "rarity ~ norm",
    "rarity_centre": "rarity ~ cosine to the mean",
    "length_difference_cosine": "length difference ~ cosine",
    "length_norm": "length ~ norm",
}
"""Names in the table, where they are others; ~ is Spearman's correlation, in -1 to 1."""


def analyze(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL... [FILE]",
            help="Embedded encoders, folders or hub ids, by default mini-sentemb; and last a file "
            "of sentences, by default the bundled ones.",
        ),
    ] = None,
    sts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Graded pairs: sentence1, sentence2, score; by default the bundled ones.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled sentences, text and label, for tolerance; by default the bundled "
            "topics where FILE is not given either.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of FILE that holds the sentences.")] = "text",
    temperature: Annotated[
        float, typer.Option(min=1e-3, help="Of relative penalties; as in training.")
    ] = 0.05,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for analysis.json and pictures (extra plot)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier analysis in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure how a model's vectors lie in their space; several models side by side.

    Alignment and uniformity, tolerance, isotropy, relative penalties, and what rare words and
    length do to a vector. docs/analysis.md says what each number is.
    """
    from sentemb.errors import UsageError
    from sentemb.storage import check_output

    from ..early import check_extra, check_models, without_effect

    names, file = _models_and_file(models or [])
    if len(names) > MOST_MODELS:
        raise UsageError(f"{len(names)} models; at most {MOST_MODELS} can be told apart.")
    without_effect("--column", file is None and column != "text", "a FILE of sentences")
    if output is not None:
        check_extra("matplotlib", "plot", "A picture, for -o,")
        check_output(output, RECORD, overwrite=overwrite)
    from sentemb.datasets.texts import texts_without_blanks

    texts = texts_without_blanks(file or bundled("sentences.txt"), column)
    graded = _graded(sts)
    if labels is not None:
        check_columns(labels, [("text", "label")])
    check_models(*names)
    console.quieten_before_import()
    from sentemb.geometry.report import record_of, write_report

    corpus = _corpus(file, texts, graded, sts, labels)
    found = {name: _analysis(name, corpus, temperature) for name in names}
    if output is not None:
        write_report(output, found, corpus, temperature, overwrite=overwrite)
        console.log(f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    if as_json:
        console.print_json("analyze", record_of(found, corpus, temperature))
    else:
        console.show(_table(found))


def _models_and_file(words: list[str]) -> tuple[list[str], str | None]:
    """Tell models from the file: a model is never a file."""
    from sentemb.datasets.files import READERS
    from sentemb.datasets.lines import suffixes_of

    file = None
    if words and (Path(words[-1]).is_file() or READERS.keys() & set(suffixes_of(Path(words[-1])))):
        *words, file = words
    for word in words:
        if Path(word).is_file():
            from sentemb.errors import UsageError

            raise UsageError(f"'{word}' is a file; models come first, then one file of sentences.")
    if not words:
        console.log("model: mini-sentemb")
    return list(dict.fromkeys(words)) or ["mini-sentemb"], file


def _graded(sts: Path | None) -> "STS":
    from sentemb.datasets import read_sts

    graded = read_sts(sts or bundled("graded.tsv"))
    if graded.ungraded:
        console.log(f"{graded.name}: {graded.ungraded} rows without a score left out")
    return graded


def _corpus(
    file: str | None, texts: list[str], graded: "STS", sts: Path | None, labels: Path | None
) -> "Corpus":
    from sentemb.datasets import read_training_data
    from sentemb.geometry import Corpus

    defaults = [("sentences.txt", file is None), ("graded.tsv", sts is None)]
    if labels is None and file is None:
        labels = bundled("topics.tsv")
        defaults.append(("topics.tsv", True))
    classes: tuple[list[str], list[str]] = [], []
    if labels is not None:
        data = read_training_data(labels, [("text", "label")])
        classes = list(data.rows["text"]), [data.classes[n] for n in data.rows["label"]]
    if taken := [name for name, is_taken in defaults if is_taken]:
        console.log(f"bundled: {', '.join(taken)}")
    return Corpus(str(file or "sentences.txt"), texts, graded, *classes)


def _analysis(name: str, corpus: "Corpus", temperature: float) -> "Analysis":
    """Analyse one model; what is wrong with it names it."""
    from sentemb.errors import InputError, NumericError
    from sentemb.evaluation.cache import EncodeCache
    from sentemb.geometry import analyse
    from sentemb.inference.embedder import Embedder
    from sentemb.inference.torch_only import load_encoder

    with Embedder(load_encoder(name)) as embedder:

        def count(texts: list[str]) -> list[int]:
            tokens = embedder.tokenise(texts)
            return [len(tokens.ids[row]) for row in tokens.rows]

        try:
            return analyse(EncodeCache(embedder.encode), count, corpus, temperature)
        except (InputError, NumericError) as error:
            raise type(error)(f"{name}: {error}") from error


def _table(found: "dict[str, Analysis]") -> str:
    """Return a row for every number: its n, and each model's value."""
    first = next(iter(found.values()))
    rows = [
        [
            WORDS.get(name, name.replace("_", " ")),
            f"{measure.n:,} {measure.of}",
            *(console.number(name, each.measures[name].value) for each in found.values()),
        ]
        for name, measure in first.measures.items()
    ]
    rows.append(["dimensions", "", *(str(each.dim) for each in found.values())])
    return console.table(["", "n", *found], rows)
