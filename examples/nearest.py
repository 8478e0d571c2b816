"""Find the sentences nearest to a query, in a file and its embeddings.

sentemb encode sentences.txt
python examples/nearest.py sentences.txt sentences.npy "a man plays the guitar"
"""

import sys
from pathlib import Path

import numpy as np

from sentemb import build_encoder

texts_file, vectors_file, query, *model = sys.argv[1:]
texts = Path(texts_file).read_text(encoding="utf-8").splitlines()
vectors = np.load(vectors_file)
encoder = build_encoder(model[0] if model else "mini-sentemb")

(wanted,) = encoder.encode([query])
cosines = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
print(f"nearest to: {query}")
for row in np.argsort(-cosines)[:5]:
    print(f"{cosines[row]:.3f}  {texts[row]}")
