# SPDX-License-Identifier: Apache-2.0
"""Memory of GPUs as `mxscope serve` tells it, asked of a driver's library made for the test (fake_nvml)."""
import json
import os
import subprocess

import support
from support import MXSCOPE

GIB = 1 << 30


class Nvml(support.Case):
    def memory(self, **environment):
        process = subprocess.Popen([MXSCOPE, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={
            **os.environ, "LD_LIBRARY_PATH": os.environ["MXSCOPE_FAKE_NVML"] + ":" + os.environ.get("LD_LIBRARY_PATH", ""),
            **environment})
        try:
            for line in process.stdout:
                message = json.loads(line)
                if message["type"] == "memory":
                    return message["devices"]
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(20)

    def test_both_boards(self):
        cpu, first, second = self.memory()
        self.assertEqual(cpu["device"], "cpu")
        self.assertEqual((first["device"], first["used_bytes"], first["others_bytes"], first["total_bytes"]),
                         ("cuda:0", 3 * GIB, 7 * GIB, 80 * GIB))
        self.assertEqual((first["utilisation"], first["power_watts"], first["temperature_celsius"]), (0.37, 345.6, 61))
        self.assertEqual((second["device"], second["used_bytes"], second["others_bytes"]), ("cuda:1", 0, 11 * GIB))
        self.assertEqual((second["power_watts"], second["temperature_celsius"]), (None, None))

    def test_visible_devices_are_counted_as_cuda_does(self):
        for visible, used in {"1": [11], "1,0": [11, 10], "GPU-1": [11], "": [], "-1": [], "0,7,1": [10]}.items():
            with self.subTest(visible):
                boards = self.memory(CUDA_VISIBLE_DEVICES=visible)[1:]
                self.assertEqual([b["device"] for b in boards], [f"cuda:{i}" for i in range(len(used))])
                self.assertEqual([(b["used_bytes"] + b["others_bytes"]) // GIB for b in boards], used)


if __name__ == "__main__":
    support.main()
