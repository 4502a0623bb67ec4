# SPDX-License-Identifier: Apache-2.0
"""`mxscope quantize` against what microxcaling computes (tests/golden/mx_golden.safetensors), bit for bit."""
import array
import concurrent.futures
import math
import os

import support
from support import GOLDEN, read_safetensors, run, run_json, write_safetensors

TYPES = {"f32": "F32", "bf16": "BF16"}


def format_of(key):
    """Flags that ask for the output `key`, e.g. "bf16/fp4_e2m1/b32/even"."""
    _, element, block, rounding = key.split("/")
    if block == "no_shared":
        return ["--format", "nvfp8emu_" + element.split("_", 1)[1]]
    return ["--format", "mx" + element, "--block", block[1:], "--scale", "floor", "--rounding", rounding]


def same(dtype, ours, theirs):
    """Equal bits, where any NaN equals any NaN."""
    if ours == theirs:
        return True
    code, is_nan = {"F32": ("I", lambda b: b & 0x7FFFFFFF > 0x7F800000), "BF16": ("H", lambda b: b & 0x7FFF > 0x7F80)}[dtype]
    a, b = array.array(code), array.array(code)
    a.frombytes(ours)
    b.frombytes(theirs)
    return len(a) == len(b) and all(x == y or (is_nan(x) and is_nan(y)) for x, y in zip(a, b))


class Quantize(support.Case):
    def test_every_output_of_microxcaling(self):
        golden = read_safetensors(GOLDEN / "mx_golden.safetensors")
        outputs = [key for key in golden if not key.startswith("x_")]
        self.assertEqual(len(outputs), 170)

        def check(key):
            name = "x_" + key.split("/")[0]
            out = self.dir / (key.replace("/", "-") + ".safetensors")
            run("quantize", GOLDEN / "mx_golden.safetensors", "--tensor", name, *format_of(key), "-o", out, check=0)
            tensors = read_safetensors(out)
            dtype, shape, data = tensors[name]
            right = list(tensors) == [name] and dtype == TYPES[key.split("/")[0]] and shape == golden[key][1]
            return None if right and same(dtype, data, golden[key][2]) else key

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.assertEqual([key for key in pool.map(check, outputs) if key], [])

    def test_figures_are_those_of_the_values(self):
        # 960 = 1.875 * 2^9 saturates under floor (scale 2, 480 > 448); the other block is exact.
        values = array.array("f", [960.0] + [0.0] * 31 + [1.0] * 32)
        source = self.dir / "x.safetensors"
        write_safetensors(source, {"x": ("F32", [1, 64], values.tobytes())})
        figures = run_json("quantize", source, "--tensor", "x", "--format", "mxfp8_e4m3", "-o", self.dir / "q")
        self.assertEqual((figures["blocks"], figures["saturated_blocks"]), (2, 1))
        self.assertEqual(figures["saturated_share"], 0.5)
        signal, noise = 960.0 ** 2 + 32, (960.0 - 896.0) ** 2
        self.assertAlmostEqual(figures["sqnr_db"], 10 * math.log10(signal / noise), places=9)
        quantised = array.array("f", read_safetensors(self.dir / "q")["x"][2])
        self.assertEqual(quantised[0], 896.0)

    def test_scale_rules_and_presets_reach_the_quantiser(self):
        source = self.dir / "x.safetensors"
        write_safetensors(source, {"x": ("F32", [1, 1], array.array("f", [150.0]).tobytes())})

        def value(*flags):
            run("quantize", source, "--tensor", "x", "--format", "mxfp8_e4m3", *flags, "-o", self.dir / "q", check=0)
            return array.array("f", read_safetensors(self.dir / "q")["x"][2])[0]
        # 150: floor has scale 2^-1, 300 -> 288 or 304 (304 is nearer... the step is 32 above 256).
        self.assertEqual(value(), 144.0)
        self.assertEqual(value("--scale", "rceil"), value("--preset", "torchao"))

    def test_an_empty_tensor_stays_empty(self):
        source = self.dir / "x.safetensors"
        write_safetensors(source, {"x": ("F32", [0, 32], b"")})
        figures = run_json("quantize", source, "--tensor", "x", "--format", "mxint8", "-o", self.dir / "q")
        self.assertEqual((figures["values"], figures["sqnr_db"], figures["saturated_share"]), (0, None, None))

    @support.unittest.skipUnless(support.has_full_device(), "no /dev/full here")
    def test_output_to_a_full_disk_is_reported(self):
        p = run("quantize", GOLDEN / "mx_golden.safetensors", "--tensor", "x_f32", "--format", "mxint8", "-o", "/dev/full", check=4)
        self.assertIn("No space left on device", p.stderr)


if __name__ == "__main__":
    support.main()
