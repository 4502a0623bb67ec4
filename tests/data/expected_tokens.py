#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Token-id hashes of the protocols, computed with Hugging Face's own Python libraries.

usage: expected_tokens.py FOLDER

FOLDER holds data/text, data/tokenizers, data/stories260K and reference/trained. One line a case:
tokenizer, text, rows, protocol, context, windows, hash, separated by tabs; paths relative to FOLDER.
Needs tokenizers and transformers.
"""
import hashlib
import json
import pathlib
import struct
import sys

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

folder = pathlib.Path(sys.argv[1])
WIKI = "data/text/wiki.test.raw"
STORIES = "data/text/tinystories_1000.json"
WEB = "data/text/web_1000.jsonl"


def digest(rows):
    """rows: (ids with padding, number of ids before it)."""
    h = hashlib.sha256()
    for ids, valid in rows:
        h.update(struct.pack(f"<{len(ids) + 2}i", len(ids), valid, *ids))
    return h.hexdigest()


def samples(text, rows):
    path = folder / text
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".jsonl":
        with open(path, encoding="utf-8", newline="\n") as lines:
            return [json.loads(line)["text"] for line in lines if line.strip()]
    whole = path.read_bytes().decode("utf-8")
    if rows == "wikitext":
        lines = whole.split("\n")
        lines = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
        return [line if line.strip() else "" for line in lines]
    return [whole]


def cut(ids, context):
    return [(ids[i:i + context], context) for i in range(0, len(ids) - context + 1, context)]


def report(tokenizer, text, rows, protocol, context, windows):
    print("\t".join([tokenizer, text, rows, protocol, str(context), str(len(windows)), digest(windows)]))


def plain(tokenizer, text, rows, context):
    """The tokenizers library alone."""
    t = Tokenizer.from_file(str(folder / tokenizer / "tokenizer.json"))
    t.no_truncation()
    t.no_padding()
    ids = t.encode("".join(samples(text, rows))).ids
    report(tokenizer, text, rows, "windows", context, cut(ids, context))


def hf(tokenizer, cases):
    # The class that executes tokenizer.json as it is: those of single models (LlamaTokenizer of
    # transformers 5) put a pre-tokenizer of their own in its place.
    t = PreTrainedTokenizerFast.from_pretrained(str(folder / tokenizer))
    t.pad_token = t.eos_token
    for text, rows, protocol, context in cases:
        data = samples(text, rows)
        if protocol == "windows":
            windows = cut(t("".join(data)).input_ids, context)
        elif protocol == "concat2048":
            windows = cut(t("\n\n".join(data)).input_ids, 2048)
        elif protocol == "documents":
            windows = []
            for one in data:
                ids = t(one, truncation=True, max_length=context).input_ids
                if len(ids) >= 2:
                    windows.append((ids, len(ids)))
        elif protocol == "seed":
            windows = []
            for one in data:
                e = t(one, truncation=True, max_length=context, padding="max_length")
                windows.append((e.input_ids, sum(e.attention_mask)))
        report(tokenizer, text, rows, protocol, context, windows)


plain("data/tokenizers/phi-2", WIKI, "file", 512)
plain("data/tokenizers/gpt-neox-20b", WEB, "auto", 300)
plain("data/tokenizers/phi-3", WIKI, "file", 512)
hf("data/stories260K", [(STORIES, "auto", "documents", 512), (STORIES, "auto", "seed", 512),
                        (WIKI, "file", "windows", 256)])
for family in ("llama", "gpt2"):
    hf(f"reference/trained/{family}", [(WIKI, "file", "windows", 256),
                                       (WIKI, "wikitext", "concat2048", 2048),
                                       (WIKI, "wikitext", "seed", 128)])
