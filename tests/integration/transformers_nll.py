# SPDX-License-Identifier: Apache-2.0
"""Figures of a checkpoint computed with transformers alone: what the protocols `documents` and `seed` are held against.

usage: transformers_nll.py MODEL TEXTS.json [--protocol documents|seed] [--context N] [--samples N] [--double]

Prints one JSON object. Every sample is tokenised on its own, as the model's tokenizer does it.
documents: truncated to the context; samples of fewer than 2 tokens are skipped; nll is the mean over all predicted tokens.
seed: truncated and padded on the right to the context with the end token, padding masked as a key; the argmax figures over all
positions, padding counted. An empty sample is a row of padding, whose mask has no key at all: transformers is given such a row
unmasked, where every key is the padding token.
"""
import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("texts")
parser.add_argument("--protocol", choices=["documents", "seed"], default="documents")
parser.add_argument("--context", type=int, default=512)
parser.add_argument("--samples", type=int)
parser.add_argument("--double", action="store_true")
args = parser.parse_args()

try:
    import torch
    import transformers
except ImportError as error:
    print(f"transformers is not here: {error}", file=sys.stderr)
    sys.exit(77)

torch.set_num_threads(1)  # tiny products; more threads only wait for each other on a busy machine
tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(args.model)
model = transformers.AutoModelForCausalLM.from_pretrained(
    args.model, dtype=torch.float64 if args.double else torch.float32, attn_implementation="eager").eval()
texts = json.loads(open(args.texts, encoding="utf-8").read())
texts = [t if isinstance(t, str) else t["text"] for t in texts][:args.samples]
rows = [tokenizer(t)["input_ids"][:args.context] for t in texts]


def log_probabilities(ids, mask=None):
    with torch.no_grad():
        return torch.log_softmax(model(input_ids=ids, attention_mask=mask, use_cache=False).logits.double(), dim=-1)


if args.protocol == "documents":
    nll = entropy = 0.0
    tokens = windows = skipped = 0
    for row in rows:
        if len(row) < 2:
            skipped += 1
            continue
        ids = torch.tensor([row])
        logp = log_probabilities(ids)[0, :-1]
        nll -= logp.gather(1, ids[0, 1:, None]).sum().item()
        entropy -= (logp.exp() * logp).sum().item()
        tokens += len(row) - 1
        windows += 1
    print(json.dumps({"windows": windows, "skipped": skipped, "tokens": tokens, "nll": nll / tokens, "entropy": entropy / tokens}))
else:
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else model.config.eos_token_id
    xent = entropy = 0.0
    positions = 0
    for row in rows:
        padding = args.context - len(row)
        ids = torch.tensor([row + [end] * padding])
        mask = torch.tensor([[1] * len(row) + [0] * padding])
        logp = log_probabilities(ids, mask if row else torch.ones_like(mask))[0]
        xent -= logp.max(dim=-1).values.sum().item()
        entropy -= (logp.exp() * logp).sum().item()
        positions += args.context
    print(json.dumps({"windows": len(rows), "positions": positions, "argmax_xent": xent / positions, "argmax_entropy": entropy / positions}))
