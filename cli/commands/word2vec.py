"""``sentemb word2vec``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb word2vec file.txt -o runs/words

sentemb word2vec file.txt --objective noise-contrastive --window 3 -o runs/nce

sentemb word2vec file.txt --architecture cbow --smoothing 0 -o runs/cbow"""


def word2vec(
    source: shared.Texts,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    min_count: Annotated[int, typer.Option(help="Leave out words that are rarer.")] = 5,
    vocabulary: Annotated[
        int | None, typer.Option(help="Words to keep, the most frequent ones; by default all.")
    ] = None,
    smoothing: Annotated[
        float,
        typer.Option(help="A word as frequent as this counts half (SIF); 0 weighs all alike."),
    ] = 1e-3,
    remove_first: Annotated[
        bool,
        typer.Option("--remove-first", help="Subtract the direction that all texts share."),
    ] = False,
    column: shared.Column = "text",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier word vectors in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train word vectors, and save them as a static sentence encoder.

    A text's vector is the weighted mean of its words' vectors. The folder is a plain
    sentence-transformers model.
    """
    from ..early import check_texts

    check_texts(source, column)
    console.quieten_before_import()
    from sentemb.words import WordSettings
    from sentemb.words import word2vec as train

    settings = WordSettings(**options)
    record = train(
        console.rows_of(source),
        output,
        column=column,
        settings=settings,
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
