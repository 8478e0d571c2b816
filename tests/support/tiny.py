"""Encoders of many kinds, tiny, from their configs."""

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 8200}
WIDE = TINY | {"intermediate_size": 64}
CONFIGS = {
    "Bert": WIDE,
    "Roberta": WIDE | {"max_position_embeddings": 140},
    "XLMRoberta": WIDE | {"max_position_embeddings": 140},
    "Camembert": WIDE | {"max_position_embeddings": 140},
    "MPNet": WIDE | {"max_position_embeddings": 140},
    "Electra": WIDE | {"embedding_size": 32},
    "Albert": WIDE | {"embedding_size": 32, "attention_probs_dropout_prob": 0.1,
                      "hidden_dropout_prob": 0.1},
    "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": 8200},
    "DebertaV2": WIDE | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"],
                         "position_biased_input": False},
    "ModernBert": WIDE | {"num_hidden_layers": 3, "local_attention": 8,
                          "attention_dropout": 0.1, "mlp_dropout": 0.1, "embedding_dropout": 0.1,
                          "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2,
                          "sep_token_id": 3},
    "T5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2,
           "vocab_size": 8200},
}  # fmt: skip
