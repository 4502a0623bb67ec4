# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop of its own for the window: Xvfb, openbox, a session bus, mouse and keyboard.

What is on the screen is found by its accessible name, so a walk reads like what a user does, and
fails where a screen reader would be lost. Needs: xvfb openbox xdotool xclip imagemagick
at-spi2-core python3-pyatspi dbus.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REGION = tuple[int, int, int, int]
SHOWING = 25  # ATSPI_STATE_SHOWING


class Lost(AssertionError):
    """The walk cannot go on: what was expected is not on the screen."""


class Desk:
    def __init__(self, shots: str, size: str = "1680x1050") -> None:
        self.shots = shots
        self.step = 0
        self.prefix = ""
        os.makedirs(shots, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix="mxscope-walk-")
        self.children: list[subprocess.Popen] = []
        number = 77
        while os.path.exists(f"/tmp/.X{number}-lock"):
            number += 1
        os.environ["DISPLAY"] = f":{number}"
        os.environ["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
        os.environ["XDG_RUNTIME_DIR"] = self.work
        os.environ.pop("QT_QPA_PLATFORM", None)
        os.environ.pop("WAYLAND_DISPLAY", None)
        self._start(["Xvfb", f":{number}", "-screen", "0", f"{size}x24", "-dpi", "96"])
        self.wait(lambda: os.path.exists(f"/tmp/.X11-unix/X{number}"), 10, "the X server")
        self._start(["openbox"])
        self._start(["/usr/libexec/at-spi-bus-launcher", "--launch-immediately"])
        time.sleep(1)
        import pyatspi  # connects to the bus when it is imported

        self.atspi = pyatspi
        self.gui: subprocess.Popen | None = None

    def _start(self, command: list[str], **options) -> subprocess.Popen:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 **options)
        self.children.append(child)
        return child

    def close(self) -> None:
        self.quit()
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()
        shutil.rmtree(self.work, ignore_errors=True)

    # --- the program ---------------------------------------------------------------------------
    def launch(self, program: str, *arguments: str, environment: dict[str, str] | None = None,
               profile: str | None = None) -> str:
        """Starts the window with an empty profile (or the given one); returns the profile."""
        self.quit()
        profile = profile or tempfile.mkdtemp(dir=self.work)
        self.log = open(os.path.join(profile, "stderr"), "wb")
        self.gui = subprocess.Popen([program, "--profile", profile, *arguments],
                                    stdout=self.log, stderr=self.log,
                                    env={**os.environ, **(environment or {})})
        self.wait(lambda: self.find("push button", "Add a model folder…") is not None, 20,
                  "the window")
        time.sleep(0.5)
        return profile

    def quit(self) -> None:
        if getattr(self, "gui", None) and self.gui.poll() is None:
            self.gui.terminate()
            self.gui.wait(10)
        self.gui = None

    def alive(self) -> bool:
        return self.gui is not None and self.gui.poll() is None

    def engines(self) -> list[int]:
        """Processes that the window started."""
        found = subprocess.run(["pgrep", "-P", str(self.gui.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    # --- what is on the screen -----------------------------------------------------------------
    def nodes(self, root=None):
        if root is None:
            for application in self.atspi.Registry.getDesktop(0):
                if application is not None:
                    yield from self.nodes(application)
            return
        try:
            children = list(root)
        except Exception:  # it went away while it was looked at
            return
        for node in children:
            if node is None:
                continue
            yield node
            yield from self.nodes(node)

    @staticmethod
    def place(node) -> REGION | None:
        try:
            if not node.getState().contains(SHOWING):
                return None
            extents = node.queryComponent().getExtents(0)
        except Exception:
            return None
        if extents.width <= 0 or extents.height <= 0:
            return None
        return (extents.x, extents.y, extents.width, extents.height)

    def find(self, role: str, name: str, exact: bool = False, place: bool = True):
        """The last node (a dialog lies behind what it covers) that is shown with this name."""
        found = None
        for node in self.nodes():
            try:
                if role and node.getRoleName() != role:
                    continue
                matches = node.name == name if exact else node.name.startswith(name)
                if matches and (not place or self.place(node)):
                    found = node
            except Exception:
                continue
        return found

    def text(self, role: str = "label") -> list[str]:
        shown = []
        for node in self.nodes():
            try:
                if node.getRoleName() == role and self.place(node):
                    shown.append(node.name)
            except Exception:
                continue
        return shown

    def shows(self, words: str) -> bool:
        for node in self.nodes():
            try:
                if words in (node.name or "") and self.place(node):
                    return True
            except Exception:
                continue
        return False

    def wait(self, condition, seconds: float, what: str):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            result = condition()
            if result:
                return result
            time.sleep(0.2)
        raise Lost(f"after {seconds:.0f} s there is still no sign of {what}")

    # --- what a user does ----------------------------------------------------------------------
    @staticmethod
    def xdo(*words) -> str:
        done = subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True)
        return done.stdout.strip()

    def click_in(self, role: str, parent: str, name: str, at: int) -> None:
        """Clicks the entry `name` of a list or table that has a name itself."""
        def entry():
            container = self.find(role, parent, exact=True)
            for node in self.nodes(container) if container else ():
                if node.name == name and self.place(node):
                    return node
            return None

        node = self.wait(entry, 15, f'"{name}" in {parent}')
        x, y, _, height = self.place(node)
        self.xdo("mousemove", x + at, y + height // 2)
        time.sleep(0.1)
        self.xdo("click", 1)
        time.sleep(0.4)

    def click(self, role: str, name: str, exact: bool = False, at: int | None = None,
              button: int = 1, double: bool = False) -> None:
        node = self.wait(lambda: self.find(role, name, exact), 15, f'{role} "{name}"')
        x, y, width, height = self.place(node)
        self.xdo("mousemove", x + (at if at is not None else width // 2), y + height // 2)
        time.sleep(0.1)
        self.xdo("click", "--repeat", 2 if double else 1, button)
        time.sleep(0.4)

    def key(self, *keys: str) -> None:
        for key in keys:
            self.xdo("key", "--clearmodifiers", key)
            time.sleep(0.25)

    def type(self, text: str) -> None:
        self.xdo("type", "--delay", 8, text)
        time.sleep(0.2)

    def replace(self, text: str) -> None:
        self.key("ctrl+a")
        self.type(text)

    def shot(self, name: str) -> str:
        self.step += 1
        path = os.path.join(self.shots, f"{self.prefix}{self.step:02d}-{name}.png")
        subprocess.run(["import", "-window", "root", path], check=True)
        return path


def in_session() -> None:
    """Runs this program again under a session bus of its own, once."""
    if os.environ.get("MXSCOPE_WALK_SESSION") != "1":
        os.environ["MXSCOPE_WALK_SESSION"] = "1"
        os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
        os.execvp("dbus-run-session", ["dbus-run-session", "--", sys.executable, *sys.argv])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
