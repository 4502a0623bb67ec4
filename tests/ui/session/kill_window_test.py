# SPDX-License-Identifier: GPL-3.0-or-later
"""A window that is killed while a job runs, and the one that is started after it (UX point 18).

The program is driven on a display of its own: a job is queued and started by keys, the window gets
SIGKILL, and is started again. The job must be on top, interrupted, and stay so until it is resumed
by a key; then it must go on from the panels that are stored and give the figures of `mxscope run`.
Needs Xvfb and xdotool; exit code 77 where they are missing.
"""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

GUI, MXSCOPE = os.environ["MXSCOPE_GUI"], os.environ["MXSCOPE"]
DEMO = pathlib.Path(os.environ["MXSCOPE_SOURCE_DIR"]) / "resources" / "demo"
LONGEST = 240  # seconds for any one step, on a machine with much else to do


def wait(what, condition):
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come within {LONGEST} s")


class Screen:
    """An X server with no window manager: a window has to be given the focus before keys arrive."""

    def __init__(self):
        read, write = os.pipe()
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1680x1050x24"],
                                       pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as told:
            self.env = {**os.environ, "DISPLAY": ":" + told.readline().strip(), "QT_QPA_PLATFORM": "xcb"}

    def xdotool(self, *args):
        return subprocess.run(["xdotool", *args], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True).stdout

    def window(self):
        found = self.xdotool("search", "--onlyvisible", "--name", "MXScope").split()
        return found[0] if found else None


class Window:
    def __init__(self, screen, profile, file):
        self.screen = screen
        self.profile = pathlib.Path(profile)
        self.process = subprocess.Popen([GUI, "--profile", str(profile), "--engine", f"{MXSCOPE} serve", str(file)],
                                        env=screen.env, stderr=subprocess.DEVNULL)
        window = wait("the window", screen.window)
        time.sleep(2)  # restores its session
        screen.xdotool("windowfocus", "--sync", window)

    def key(self, key):
        time.sleep(0.5)
        self.screen.xdotool("key", key)

    def jobs(self):
        try:
            return json.loads((self.profile / "state/mxscope/session.json").read_text())["jobs"]
        except (OSError, ValueError):
            return []

    def states(self):
        return [(job["name"], job["state"]) for job in self.jobs()]

    def query(self, job, text):
        store = self.profile / "data/mxscope/jobs" / job / "store.sqlite"
        try:
            with sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=1) as database:
                return database.execute(text).fetchall()
        except sqlite3.Error:
            return []


def perplexities(folder):
    results = json.loads((pathlib.Path(folder) / "results.json").read_text())
    return {run["variant"]: run["metrics"]["ppl"] for run in results["runs"]}


def main():
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        print("Xvfb or xdotool is not installed")
        return 77
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mxscope-kill-"))
    file, profile = folder / "long.mxscope", folder / "profile"
    file.write_text(json.dumps({
        "format": "mxscope-experiment", "version": 1, "name": "long",
        "models": [{"name": "stories", "source": str(DEMO / "model"), "dtype": "float32"}],
        "data": {"source": str(DEMO / "text" / "heldout.txt")},
        "protocol": {"name": "windows", "context": 128, "max_windows": 600},
        "variants": [{"name": "tier B", "tier": "B"},
                     {"name": "fp4", "tier": "B", "format": "mxfp4_e2m1", "block": 16}], "devices": ["cpu"]}))
    screen = Screen()
    window = None
    try:
        window = Window(screen, profile, file)
        window.key("ctrl+Return")
        wait("the job", lambda: window.states() == [("long", "waiting")])
        window.key("F5")
        job = wait("its id", window.jobs)[0]["id"]
        count = "SELECT count(*) FROM window_sums"
        wait("finished panels", lambda: (window.query(job, count) or [(0,)])[0][0] > 200)
        assert window.states() == [("long", "running")], window.states()
        window.process.send_signal(signal.SIGKILL)
        window.process.wait()
        kept = window.query(job, count)[0][0]
        assert 200 < kept < 3 * 600, kept

        window = Window(screen, profile, file)
        wait("the interrupted job", lambda: window.states() == [("long", "interrupted")])
        time.sleep(2)
        assert window.states() == [("long", "interrupted")], window.states()  # nothing starts by itself
        window.key("F5")
        wait("the end of the resumed job", lambda: window.states() == [("long", "done")])
        # One job in the record: it went on, and was not begun anew.
        assert window.query(job, "SELECT status FROM jobs") == [("done",)], window.query(job, "SELECT * FROM jobs")
        subprocess.run([MXSCOPE, "run", str(file), "-o", str(folder / "command"), "--quiet", "--no-table"], check=True)
        ours, expected = perplexities(profile / "data/mxscope/jobs" / job), perplexities(folder / "command")
        assert ours == expected and len(ours) == 3, (ours, expected)
        print(f"killed with {kept} of 1800 windows stored; after resuming {ours}")
        return 0
    finally:
        if window and window.process.poll() is None:
            window.process.terminate()
            window.process.wait(20)
        screen.server.terminate()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
