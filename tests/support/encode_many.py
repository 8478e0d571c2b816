"""Encode many rows with an encoder that costs next to nothing; print the peak memory in MB.

Run as a child by test_encoding.py: encode_many.py FOLDER ROWS. Every tenth row repeats an earlier
one. The peak is above what the process held before the work.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from sentemb.datasets import read_texts
from sentemb.encoding import encode_file


def stub() -> SentenceTransformer:
    torch.manual_seed(0)
    tokenizer = Tokenizer(WordLevel({str(i): i for i in range(100)} | {"?": 100}, "?"))
    tokenizer.pre_tokenizer = Whitespace()
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")


def rows(count: int) -> Iterator[str]:
    for row in range(count):
        number = row if row % 10 else row // 2
        yield f"{number % 100} {number // 100 % 100} row {number}\n"


def memory(what: str) -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(what)) / 1024


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    source = folder / "rows.txt"
    with source.open("w") as file:
        file.writelines(rows(count))
    encoder = stub()
    encode_file(encoder, ["warm"], folder / "warm.npy")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts afresh
    held = memory("VmRSS")
    summary = encode_file(encoder, read_texts(source), folder / "rows.npy")
    peak = memory("VmHWM") - held
    print(json.dumps({"rows": summary.rows, "distinct": summary.distinct_texts, "peak": peak}))


if __name__ == "__main__":
    main()
