"""Builds tiny encoders of many kinds."""

import pytest
import torch
import transformers
from tiny import CONFIGS

from sentemb.embedded import embedded
from sentemb.encoders import build_encoder


@pytest.fixture
def build(tmp_path):
    def tiny(name, pooling="mean"):
        torch.manual_seed(0)
        config = getattr(transformers, f"{name}Config")(**CONFIGS[name], pad_token_id=0)
        model = getattr(transformers, "T5EncoderModel" if name == "T5" else f"{name}Model")(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:  # fresh weights are too small for attention to attend
                torch.nn.init.normal_(parameter, std=0.2)
        model.save_pretrained(tmp_path / "raw")
        tokenizer = transformers.AutoTokenizer.from_pretrained(embedded("mini"))
        tokenizer.save_pretrained(tmp_path / "raw")
        return build_encoder(tmp_path / "raw", pooling=pooling, device="cpu")

    return tiny
