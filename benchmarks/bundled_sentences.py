"""Make `data/sentences-20k.txt.gz` again: our own sentences, then WordNet's, then speeches.

    python benchmarks/bundled_sentences.py /usr/share/wordnet

The folder is that of Debian's package `wordnet-base` (WordNet 3.0); speeches are the inaugural and
State of the Union addresses in `unlabelled/mixed_tagged`, works of the United States government.
Sentences of any STS set in `SENTEMB_DATA` are left out.
"""

import gzip
import random
import re
import sys
from pathlib import Path

from common import DATA

SHARE = {
    "WordNet 3.0, examples": 9_500,
    "WordNet 3.0, glosses": 5_000,
    "speeches of presidents of the United States": 3_181,
}
DATA_OF_PACKAGE = Path(__file__).parents[1] / "data"
UNWANTED = re.compile(r"--|[()\[\]_]|\.\.|[^\x20-\x7e]")


def of_wordnet(folder: Path) -> tuple[list[str], list[str]]:
    """Return the examples and the glosses of all synsets."""
    examples, glosses = [], []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text().splitlines():
            if line.startswith(" "):
                continue
            gloss = line.partition(" | ")[2].strip()
            examples += [text.strip() for text in re.findall(r'"([^"]+)"', gloss)]
            glosses.append(gloss.partition('; "')[0].strip())
    return examples, glosses


def speeches() -> list[str]:
    """Return the sentences of two sources of `mixed_tagged`."""
    with gzip.open(DATA / "unlabelled/mixed_tagged.tsv.gz", "rt", encoding="utf-8") as file:
        tagged = (line.rstrip("\n").partition("\t") for line in file)
        return [text for source, _, text in tagged if source in ("inaugural", "state_union")]


def key(text: str) -> str:
    """Return the letters and digits of a text."""
    return "".join(filter(str.isalnum, text.lower()))


def of_sts() -> set[str]:
    """Return the keys of all sentences of the STS sets."""
    lines = (
        line for path in (DATA / "sts").glob("*.tsv") for line in path.read_text().splitlines()
    )
    return {key(field) for line in lines for field in line.split("\t")}


def main() -> None:
    folder, own = Path(sys.argv[1]), (DATA_OF_PACKAGE / "sentences.txt").read_text().splitlines()
    draw, taken = random.Random(0), {key(text) for text in own} | of_sts()
    rows = list(own)
    examples, glosses = of_wordnet(folder)
    for origin, texts in {
        "WordNet 3.0, examples": examples,
        "WordNet 3.0, glosses": glosses,
        "speeches of presidents of the United States": speeches(),
    }.items():
        found = []
        for text in texts:
            right = not UNWANTED.search(text) and 6 <= len(text.split()) <= 22
            if right and key(text) not in taken:
                taken.add(key(text))
                found.append(text)
        first = len(rows) + 1
        rows += draw.sample(found, SHARE[origin])
        print(f"lines {first} to {len(rows)}: {origin}, of {len(found)}")
    output = DATA_OF_PACKAGE / "sentences-20k.txt.gz"
    with gzip.GzipFile(output, "wb", mtime=0) as file:
        file.write("".join(f"{text}\n" for text in rows).encode())


if __name__ == "__main__":
    main()
