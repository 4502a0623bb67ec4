# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/checkpoint/rope.json: rotary frequencies that transformers computes.

Usage: python make_rope_golden.py OUT.json     (transformers 5.17.0, torch 2.11.0, CPU)
Each case holds a config as a config.json would, and what the family's own rotary embedding makes of
it. Nothing is random.
"""
import json
import sys

from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

BASE = {"hidden_size": 256, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
        "num_key_value_heads": 4, "vocab_size": 32, "max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 2048}


def factors(count, step):
    return [1.0 + step * i for i in range(count)]


CASES = {
    "llama default": {"model_type": "llama", "rope_theta": 10000.0},
    "llama without any rope key": {"model_type": "llama"},
    "llama theta 500000, head 128": {"model_type": "llama", "rope_theta": 500000.0, "head_dim": 128},
    "llama linear": {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 3.0}},
    "llama dynamic": {"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 1.1}},
    "llama3 old keys": {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": LLAMA3, "head_dim": 128},
    "llama3 new keys": {"model_type": "llama", "rope_parameters": dict(LLAMA3, rope_theta=500000.0)},
    "llama3 without original length": {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": {
        k: v for k, v in LLAMA3.items() if k != "original_max_position_embeddings"}},
    "qwen2 yarn": {"model_type": "qwen2", "rope_theta": 1000000.0, "rope_scaling": YARN},
    "qwen3 yarn, head 128": {"model_type": "qwen3", "head_dim": 128, "rope_parameters": dict(YARN, rope_theta=1000000.0)},
    "llama yarn, no rounding of the range": {"model_type": "llama", "rope_scaling": dict(
        YARN, truncate=False, beta_fast=16, beta_slow=2)},
    "llama yarn, mscale": {"model_type": "llama", "rope_scaling": dict(YARN, mscale=1.2, mscale_all_dim=0.8)},
    "llama yarn, own attention factor": {"model_type": "llama", "rope_scaling": dict(YARN, attention_factor=0.9)},
    "mistral": {"model_type": "mistral", "rope_theta": 1000000.0, "head_dim": 96},
    "mixtral without theta": {"model_type": "mixtral", "num_local_experts": 2},
    "gemma2": {"model_type": "gemma2", "head_dim": 48, "sliding_window": 128, "query_pre_attn_scalar": 48},
    "phi without any rope key": {"model_type": "phi"},
    "phi share 7/16": {"model_type": "phi", "partial_rotary_factor": 0.4375, "rope_theta": 20000.0},
    "phi linear": {"model_type": "phi", "rope_scaling": {"type": "linear", "factor": 2.5}},
    "gpt_neox without any rope key": {"model_type": "gpt_neox"},
    "gpt_neox old keys": {"model_type": "gpt_neox", "rotary_pct": 0.5, "rotary_emb_base": 25000},
    "phi3 default": {"model_type": "phi3", "original_max_position_embeddings": 8192, "pad_token_id": None},
    "phi3 share 0.75": {"model_type": "phi3", "partial_rotary_factor": 0.75, "pad_token_id": None},
    "phi3 longrope": {"model_type": "phi3", "original_max_position_embeddings": 1024, "pad_token_id": None,
                      "rope_scaling": {"type": "longrope", "short_factor": factors(32, 0.03),
                                       "long_factor": factors(32, 0.7)}},
    "llama longrope": {"model_type": "llama", "rope_parameters": {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 2048,
        "factor": 2.0, "short_factor": factors(32, 0.05), "long_factor": factors(32, 0.5)}},
}


def main():
    result = []
    for name, keys in CASES.items():
        config = dict(BASE, **keys)
        if config["model_type"] in ("phi", "phi3", "gpt_neox"):
            config.pop("head_dim", None)
        built = AutoConfig.for_model(**json.loads(json.dumps(config)))
        model = AutoModelForCausalLM.from_config(built)
        (rotary,) = [m for m in model.modules() if type(m).__name__.endswith("RotaryEmbedding")]
        case = {"name": name, "config": config, "inv_freq": rotary.inv_freq.tolist(),
                "attention_scaling": float(rotary.attention_scaling), "inv_freq_long": []}
        if rotary.rope_type == "longrope":
            original = built.rope_parameters["original_max_position_embeddings"]
            case["inv_freq_long"] = ROPE_INIT_FUNCTIONS["longrope"](built, None, seq_len=original + 1)[0].tolist()
        result.append(case)
    with open(sys.argv[1], "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in result) + "\n]\n")


if __name__ == "__main__":
    main()
