#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's language model: a Llama of 0.9 million parameters, on stories of our own.

Needs torch, tokenizers and safetensors. About 15 minutes on two CPU cores. The seed decides the
text, the weights and the batches; another processor or thread count may round sums differently.

  train.py -o ../model
"""

import argparse
import json
import math
import pathlib
import time

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from torch.nn import functional as F

from generate_text import stories

TRAIN_SEED = 1  # the held-out text has seed 2
END = "<|endoftext|>"
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1024,
    "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "hidden_act": "silu",
    "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
    "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "bfloat16", "use_cache": True,
}


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    # The blank line after a story is a piece of its own, so that a text of many stories is tokenised
    # as each story alone is.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("\n\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=CONFIG["vocab_size"], special_tokens=[END],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=f"{END} $A {END} $B", special_tokens=[(END, 0)])
    return tokenizer


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, d = c["hidden_size"], c["head_dim"]
        self.heads, self.kv_heads, self.d = c["num_attention_heads"], c["num_key_value_heads"], d
        self.self_attn = nn.ModuleDict({
            "q_proj": nn.Linear(h, self.heads * d, bias=False),
            "k_proj": nn.Linear(h, self.kv_heads * d, bias=False),
            "v_proj": nn.Linear(h, self.kv_heads * d, bias=False),
            "o_proj": nn.Linear(self.heads * d, h, bias=False)})
        self.mlp = nn.ModuleDict({
            "gate_proj": nn.Linear(h, c["intermediate_size"], bias=False),
            "up_proj": nn.Linear(h, c["intermediate_size"], bias=False),
            "down_proj": nn.Linear(c["intermediate_size"], h, bias=False)})
        self.input_layernorm = nn.RMSNorm(h, c["rms_norm_eps"])
        self.post_attention_layernorm = nn.RMSNorm(h, c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        n, a = self.input_layernorm(x), self.self_attn
        q = a["q_proj"](n).view(b, t, self.heads, self.d).transpose(1, 2)
        k = a["k_proj"](n).view(b, t, self.kv_heads, self.d).transpose(1, 2)
        v = a["v_proj"](n).view(b, t, self.kv_heads, self.d).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        groups = self.heads // self.kv_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + a["o_proj"](y.transpose(1, 2).reshape(b, t, self.heads * self.d))
        n, m = self.post_attention_layernorm(x), self.mlp
        return x + m["down_proj"](F.silu(m["gate_proj"](n)) * m["up_proj"](n))


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), -1)
    return x * cos + turned * sin


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = nn.RMSNorm(c["hidden_size"], c["rms_norm_eps"])
        d = c["head_dim"]
        rates = c["rope_theta"] ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        angles = torch.outer(torch.arange(c["max_position_embeddings"], dtype=torch.float64), rates)
        angles = torch.cat((angles, angles), -1).float()
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids):
        t = ids.shape[1]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t])
        return F.linear(self.norm(x), self.embed_tokens.weight)


def orthogonal_step(g):
    """Newton-Schulz iteration towards the nearest orthogonal matrix (the Muon optimiser's step)."""
    x = g / (g.norm() + 1e-7)
    flip = x.shape[0] > x.shape[1]
    x = x.T if flip else x
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if flip else x


class Optimiser:
    """Muon for the matrices of the blocks, AdamW for the embedding and the norms."""

    def __init__(self, model):
        self.matrices = [p for n, p in model.named_parameters() if "layers" in n and p.ndim == 2]
        rest = [p for n, p in model.named_parameters() if not ("layers" in n and p.ndim == 2)]
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.adam = torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0)

    @torch.no_grad()
    def step(self, scale):
        for p, m in zip(self.matrices, self.momentum):
            m.mul_(0.95).add_(p.grad)
            update = orthogonal_step(p.grad + 0.95 * m)
            p.mul_(1 - 0.02 * scale * 0.05)
            p.add_(update, alpha=-0.02 * scale * max(1, p.shape[0] / p.shape[1]) ** 0.5)
            p.grad = None
        for group in self.adam.param_groups:
            group["lr"] = 3e-3 * scale
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)


def initialise(model):
    torch.manual_seed(1)
    for name, p in model.named_parameters():
        if p.ndim == 2:
            nn.init.normal_(p, std=0.02 if "embed" in name else p.shape[1] ** -0.5)
    for layer in model.layers:  # the residual stream starts clean
        nn.init.zeros_(layer.self_attn["o_proj"].weight)
        nn.init.zeros_(layer.mlp["down_proj"].weight)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--stories", type=int, default=40000)
    options = parser.parse_args()

    texts = list(stories(TRAIN_SEED, options.stories))
    tokenizer = train_tokenizer(texts[:2000])
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    stream = torch.tensor([i for e in encoded for i in e.ids], dtype=torch.int32)
    print(f"{len(texts)} stories, {sum(map(len, texts)) / 1e6:.1f} MB, {len(stream) / 1e6:.2f} M tokens")

    model = Llama(CONFIG)
    initialise(model)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters} parameters")
    optimiser = Optimiser(model)
    context = CONFIG["max_position_embeddings"]
    offsets = torch.arange(context + 1)
    source = torch.Generator().manual_seed(TRAIN_SEED)
    begin = time.time()
    for step in range(options.steps):
        at = torch.randint(len(stream) - context - 1, (options.batch, 1), generator=source)
        rows = stream[at + offsets].long()
        rows[: options.batch // 8, 0] = 0  # a text begins with the end token
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        done = step / options.steps
        optimiser.step(min(1, (step + 1) / 50) * min(1, (1 - done) / 0.4))
        if step % 50 == 0 or step + 1 == options.steps:
            print(f"step {step} loss {loss.item():.4f} {time.time() - begin:.0f} s", flush=True)

    options.output.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{n}": p.detach().bfloat16().contiguous() for n, p in model.named_parameters()}
    save_file(tensors, options.output / "model.safetensors", metadata={"format": "pt"})
    (options.output / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    tokenizer.save(str(options.output / "tokenizer.json"), pretty=False)
    (options.output / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END,
        "model_max_length": context, "clean_up_tokenization_spaces": False}, indent=2) + "\n")
    print(f"loss {math.exp(loss.item()):.2f} as perplexity; written to {options.output}")


if __name__ == "__main__":
    main()
