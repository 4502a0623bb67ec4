# SPDX-License-Identifier: Apache-2.0
"""Runs that are cancelled or killed: what is finished is kept, and --resume gives the same figures."""
import signal
import sqlite3
import subprocess
import time

import support
from support import MXSCOPE, results, run, runs, window_rows

FLAGS = ["--no-table", "--quiet", "--panel-windows", "2", "--threads", "1"]


class Interrupt(support.Case):
    def long_run(self):
        return self.tiny(words=20000, protocol={"name": "windows", "context": 128, "max_windows": 150})

    def start(self, *args):
        return subprocess.Popen([MXSCOPE, "run", *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def wait_for_windows(self, process, folder, count):
        """Waits until the record holds `count` windows of the baseline."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with sqlite3.connect(f"file:{folder}/store.sqlite?mode=ro", uri=True, timeout=1) as db:
                    if db.execute("SELECT count(*) FROM window_sums").fetchone()[0] >= count:
                        return True
            except sqlite3.Error:
                pass
            time.sleep(0.01)
        return False

    def test_resume_after_kill_gives_the_same_windows(self):
        file = self.long_run()
        run("run", file, "-o", self.dir / "whole", *FLAGS, check=0)
        process = self.start(file, "-o", self.dir / "killed", *FLAGS)
        self.assertTrue(self.wait_for_windows(process, self.dir / "killed", 20))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertFalse((self.dir / "killed" / "windows.csv").exists())
        # The record alone already gives a table.
        partial = run("export", self.dir / "killed", "--as", "csv", check=0).stdout
        self.assertIn("cancelled", partial)
        p = run("run", file, "-o", self.dir / "killed", "--resume", *FLAGS, check=0)
        self.assertEqual(p.stdout, "")
        whole, resumed = self.dir / "whole" / "windows.csv", self.dir / "killed" / "windows.csv"
        self.assertEqual(whole.read_bytes(), resumed.read_bytes())
        for a, b in zip(results(self.dir / "whole")["runs"], results(self.dir / "killed")["runs"]):
            self.assertEqual((a["metrics"], a["delta"]), (b["metrics"], b["delta"]))

    def test_resume_without_a_record_starts_anew(self):
        file = self.tiny()
        run("run", file, "-o", self.dir / "out", "--resume", "--quiet", check=0)
        self.assertEqual(runs(self.dir / "out")["baseline"]["windows"], 12)

    def test_resume_of_a_finished_run_computes_nothing_and_writes_the_same(self):
        file = self.tiny()
        run("run", file, "-o", self.dir / "out", *FLAGS, check=0)
        before = (self.dir / "out" / "windows.csv").read_bytes()
        run("run", file, "-o", self.dir / "out", "--resume", *FLAGS, check=0)
        self.assertEqual((self.dir / "out" / "windows.csv").read_bytes(), before)

    def test_first_signal_ends_at_a_block_and_writes_what_is_done(self):
        for number, interrupt in enumerate((signal.SIGINT, signal.SIGTERM)):
            with self.subTest(interrupt):
                if number:
                    self.setUp()
                file, out = self.long_run(), self.dir / "out"
                process = self.start(file, "-o", out, *FLAGS)
                self.assertTrue(self.wait_for_windows(process, out, 10))
                process.send_signal(interrupt)
                _, stderr = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 3, stderr)
                self.assertIn("stopping at the next block", stderr)
                found = runs(out)
                self.assertEqual({r["status"] for r in found.values()}, {"cancelled"})
                windows = found["baseline"]["windows"]
                self.assertTrue(4 <= windows < 150, windows)
                self.assertEqual(len(window_rows(out)), 2 * windows)
                self.assertIsNotNone(found["baseline"]["metrics"]["ppl"])

    def test_second_signal_ends_at_once(self):
        file, out = self.long_run(), self.dir / "out"
        process = self.start(file, "-o", out, *FLAGS)
        self.assertTrue(self.wait_for_windows(process, out, 4))
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 3)


if __name__ == "__main__":
    support.main()
