"""What plain sentence-transformers does with the unsafe folders of tests/support/malicious.py.

Each folder is made afresh and loaded in a process of its own, which has 60 seconds. A canary file
that is there afterwards says that code of the folder ran.

    python benchmarks/security_peer.py
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from common import RESULTS

sys.path.insert(0, str(Path(__file__).parents[1]))
from sentemb import build_encoder
from tests.support.malicious import CASES, Case

SECONDS = 60
PEER = "from sentence_transformers import SentenceTransformer as load"
OURS = "from sentemb import build_encoder as load"
PROGRAM = """
import sys
{load}
try:
    encoder = load(sys.argv[1], device="cpu")
    print("loads")
except Exception as error:
    words = " ".join(str(error).split())
    print("error:", type(error).__name__, words[:150].replace(sys.argv[1], "MODEL"))
"""


def observed(load: str, case: Case) -> str:
    """Return what happens to a case's folder."""
    if load == PEER and case.name == "endless_layers":
        return "not tried"
    with tempfile.TemporaryDirectory() as name:
        folder, canary = Path(name) / "model", Path(name) / "canary"
        build_encoder("mini", pooling="mean", device="cpu").save_pretrained(
            str(folder), create_model_card=False
        )
        case.build(folder, canary)
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM.format(load=load), str(folder)],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": f"{name}/modules"},
                stdin=subprocess.DEVNULL,
                check=False,
            )
            said = done.stdout.strip().splitlines()[-1:] or [f"ends with {done.returncode}"]
        except subprocess.TimeoutExpired:
            said = [f"hangs ({SECONDS} s)"]
        said = [re.sub(r"\x1b\[\d*m", "", line) for line in said]
        ran = "**code ran**; " if canary.exists() else ""
        return ran + said[0].replace(name, "…").replace("|", "\\|")


def main() -> None:
    """Write the table."""
    lines = [
        f"sentence-transformers {version('sentence-transformers')}, transformers "
        f"{version('transformers')}, torch {version('torch')}, `trust_remote_code` not given.",
        "",
        "| folder | plain `SentenceTransformer(folder)` | sentemb |",
        "|---|---|---|",
    ]
    for case in CASES:
        row = [case.name.replace("_", " "), observed(PEER, case), observed(OURS, case)]
        lines.append("| " + " | ".join(row) + " |")
        print(lines[-1], flush=True)
    (RESULTS / "security-peer.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
