"""The encoders that tests train, called `mini` and `mini-sentemb`: small, of random weights.

They are 96 wide, and the static `tiny` 16. All have the folders and the tokenizer of the bundled
ones. A test of what numbers these give asks for them: `all_bundled`.
"""

import copy
import json
from functools import cache
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

from sentemb import build_encoder
from sentemb.bundled import bundled

TRANSFORMERS = ("mini", "mini-sentemb")
_TINY = {"hidden_size": 96, "intermediate_size": 128, "num_hidden_layers": 2,
         "num_attention_heads": 3}  # fmt: skip


def shrink_encoders(data: Path) -> None:
    """Give a copy of the bundled files tiny encoders, instead of those left out of it."""
    torch.manual_seed(0)
    save_file({"embedding.weight": torch.randn(8192, 16)}, data / "tiny" / "model.safetensors")
    for seed, name in enumerate(TRANSFORMERS):
        folder = data / name
        config = transformers.AutoConfig.from_pretrained(bundled(name), **_TINY)
        torch.manual_seed(seed)
        model = getattr(transformers, config.architectures[0])(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # fresh weights are too small for attention to attend
                torch.nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(folder)
        pooling = folder / "1_Pooling" / "config.json"
        settings = json.loads(pooling.read_text(encoding="utf-8"))
        pooling.write_text(
            json.dumps(settings | {"embedding_dimension": _TINY["hidden_size"]}), encoding="utf-8"
        )


@cache
def _read(folder: Path, pooling: str) -> SentenceTransformer:
    return build_encoder(folder.name, pooling=pooling, device="cpu")


def mini(pooling: str = "mean") -> SentenceTransformer:
    """Return an encoder that no other has part in, with torch's seed set for what comes on top."""
    read = _read(bundled("mini"), pooling)
    vocabulary = read.tokenizer._vocab  # large, and nothing changes it
    encoder = copy.deepcopy(read, {id(vocabulary): vocabulary})
    torch.manual_seed(0)
    return encoder
