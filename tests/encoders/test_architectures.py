"""Encoders other than BERT, built tiny from their configs: one step of training each."""

import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer

from sentemb import Settings, simcse_unsup, train
from sentemb.embedded import embedded
from sentemb.encoders import build_encoder

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 8000}
CONFIGS = {
    "Roberta": TINY | {"intermediate_size": 64, "max_position_embeddings": 140},
    "MPNet": TINY | {"intermediate_size": 64, "max_position_embeddings": 140},
    "Electra": TINY | {"intermediate_size": 64, "embedding_size": 32},
    "Albert": TINY | {"intermediate_size": 64, "embedding_size": 32,
                      "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1},
    "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": 8000},
}  # fmt: skip


@pytest.mark.parametrize("pooling", ["cls_before_pooler", "avg_first_last"])
@pytest.mark.parametrize("name", CONFIGS)
def test_it_trains_and_loads_as_a_plain_model(name, pooling, tmp_path, unlabelled, sentences):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**CONFIGS[name], pad_token_id=0)
    getattr(transformers, f"{name}Model")(config).save_pretrained(tmp_path / "raw")
    transformers.AutoTokenizer.from_pretrained(embedded("mini")).save_pretrained(tmp_path / "raw")
    encoder = build_encoder(tmp_path / "raw", pooling=pooling, device="cpu")
    settings = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=2)
    train(simcse_unsup(encoder), unlabelled, tmp_path / "run", settings)
    plain = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert abs(plain.encode(sentences[:9]) - encoder.encode(sentences[:9])).max() <= 1e-6
