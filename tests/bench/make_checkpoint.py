#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of random weights at the shape of a known model: speed and memory do not
depend on the weights' values.

usage: make_checkpoint.py llama-3.1-8b|llama-110m|tinystories-33m OUTPUT_FOLDER TOKENIZER_JSON

Needs torch. The tokenizer may be any whose ids are below the shape's vocabulary.
"""
import json
import pathlib
import shutil
import struct
import sys

import torch

SHAPES = {
    "llama-3.1-8b": (
        "bfloat16",
        {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
            "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
            "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        },
    ),
    "llama-110m": (
        "float32",
        {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "vocab_size": 32000, "hidden_size": 768, "intermediate_size": 2048,
            "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 12,
            "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": False, "torch_dtype": "float32",
        },
    ),
    "tinystories-33m": (
        "float32",
        {
            "architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo",
            "activation_function": "gelu_new", "vocab_size": 50257, "hidden_size": 768,
            "num_layers": 4, "num_heads": 16, "attention_types": [[["global", "local"], 2]],
            "attention_layers": ["global", "local", "global", "local"], "window_size": 256,
            "max_position_embeddings": 2048, "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True, "torch_dtype": "float32",
        },
    ),
}


def tensors(config):
    h = config["hidden_size"]
    if config["model_type"] == "llama":
        kv = h // config["num_attention_heads"] * config["num_key_value_heads"]
        inner = config["intermediate_size"]
        yield "model.embed_tokens.weight", (config["vocab_size"], h)
        for i in range(config["num_hidden_layers"]):
            p = f"model.layers.{i}."
            yield p + "input_layernorm.weight", (h,)
            for name, rows in (("q", h), ("k", kv), ("v", kv), ("o", h)):
                yield p + f"self_attn.{name}_proj.weight", (rows, h)
            yield p + "post_attention_layernorm.weight", (h,)
            yield p + "mlp.gate_proj.weight", (inner, h)
            yield p + "mlp.up_proj.weight", (inner, h)
            yield p + "mlp.down_proj.weight", (h, inner)
        yield "model.norm.weight", (h,)
        yield "lm_head.weight", (config["vocab_size"], h)
    else:
        yield "transformer.wte.weight", (config["vocab_size"], h)
        yield "transformer.wpe.weight", (config["max_position_embeddings"], h)
        for i in range(config["num_layers"]):
            p = f"transformer.h.{i}."
            for norm in ("ln_1", "ln_2"):
                yield p + norm + ".weight", (h,)
                yield p + norm + ".bias", (h,)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                yield p + f"attn.attention.{name}.weight", (h, h)
            yield p + "attn.attention.out_proj.bias", (h,)
            yield p + "mlp.c_fc.weight", (4 * h, h)
            yield p + "mlp.c_fc.bias", (4 * h,)
            yield p + "mlp.c_proj.weight", (h, 4 * h)
            yield p + "mlp.c_proj.bias", (h,)
        yield "transformer.ln_f.weight", (h,)
        yield "transformer.ln_f.bias", (h,)


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES:
        sys.exit(__doc__)
    dtype, config = SHAPES[sys.argv[1]]
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    size = {"bfloat16": 2, "float32": 4}[dtype]
    header, offset = {}, 0
    plan = list(tensors(config))
    for name, shape in plan:
        count = 1
        for n in shape:
            count *= n
        header[name] = {"dtype": {"bfloat16": "BF16", "float32": "F32"}[dtype],
                        "shape": list(shape), "data_offsets": [offset, offset + count * size]}
        offset += count * size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in plan:
            if len(shape) == 1:
                x = torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
            else:
                x = torch.randn(shape, device=device).mul_(0.02)
            x = x.to(getattr(torch, dtype)).cpu().contiguous()
            out.write(memoryview(x.view(torch.uint8).numpy()))
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    shutil.copy(sys.argv[3], folder / "tokenizer.json")


main()
