#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks the window as a new user would, by mouse and keyboard.

  tests/ui/walk/walk.py BUILD DATA [--only NAME] [--shots FOLDER] [--engine COMMAND]

BUILD holds bin/mxscope-gui and bin/mxscope; DATA holds stories260K and text/tinystories_1000.json.
Each walk starts from an empty profile, leaves a picture of every step in FOLDER (default: walk in
BUILD) to be looked at, and checks what can be checked without eyes. Run by hand: it takes about
five minutes and wants the machine for itself.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import Desk, Lost, in_session, kill  # noqa: E402

FORMATS = ["MXFP8 E4M3", "MXFP6 E3M2", "MXFP4 E2M1"]
BLOCKS = ["16", "32"]


def check(condition: bool, sentence: str) -> None:
    if not condition:
        raise Lost(sentence)


class Walk:
    def __init__(self, desk: Desk, gui: str, engine: str, data: str) -> None:
        self.desk, self.gui, self.engine, self.data = desk, gui, engine, data
        self.model = os.path.join(data, "stories260K")
        self.text = os.path.join(data, "text", "tinystories_1000.json")

    def start(self, **options) -> None:
        self.desk.launch(self.gui, "--engine", self.engine, "--size", "1680x1000", **options)

    # --- steps that several walks share --------------------------------------------------------
    def add_model(self, folder: str) -> None:
        desk = self.desk
        desk.click("push button", "Add a model folder…")
        desk.wait(lambda: desk.find("dialog", "Model folder"), 10, "the folder dialog")
        desk.replace(folder)
        desk.shot("model-folder")
        desk.key("Return")
        desk.wait(lambda: not desk.find("dialog", "Model folder"), 10, "the dialog's end")

    def add_variants(self) -> None:
        desk = self.desk
        desk.click("push button", "Add variants…")
        desk.wait(lambda: desk.find("dialog", "Add variants"), 10, "the variants dialog")
        for name in FORMATS[1:]:  # the first is checked already
            desk.click_in("list", "Weight formats", name, at=12)
        desk.click_in("list", "Block sizes", BLOCKS[0], at=12)
        desk.shot("variants")
        desk.click("push button", "Add 6 variants")
        desk.wait(lambda: not desk.find("dialog", "Add variants"), 10, "the dialog's end")

    def set_text(self) -> None:
        desk = self.desk
        desk.click("text", "Text to evaluate on")
        desk.replace(self.text)
        desk.key("Tab")

    def fill_builder(self) -> None:
        desk = self.desk
        self.add_model(self.model)
        desk.wait(lambda: desk.shows("5 layers"), 20, "the model's layers")
        self.add_variants()
        self.set_text()
        desk.wait(lambda: desk.find("push button", "Add 6 runs to queue"), 10, "the button for 6 runs")
        desk.shot("builder")

    def queue_and_start(self) -> None:
        desk = self.desk
        desk.key("ctrl+Return")
        desk.wait(lambda: desk.shows("queue: 1 job"), 5, "the queued job")
        desk.shot("queued")
        desk.click("push button", "Start queue")

    def wait_done(self, seconds: int = 240) -> None:
        self.desk.wait(lambda: self.desk.shows("queue empty"), seconds, "the end of the job")
        time.sleep(1)

    def save_as(self, path: str) -> None:
        desk = self.desk
        desk.wait(lambda: desk.find("dialog", "Export"), 10, "the file dialog")
        desk.replace(path)
        desk.key("Return")

    # --- walks ---------------------------------------------------------------------------------
    def export(self) -> None:
        """From the empty window to CSV and PDF; Copy plot; the other theme."""
        desk = self.desk
        self.start()
        desk.shot("empty")
        self.fill_builder()
        self.queue_and_start()
        time.sleep(5)
        desk.shot("running")
        self.wait_done()
        desk.click("page tab", "Results")
        desk.shot("done")
        folder = tempfile.mkdtemp(dir=desk.work)
        table = os.path.join(folder, "results.csv")
        desk.key("ctrl+shift+e")
        self.save_as(table)
        desk.wait(lambda: os.path.exists(table), 10, "the CSV file")
        desk.shot("exported-csv")
        with open(table, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        check(len(rows) == 1 + len(FORMATS) * len(BLOCKS),
              f"the CSV file has {len(rows)} rows instead of {1 + len(FORMATS) * len(BLOCKS)}")
        picture = os.path.join(folder, "perplexity.pdf")
        desk.click("push button", "Export picture…")
        desk.wait(lambda: desk.find("dialog", "Export"), 10, "the export dialog")
        desk.shot("export-picture")
        self.export_pdf(picture)
        facts = subprocess.run(["pdfinfo", picture], capture_output=True, text=True).stdout
        check("Pages:           1" in facts, "the PDF file is not one page")
        words = subprocess.run(["pdftotext", picture, "-"], capture_output=True, text=True).stdout
        check("Perplexity" in words, "the PDF file does not name its plot")
        desk.shot("exported-pdf")
        self.copy_plot()
        self.themes()

    def export_pdf(self, picture: str) -> None:
        """In the open dialog: format and file by keyboard."""
        desk = self.desk
        desk.key("alt+f")
        desk.key("End")
        desk.key("alt+i")
        desk.replace(picture)
        desk.shot("pdf-file")
        desk.key("Return")
        desk.wait(lambda: os.path.exists(picture), 10, "the PDF file")

    def copy_plot(self) -> None:
        """UX 40: another program pastes the picture at twice its size, and its numbers."""
        desk = self.desk
        node = desk.find("frame", "Perplexity", exact=True)
        card = desk.place(node)
        desk.click("frame", "Perplexity", exact=True)
        desk.key("ctrl+shift+c")
        desk.wait(lambda: desk.shows("Copied "), 10, "the word that it is copied")
        image = subprocess.run(["xclip", "-selection", "clipboard", "-t", "image/png", "-o"],
                               capture_output=True, timeout=20).stdout
        path = os.path.join(desk.shots, f"{desk.prefix}pasted.png")
        with open(path, "wb") as file:
            file.write(image)
        size = subprocess.run(["identify", "-format", "%w %h", path], capture_output=True,
                              text=True).stdout.split()
        check(len(size) == 2, "the clipboard holds no picture")
        wide = int(size[0]) / card[2]
        check(1.9 <= wide <= 2.05, f"the picture is {size[0]} px wide, the card {card[2]} px")
        text = subprocess.run(["xclip", "-selection", "clipboard", "-o"], capture_output=True,
                              text=True, timeout=20).stdout
        check(text.count("\t") >= 12, "the clipboard holds no table")
        print(f"    pasted {size[0]} x {size[1]} px of a card of {card[2]} x {card[3]} px")

    def themes(self) -> None:
        """UX 47: switched while it shows results; pictures to be looked at."""
        desk = self.desk
        for letter, name in (("d", "dark"), ("l", "light")):
            desk.key("alt+v", "t", letter)
            time.sleep(1)
            desk.xdo("mousemove", 20, 1040)
            desk.shot(f"theme-{name}")

    def killed(self) -> None:
        """The engine is killed in the middle: one clear failure, and Retry works."""
        desk = self.desk
        self.start()
        self.fill_builder()
        self.queue_and_start()
        desk.wait(lambda: desk.shows("tok/s"), 60, "the first tokens")
        time.sleep(2)
        pids = desk.engines()
        check(len(pids) == 1, f"the window has {len(pids)} engines")
        kill(pids[0])
        desk.wait(lambda: desk.shows("SIGKILL") or desk.shows("signal 9"), 10, "the failure")
        time.sleep(1)
        desk.shot("engine-killed")
        check(desk.alive(), "the window is gone")
        desk.click("push button", "Details")
        desk.shot("problem-details")
        desk.key("Escape")
        desk.click_in("frame", "Problem", "Retry", at=20)
        desk.wait(lambda: desk.shows("tok/s"), 60, "the second attempt")
        desk.shot("retried")
        self.wait_done()
        desk.shot("retry-done")

    def no_gpu(self) -> None:
        """Without a GPU nothing is an error, and setup says so."""
        desk = self.desk
        self.start(environment={"CUDA_VISIBLE_DEVICES": ""})
        desk.wait(lambda: desk.shows("No GPU found"), 20, "the word about GPUs")
        desk.shot("no-gpu")
        desk.key("alt+h", "s")
        time.sleep(1.5)
        desk.shot("setup")
        desk.key("Escape")

    def no_engine(self) -> None:
        """Without an engine the bar offers the settings."""
        desk = self.desk
        desk.launch(self.gui, "--engine", "/nonexistent/mxscope serve", "--size", "1280x720")
        desk.wait(lambda: desk.shows("Settings…"), 20, "the bar")
        desk.shot("no-engine")
        desk.click("push button", "Settings…")
        time.sleep(1)
        desk.shot("settings")
        desk.key("Escape")

    def welcome(self) -> None:
        """UX 7: the first action of the empty window works."""
        desk = self.desk
        self.start()
        desk.click("push button", "Run a 1-minute demo")
        desk.wait(lambda: desk.shows("tok/s"), 40, "the running demo")
        time.sleep(4)
        desk.shot("demo-running")
        began = time.monotonic()
        self.wait_done(120)
        print(f"    the demo ended {time.monotonic() - began + 4:.0f} s after its first tokens")
        desk.shot("demo-done")

    def rows(self) -> list[str]:
        """Jobs of the queue from top to bottom."""
        table = self.desk.find("table", "Queue of jobs", exact=True)
        places = []
        for node in self.desk.nodes(table) if table else ():
            for name in ("first", "second", "third"):
                if (node.name or "").startswith(name) and self.desk.place(node):
                    places.append((self.desk.place(node)[1], name))
        return [name for _, name in sorted(set(places))]

    def reorder(self) -> None:
        """UX 16: a row of the queue dragged by the mouse; undone and done again by keys."""
        desk = self.desk
        path = os.path.join(tempfile.mkdtemp(dir=desk.work), "three.mxscope")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"format": "mxscope-experiment", "version": 1, "name": "three",
                       "models": [{"name": name, "source": self.model}
                                  for name in ("first", "second", "third")],
                       "data": {"source": self.text},
                       "protocol": {"name": "windows", "context": 128, "max_windows": 8},
                       "variants": [{"name": "tier B", "tier": "B"}], "devices": ["cpu"]}, file)
        desk.launch(self.gui, "--engine", self.engine, "--size", "1680x1000", "--open", path)
        desk.wait(lambda: desk.find("push button", "Add 3 runs to queue"), 20, "the button")
        desk.key("ctrl+Return")
        desk.wait(lambda: self.rows() == ["first", "second", "third"], 10, "three jobs")
        self.drag("third", "first")
        desk.wait(lambda: self.rows() == ["third", "first", "second"], 10, "the moved row")
        desk.shot("dragged")
        desk.key("ctrl+z")
        desk.wait(lambda: self.rows() == ["first", "second", "third"], 10, "the old order")
        desk.click_in("table", "Queue of jobs", "second · three", at=20)
        desk.key("alt+Up")
        desk.wait(lambda: self.rows() == ["second", "first", "third"], 10, "the row moved by keys")
        desk.shot("moved-by-keys")

    def drag(self, name: str, above: str) -> None:
        desk = self.desk
        table = desk.find("table", "Queue of jobs", exact=True)

        def cell(text: str):
            return next(desk.place(node) for node in desk.nodes(table)
                        if (node.name or "").startswith(text) and desk.place(node))

        x, y, _, height = cell(name)
        top = cell(above)[1]
        desk.xdo("mousemove", x + 30, y + height // 2, "mousedown", 1)
        for step in range(1, 11):
            desk.xdo("mousemove", x + 30 + step, y + height // 2 +
                     (top + 2 - y - height // 2) * step // 10)
            time.sleep(0.05)
        desk.xdo("mouseup", 1)

    def wrong_folder(self) -> None:
        """A folder without a model: the reason beside the list, and nothing can be queued."""
        desk = self.desk
        folder = tempfile.mkdtemp(dir=desk.work)
        self.start()
        self.add_model(folder)
        desk.wait(lambda: desk.shows("config.json"), 20, "the reason")
        desk.shot("wrong-folder")
        desk.key("ctrl+z")
        desk.wait(lambda: not desk.shows("config.json"), 10, "the end of the refused model")
        desk.shot("wrong-folder-undone")

    def full_disk(self) -> None:
        """Export to a full disk: it is said, nothing half-written is left, the window goes on."""
        desk = self.desk
        disk = tempfile.mkdtemp(dir=desk.work)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).returncode:
            print("    skipped: a small file system cannot be mounted here")
            return
        try:
            with open(os.path.join(disk, "filler"), "wb") as file:
                try:
                    file.write(b"x" * 65536)
                    file.flush()
                except OSError:
                    pass  # as full as it gets
            self.start()
            desk.key("alt+h", "d")
            self.wait_done(120)
            table = os.path.join(disk, "results.csv")
            desk.key("ctrl+shift+e")
            self.save_as(table)
            desk.wait(lambda: desk.shows("was not written"), 10, "the refusal")
            desk.shot("full-disk-csv")
            check(not os.path.exists(table) or os.path.getsize(table) == 0,
                  "a part of the file was left")
            check(sorted(os.listdir(disk)) == ["filler"],
                  f"left behind: {sorted(os.listdir(disk))}")
            check(desk.alive(), "the window is gone")
        except Lost:
            desk.shot("lost")
            raise
        finally:
            desk.quit()
            subprocess.run(["umount", disk], check=False)


WALKS = ["export", "killed", "no_gpu", "no_engine", "wrong_folder", "full_disk", "welcome",
         "reorder"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("data")
    parser.add_argument("--only", action="append", choices=WALKS)
    parser.add_argument("--shots")
    parser.add_argument("--engine", help="command of the engine (default: BUILD/bin/mxscope serve)")
    arguments = parser.parse_args()
    in_session()
    build = os.path.abspath(arguments.build)
    engine = arguments.engine or os.path.join(build, "bin", "mxscope") + " serve"
    desk = Desk(os.path.abspath(arguments.shots or os.path.join(build, "walk")))
    failed = []
    try:
        for name in arguments.only or WALKS:
            desk.prefix, desk.step = f"{name.replace('_', '-')}-", 0
            print(f"{name}: {getattr(Walk, name).__doc__}", flush=True)
            walk = Walk(desk, os.path.join(build, "bin", "mxscope-gui"), engine,
                        os.path.abspath(arguments.data))
            try:
                getattr(walk, name)()
            except Lost as lost:
                failed.append(name)
                if desk.alive():
                    desk.shot("lost")
                print(f"    FAILED: {lost}", flush=True)
        return 1 if failed else 0
    finally:
        desk.close()


if __name__ == "__main__":
    sys.exit(main())
