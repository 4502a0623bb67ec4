# SPDX-License-Identifier: Apache-2.0
"""Mistakes that people make, as data: how to make each, and how the command is called then.

Every case is a function that gets the test's folder, with a tiny model in `model`, a text in `text.txt` and a good experiment in
`e.mxscope`, and returns the arguments of the command.
"""
import json
import struct

from support import read_safetensors, word_tokenizer, write_json, write_safetensors

CASES = {}
UNPRIVILEGED = set()  # those that need file permissions to bind the command


def case(function):
    CASES[function.__name__.replace("_", " ")] = function
    return function


def changed(change, command=("validate",)):
    """The case of a file that `change` edits."""
    def make(folder):
        file = folder / "e.mxscope"
        document = json.loads(file.read_text())
        document = change(document) or document
        write_json(file, document)
        return [*command, file]
    return make


def edit(name, change, command=("validate",)):
    CASES[name] = changed(change, command)


def rule(document):
    return document["variants"][0]["rules"][0]


def put(path, value):
    """A change that sets document[path[0]][path[1]]... to value."""
    def change(document):
        at = document
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
    return change


RULE = ("variants", 0, "rules", 0)

# ---- the file itself ----
CASES["missing file"] = lambda folder: ["validate", folder / "no.mxscope"]
CASES["a folder instead of a file"] = lambda folder: ["validate", folder]


@case
def wrong_json(folder):
    (folder / "e.mxscope").write_text('{"format": "mxscope-experiment",\n "version": 1,,\n}')
    return ["validate", folder / "e.mxscope"]


@case
def an_empty_file(folder):
    (folder / "e.mxscope").write_text("")
    return ["validate", folder / "e.mxscope"]


@case
def a_key_twice(folder):
    (folder / "e.mxscope").write_text('{"format": "mxscope-experiment", "version": 1, "version": 1}')
    return ["validate", folder / "e.mxscope"]


@case
def nested_too_deep(folder):
    (folder / "e.mxscope").write_text("[" * 100000)
    return ["validate", folder / "e.mxscope"]


edit("a list instead of an object", lambda d: [d])
edit("another format", put(["format"], "mxscope-results"))
edit("a later version", put(["version"], 2))
edit("unknown key", lambda d: d.update(varients=[]))
edit("unknown key of a rule", lambda d: rule(d).update(exept=["lm_head"]))
edit("no models", put(["models"], []))
edit("data without source", put(["data"], {"rows": "file"}))
edit("wrong type", put(["protocol", "context"], "32"))
edit("a fraction for a count", put(["protocol", "max_windows"], 1.5))

# ---- rules and formats ----
edit("a rule lacking match", lambda d: rule(d).pop("match") and None)
edit("an empty match", put([*RULE, "match"], []))
edit("block below 0", put([*RULE, "block"], -1))
edit("unknown format", put([*RULE, "weight"], "mxfp4_e2m"))
edit("unknown scale", put([*RULE, "scale"], "ceiling"))
edit("unknown rounding", put([*RULE, "rounding"], "up"))
edit("unknown role", put([*RULE, "match"], ["@mpl"]))
edit("a broken regular expression", put([*RULE, "match"], ["re:layers.("]))
edit("unknown tier", put(["variants"], [{"tier": "E"}]))
edit("tier and rules", lambda d: d["variants"][0].update(tier="A"))
edit("format without tier", put(["variants"], [{"name": "x", "format": "mxint8"}]))
edit("tier all without format", put(["variants"], [{"tier": "all"}]))
edit("two variants of one name", lambda d: d["variants"].append(d["variants"][0]))
edit("a variant called baseline", put(["variants", 0, "name"], "baseline"))
edit("a sweep without formats", put(["sweep"], {"over": "block"}))

# ---- protocol, devices ----
edit("unknown protocol", put(["protocol", "name"], "window"))
edit("context below 2", put(["protocol", "context"], 1))
edit("context longer than the model's", put(["protocol", "context"], 4096))
edit("a protocol that is not implemented", put(["protocol"], {"name": "lm-eval"}))
edit("unknown device", put(["devices"], ["gpu0"]))
edit("a GPU that is not there", put(["devices"], ["cuda:97"]))
edit("threads below 1", put(["compute"], {"threads": 0}))
edit("many problems at once", lambda d: (put(["protocol", "context"], 1)(d), put([*RULE, "block"], -5)(d),
                                         put(["data", "source"], "missing.txt")(d), d.update(device=["cpu"])) and None)

# ---- text ----
edit("missing text", put(["data", "source"], "no.txt"))
edit("text shorter than a window", put(["protocol", "context"], 256), ("run", "-o", "out"))


@case
def empty_text(folder):
    (folder / "text.txt").write_text("")
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


@case
def text_that_is_not_utf_8(folder):
    (folder / "text.txt").write_bytes(b"w1 w2 \xff w3")
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


@case
def broken_JSON_lines(folder):
    (folder / "text.jsonl").write_text('{"text": "w1 w2"}\n{"text": \n')
    return ["run", folder / "e.mxscope", "--data", folder / "text.jsonl", "-o", folder / "out"]


@case
def records_without_the_field(folder):
    write_json(folder / "text.json", [{"content": "w1 w2"}])
    return ["run", folder / "e.mxscope", "--data", folder / "text.json", "-o", folder / "out"]


@case
def tokenizer_ids_outside_the_vocabulary(folder):
    write_json(folder / "model" / "tokenizer.json", word_tokenizer(500))
    (folder / "text.txt").write_text(" ".join(f"w{400 + i % 90}" for i in range(600)))
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


@case
def no_tokenizer(folder):
    (folder / "model" / "tokenizer.json").unlink()
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


# ---- models ----
edit("missing model", put(["models", 0, "source"], "no-model/here"))


@case
def a_folder_without_config(folder):
    (folder / "model" / "config.json").unlink()
    return ["inspect", folder / "model"]


@case
def unknown_model_type(folder):
    config = json.loads((folder / "model" / "config.json").read_text())
    write_json(folder / "model" / "config.json", {**config, "model_type": "lama"})
    return ["inspect", folder / "model"]


@case
def an_option_that_is_not_implemented(folder):
    config = json.loads((folder / "model" / "config.json").read_text())
    config["rope_parameters"] = {**config["rope_parameters"], "rope_type": "dynamic-ish"}
    write_json(folder / "model" / "config.json", config)
    return ["inspect", folder / "model"]


@case
def truncated_weights(folder):
    file = folder / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    return ["inspect", folder / "model"]


@case
def a_header_of_nonsense_length(folder):
    (folder / "model" / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    return ["inspect", folder / "model"]


@case
def missing_tensor(folder):
    file = folder / "model" / "model.safetensors"
    tensors = read_safetensors(file)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    write_safetensors(file, tensors)
    return ["inspect", folder / "model"]


@case
def NaN_weights(folder):
    file = folder / "model" / "model.safetensors"
    tensors = read_safetensors(file)
    dtype, shape, data = tensors["model.layers.0.mlp.up_proj.weight"]
    tensors["model.layers.0.mlp.up_proj.weight"] = (dtype, shape, struct.pack("<f", float("nan")) + data[4:])
    write_safetensors(file, tensors)
    return ["run", folder / "e.mxscope", "-o", folder / "out", "--quiet"]


# ---- flags ----
CASES["no command"] = lambda folder: []
CASES["unknown command"] = lambda folder: ["rum"]
CASES["unknown option"] = lambda folder: ["run", folder / "e.mxscope", "-o", folder / "out", "--resum"]
CASES["a number that is none"] = lambda folder: ["run", folder / "e.mxscope", "-o", folder / "out", "--context", "many"]
CASES["no output folder"] = lambda folder: ["run", folder / "e.mxscope"]
CASES["neither file nor model"] = lambda folder: ["run", "-o", folder / "out"]
CASES["file and model"] = lambda folder: ["run", folder / "e.mxscope", "--model", "x", "-o", folder / "out"]
CASES["file and tier"] = lambda folder: ["run", folder / "e.mxscope", "--tier", "A", "-o", folder / "out"]
FLAGS = ["--model", "model", "--data", "text.txt"]
CASES["format without linears"] = lambda folder: ["validate", *FLAGS, "--format", "mxint8"]
CASES["match without format"] = lambda folder: ["validate", *FLAGS, "--match", "@mlp"]
CASES["wrong values of flags"] = lambda folder: ["validate", *FLAGS, "--tier", "A", "--format", "mxfp5", "--context", "1", "--device", "gpu"]
CASES["events and json"] = lambda folder: ["run", folder / "e.mxscope", "-o", folder / "out", "--json", "--events", "jsonl"]
CASES["quantize to an unknown format"] = lambda folder: [
    "quantize", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "--format", "mxfp8", "-o", folder / "q"]
CASES["quantize with a negative block"] = lambda folder: [
    "quantize", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "--format", "mxint8", "--block", "-3", "-o", folder / "q"]
CASES["quantize to nvfp4"] = lambda folder: [
    "quantize", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "--format", "nvfp4", "-o", folder / "q"]
CASES["unknown tensor"] = lambda folder: [
    "quantize", folder / "model" / "model.safetensors", "--tensor", "lm_hed.weight", "--format", "mxint8", "-o", folder / "q"]
CASES["ids that are no numbers"] = lambda folder: [
    "logits", folder / "model", "--ids", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "-o", folder / "l"]
CASES["export of a folder without results"] = lambda folder: ["export", folder / "model", "--as", "csv"]
CASES["export to an unknown form"] = lambda folder: ["export", folder, "--as", "markdwn"]


@case
def a_damaged_results_file(folder):
    (folder / "results.json").write_text('{"format": "mxscope-results", "version": 1, "runs": 7}')
    return ["export", folder, "--as", "csv"]


@case
def a_damaged_store(folder):
    (folder / "out").mkdir()
    (folder / "out" / "store.sqlite").write_text("this is no database, but long enough to be looked at. " * 100)
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


# ---- the machine ----
CASES["a file where the output folder should be"] = lambda folder: ["run", folder / "e.mxscope", "-o", folder / "text.txt"]
CASES["full disk behind a file"] = lambda folder: [
    "quantize", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "--format", "mxint8", "-o", "/dev/full"]


def unprivileged(function):
    UNPRIVILEGED.add(function.__name__.replace("_", " "))
    return case(function)


@unprivileged
def an_unreadable_folder(folder):
    (folder / "model").chmod(0)
    return ["inspect", folder / "model"]


@unprivileged
def unreadable_weights(folder):
    (folder / "model" / "model.safetensors").chmod(0)
    return ["inspect", folder / "model"]


@unprivileged
def an_unreadable_text(folder):
    (folder / "text.txt").chmod(0)
    return ["run", folder / "e.mxscope", "-o", folder / "out"]


@unprivileged
def an_unreadable_experiment(folder):
    (folder / "e.mxscope").chmod(0)
    return ["validate", folder / "e.mxscope"]


@unprivileged
def an_output_folder_that_cannot_be_written_to(folder):
    (folder / "out").mkdir(mode=0o555)
    return ["run", folder / "e.mxscope", "-o", folder / "out", "--quiet"]


@unprivileged
def an_output_file_that_cannot_be_written_to(folder):
    (folder / "out").mkdir(mode=0o555)
    return ["quantize", folder / "model" / "model.safetensors", "--tensor", "lm_head.weight", "--format", "mxint8",
            "-o", folder / "out" / "q.safetensors"]


@case
def an_infinite_weight(folder):
    file = folder / "model" / "model.safetensors"
    tensors = read_safetensors(file)
    dtype, shape, data = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = (dtype, shape, data[:-4] + struct.pack("<f", float("-inf")))
    write_safetensors(file, tensors)
    return ["run", folder / "e.mxscope", "-o", folder / "out", "--quiet"]


@case
def a_tensor_twice(folder):
    file = folder / "model" / "model.safetensors"
    header = b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    file.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    return ["inspect", folder / "model"]


@case
def ids_outside_the_vocabulary(folder):
    write_safetensors(folder / "ids.safetensors", {"input_ids": ("I64", [1, 3], struct.pack("<qqq", 1, 2, 1 << 40))})
    return ["logits", folder / "model", "--ids", folder / "ids.safetensors", "-o", folder / "l.safetensors"]
