"""``sentemb word2vec``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import completion, console
from .. import options as shared

EXAMPLES = """Examples:

sentemb word2vec file.txt -o runs/words

sentemb word2vec file.txt --objective noise-contrastive --window 3 -o runs/nce

sentemb word2vec file.txt --architecture cbow --smoothing 0 --keep-first -o runs/cbow"""


def word2vec(
    source: shared.Texts,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    architecture: Annotated[
        str,
        typer.Option(
            help="skip-gram: a word against each neighbour; cbow: the mean of its neighbours "
            "against the word.",
            autocompletion=completion.one_of(("skip-gram", "cbow")),
        ),
    ] = "skip-gram",
    objective: Annotated[
        str,
        typer.Option(
            help="negative-sampling, or noise-contrastive.",
            autocompletion=completion.one_of(("negative-sampling", "noise-contrastive")),
        ),
    ] = "negative-sampling",
    dim: Annotated[int, typer.Option(help="Dimensions.")] = 256,
    window: Annotated[
        int, typer.Option(help="Words on each side; every word draws its own from 1 to this.")
    ] = 5,
    noise: Annotated[int, typer.Option(help="Noise words drawn for each pair.")] = 5,
    noise_exponent: Annotated[
        float, typer.Option(help="Of the counts in the noise; 1 draws words as they occur.")
    ] = 0.75,
    subsample: Annotated[
        float, typer.Option(help="Share above which words are thinned out; 0 keeps all.")
    ] = 1e-3,
    min_count: Annotated[int, typer.Option(help="Leave out words that are rarer.")] = 5,
    vocabulary: Annotated[
        int | None, typer.Option(help="Words to keep, the most frequent ones; by default all.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the texts.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="At the start; falls to 0.")] = 0.05,
    smoothing: Annotated[
        float,
        typer.Option(help="A word as frequent as this counts half (SIF); 0 weighs all alike."),
    ] = 1e-3,
    remove_first: Annotated[
        bool,
        typer.Option(
            "--remove-first/--keep-first", help="Subtract the direction that all texts share."
        ),
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of all draws.")] = 0,
    column: shared.Column = "text",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier word vectors in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train word vectors, and save them as a static sentence encoder.

    A text's vector is the weighted mean of its words' vectors. The folder is a plain
    sentence-transformers model.
    """
    from ..rows import check_texts, given

    check_texts(source, column)
    console.quieten_before_import()
    from sentemb.words import WordSettings
    from sentemb.words import word2vec as train

    record = train(
        given(source),
        output,
        column=column,
        settings=WordSettings(
            architecture=architecture,  # type: ignore[arg-type]  # the library looks at it
            objective=objective,  # type: ignore[arg-type]
            dim=dim,
            window=window,
            noise=noise,
            noise_exponent=noise_exponent,
            subsample=subsample,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
        ),
        min_count=min_count,
        vocabulary=vocabulary,
        smoothing=smoothing,
        remove_first=remove_first,
        overwrite=overwrite,
    )
    console.log(
        f"{output}: {record['vocabulary']:,} words, {record['words_per_second']:,.0f} words/s, "
        f"loss of a pair {record['losses'][-1]:.4f}"
    )
    if as_json:
        console.print_json("word2vec", {"output": str(output), **record})
