#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that the demo's model is worth quantising, without any code of MXScope.

Needs torch, tokenizers and safetensors. Evaluates the model in float32 on windows of the held-out
text beside a bigram model of the training text, then with the block linears' weights and
activations rounded to MX formats by a direct reading of the OCP definition (block 32, scale floor,
ties to even). Exits with 1 unless

- the model's NLL is at most half of the bigram model's,
- KL(E4M3) < KL(E3M2) < KL(E2M1),
- the 95 % interval of the paired NLL difference at E2M1 excludes zero,
- no held-out story is among the training stories.

  check.py ../model ../text/heldout.txt [--windows 96]
"""

import argparse
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.nn import functional as F

from generate_text import stories
from train import CONFIG, TRAIN_SEED, Llama

FORMATS = {  # mantissa bits, smallest normal exponent, largest exponent, largest value
    "mxfp8_e4m3": (3, -6, 8, 448.0), "mxfp6_e3m2": (2, -2, 4, 28.0), "mxfp4_e2m1": (1, 0, 2, 6.0),
    "mxint8": (6, 0, 0, 127 / 64),
}
CONTEXT = 256


def quantise(x, name, block=32):
    bits, smallest, largest, limit = FORMATS[name]
    rows = x.shape[-1]
    padded = F.pad(x, (0, -rows % block)).unflatten(-1, (-1, block))
    peak = padded.abs().amax(-1, keepdim=True)
    exponent = torch.frexp(peak)[1] - 1 - largest  # frexp: peak = m 2^e with 0.5 <= m < 1
    exponent = torch.where(peak > 0, exponent, 0).clamp(-127, 127)
    scaled = torch.ldexp(padded, -exponent)
    own = (torch.frexp(scaled)[1] - 1).clamp(min=smallest)
    step = own - bits
    rounded = torch.ldexp(torch.round(torch.ldexp(scaled, -step)), step)  # torch.round: ties to even
    result = torch.ldexp(rounded.clamp(-limit, limit), exponent)
    return result.flatten(-2)[..., :rows]


def load(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config == CONFIG, "config.json is not the one that train.py writes"
    model = Llama(config)
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({k.removeprefix("model."): v.float() for k, v in tensors.items()})
    return model.eval()


def quantised_copy(folder, name):
    model = load(folder)
    for module in model.layers.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data = quantise(module.weight.data, name)
            module.register_forward_pre_hook(lambda m, inputs: (quantise(inputs[0], name),))
    return model


@torch.no_grad()
def log_probabilities(model, rows):
    return torch.cat([F.log_softmax(model(part), -1)[:, :-1] for part in rows.split(16)])


def bigram_nll(train, rows, vocabulary):
    """Bigram model interpolated with the unigram by the count of the context (Witten-Bell)."""
    pairs = torch.zeros(vocabulary, vocabulary)
    pairs.index_put_((train[:-1], train[1:]), torch.ones(len(train) - 1), accumulate=True)
    unigram = (pairs.sum(0) + 0.5) / (pairs.sum() + 0.5 * vocabulary)
    counts, kinds = pairs.sum(1, keepdim=True), (pairs > 0).sum(1, keepdim=True)
    table = (pairs + kinds * unigram) / (counts + kinds).clamp(min=1)
    table = torch.where(counts > 0, table, unigram)
    return -table[rows[:, :-1], rows[:, 1:]].log().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--windows", type=int, default=96)
    options = parser.parse_args()

    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    text = options.text.read_text(encoding="utf-8")
    ids = torch.tensor(tokenizer.encode(text).ids)
    rows = ids[: len(ids) // CONTEXT * CONTEXT].view(-1, CONTEXT)[: options.windows]
    train_texts = list(stories(TRAIN_SEED, 40000))
    train = torch.tensor([i for e in tokenizer.encode_batch(train_texts, add_special_tokens=False)
                          for i in e.ids])
    print(f"held-out text: {len(text)} characters, {len(ids)} tokens, {len(ids) // CONTEXT} windows")

    failures = []
    shared = set(train_texts) & {s + "\n\n" for s in text.split("\n\n") if s}
    if shared:
        failures.append(f"{len(shared)} held-out stories are among the training stories")
    base = log_probabilities(load(options.model), rows)
    targets = rows[:, 1:, None]
    base_nll = -base.gather(-1, targets)[..., 0].double()
    nll, bigram = base_nll.mean().item(), bigram_nll(train, rows, CONFIG["vocab_size"])
    print(f"model:  nll {nll:.4f}, perplexity {math.exp(nll):.3f}")
    print(f"bigram: nll {bigram:.4f}, perplexity {math.exp(bigram):.3f}")
    if nll > bigram / 2:
        failures.append("the model is not clearly better than a bigram model")
    kl = {}
    for name in FORMATS:
        variant = log_probabilities(quantised_copy(options.model, name), rows)
        kl[name] = (base.exp() * (base - variant)).sum(-1).double().mean().item()
        change = (-variant.gather(-1, targets)[..., 0].double() - base_nll).mean(1)
        delta, half = change.mean().item(), 1.984 * change.std().item() / len(change) ** 0.5
        top1 = (variant.argmax(-1) == base.argmax(-1)).double().mean().item()
        print(f"{name}: KL {kl[name]:.6f}, top-1 {top1:.4f}, "
              f"nll {delta:+.6f} [{delta - half:+.6f}, {delta + half:+.6f}]")
        if name == "mxfp4_e2m1" and delta - half <= 0:
            failures.append("the interval at E2M1 does not exclude zero")
    if not kl["mxfp8_e4m3"] < kl["mxfp6_e3m2"] < kl["mxfp4_e2m1"]:
        failures.append("KL does not grow from E4M3 over E3M2 to E2M1")
    for failure in failures:
        print(f"failed: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
