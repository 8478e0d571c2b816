"""What encoding by sentence-transformers and numpy does in the faults of docs/lab/reliability.md.

    python benchmarks/encode_faults_peer.py     about a minute

The usual program is tried: datasets or open() for the rows, `SentenceTransformer.encode`,
`np.save`. Only what was observed is written, to results/encode-faults-peer.md.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, lines, machine, table

os.environ["HF_HUB_OFFLINE"] = "1"

ROWS = (
    b"one\r\n\ntwo\x00nul\nline\xe2\x80\xa8separator\nnext\xc2\x85line\nform\x0cfeed\n"
    b"one\rcr\nlast\n"
)
PROGRAM = """
import sys, numpy as np
from sentence_transformers import SentenceTransformer
from sentemb.bundled import bundled
encoder = SentenceTransformer(str(bundled("mini-sentemb")), device="cpu")
texts = open(sys.argv[1], encoding="utf-8").read().splitlines()
print("begun", flush=True)
np.save(sys.argv[2], encoder.encode(texts))
"""


def encoder():
    from sentence_transformers import SentenceTransformer

    from sentemb.bundled import bundled

    return SentenceTransformer(str(bundled("mini-sentemb")), device="cpu")


def killed(folder: Path) -> str:
    source, output = folder / "texts.txt", folder / "theirs.npy"
    source.write_text("\n".join(sample(20_000)), encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(source), str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(3)
        process.send_signal(signal.SIGKILL)
    return "nothing is kept" if not output.exists() else "a file is left"


def disk_full(folder: Path) -> str:
    """Files may have 100 kB; the system says so in the middle of np.save."""
    code = (
        "import resource, signal, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"np.save({str(folder / 'half.npy')!r}, np.zeros((1000, 128), np.float32))\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    size = (folder / "half.npy").stat().st_size
    return f"a file of {size:,} of 512,128 bytes is left under the output's name"


def row_rule(folder: Path) -> str:
    import datasets

    datasets.disable_progress_bars()
    path = folder / "rows.txt"
    path.write_bytes(ROWS)
    by_lines = len(path.read_text(encoding="utf-8").splitlines())
    with path.open(encoding="utf-8") as file:
        by_file = sum(1 for _ in file)
    loaded = datasets.load_dataset("text", data_files=str(path), cache_dir=str(folder / "cache"))
    return (
        f"{ROWS.count(10)} line feeds: str.splitlines gives {by_lines} rows, open() {by_file}, "
        f"datasets {len(loaded['train'])}"
    )


def invalid(folder: Path) -> str:
    import datasets

    path = folder / "invalid.txt"
    path.write_bytes(b"fine\n\xff\xfe\nfine\n")
    try:
        datasets.load_dataset("text", data_files=str(path), cache_dir=str(folder / "cache"))
    except Exception as error:
        cause = error.__cause__ or error
        return f"datasets stops at the file: {type(cause).__name__}, no row named"
    return "datasets reads it"


def duplicates(_folder: Path) -> str:
    texts = sample(400)
    texts = [*texts, *(text for text in texts[:200])]
    vectors = encoder().encode(texts, batch_size=32)
    differing = sum(not (vectors[i] == vectors[400 + i]).all() for i in range(200))
    largest = np.abs(vectors[:200] - vectors[400:]).max()
    return f"{differing} of 200 repeated texts get another vector (by up to {largest:.0e})"


def batch_size(_folder: Path) -> str:
    texts = sample(400)
    one, other = (encoder().encode(texts, batch_size=size) for size in (1, 64))
    return f"batches of 1 and 64 differ by up to {np.abs(one - other).max():.0e}"


def not_finite(folder: Path) -> str:
    broken = encoder()
    broken[0].model.embeddings.word_embeddings.weight.data.fill_(float("nan"))
    vectors = broken.encode(["a text"])
    return "NaN is returned" if np.isnan(vectors).all() else "refused"


def out_of_memory(_folder: Path) -> str:
    model = encoder()
    forward = model[0].model.forward

    def limited(*args, **kwargs):
        if kwargs["input_ids"].shape[0] > 3:
            raise torch.OutOfMemoryError("out of memory")
        return forward(*args, **kwargs)

    model[0].model.forward = limited
    try:
        model.encode(sample(40))
    except torch.OutOfMemoryError:
        return "the error ends the run; all vectors so far are lost"
    return "it goes on"


def sample(count: int) -> list[str]:
    source = lines("unlabelled/wiki_sents.txt.gz")
    return [next(source) for _ in range(count)]


FAULTS = {
    "E1": killed,
    "E3": row_rule,
    "E4": invalid,
    "E7": duplicates,
    "E8": disk_full,
    "E13": out_of_memory,
    "E14": batch_size,
    "E15": not_finite,
}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, observe in FAULTS.items():
            rows.append([name, observe(Path(folder))])
            print(rows[-1], flush=True)
    text = f"{table(['fault', 'sentence-transformers, datasets, numpy'], rows)}\n\n{machine()}.\n"
    (RESULTS / "encode-faults-peer.md").write_text(text)


if __name__ == "__main__":
    main()
