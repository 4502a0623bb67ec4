# SPDX-License-Identifier: Apache-2.0
"""`mxscope logits` on every tiny reference model against logits that transformers computed in float64."""
import array

import support
from support import GOLDEN, read_safetensors, write_safetensors

TOLERANCE = 1e-4  # NUMERICS section 9


def floats(tensor):
    dtype, _, data = tensor
    values = array.array({"F32": "f", "F64": "d"}[dtype])
    values.frombytes(data)
    return values


class Logits(support.Case):
    pass


def case(folder, name):
    def test(self):
        tensors = read_safetensors(folder / "reference.safetensors")
        expected = tensors[name]
        dtype, shape, ids = tensors["input_ids"]
        # A reference over fewer positions is one of the first positions of each row.
        time, row = expected[1][1], 8 * shape[1]
        ids = b"".join(ids[r * row:r * row + 8 * time] for r in range(shape[0]))
        source, out = self.dir / "ids.safetensors", self.dir / "logits.safetensors"
        write_safetensors(source, {"ids": (dtype, [shape[0], time], ids)})
        support.run("logits", folder, "--ids", source, "--tensor", "ids", "--dtype", "float32", "-o", out, check=0)
        got = read_safetensors(out)["logits"]
        self.assertEqual(got[:2], ("F32", expected[1]))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(floats(got), floats(expected))), TOLERANCE)
    return test


for model in sorted((GOLDEN / "models").iterdir()):
    for reference in read_safetensors(model / "reference.safetensors"):
        if reference.startswith("logits"):
            setattr(Logits, f"test_{model.name}_{reference}", case(model, reference))

if __name__ == "__main__":
    support.main()
