# SPDX-License-Identifier: Apache-2.0
"""checks/parity.py of the reference material: eight trained checkpoints, every variant, no difference beyond its tolerance."""
import subprocess
import sys

import support

if __name__ == "__main__":
    script = support.SHARED / "checks" / "parity.py"
    if not script.exists() or not (support.SHARED / "reference" / "trained").exists():
        print(f"skipped: not here: {script} and its checkpoints")
        sys.exit(support.SKIPPED)
    p = subprocess.run([sys.executable, str(script), support.MXSCOPE], text=True, stdout=subprocess.PIPE)
    print(p.stdout)
    # A run that checks fewer than all variants must not count.
    ok = p.returncode == 0 and "144 variants checked, 0 failed" in p.stdout
    sys.exit(0 if ok else 1)
