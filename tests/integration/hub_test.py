# SPDX-License-Identifier: Apache-2.0
"""Models named by a hub id: downloaded by run and inspect, from a server of our own."""
import hashlib
import http.server
import json
import os
import signal
import subprocess
import threading

import support
from support import experiment, make_model, make_text, run, write_json

COMMIT = "a" * 40


class Hub(http.server.ThreadingHTTPServer):
    """The parts of the hub that a download asks for, with one model `org/name`."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Answers)
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.asked = []
        self.stuck = None  # the end of the path of a file that never arrives as a whole
        self.stuck_now = threading.Event()
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path):
        self.asked.append(path)
        if path == "/api/models/org/name/revision/main?blobs=true":
            entries = []
            for name, data in self.files.items():
                digest = hashlib.sha256(data).hexdigest()
                entries.append({"rfilename": name, "size": len(data), "blobId": digest[:40]})
                if name.endswith(".safetensors"):
                    entries[-1]["lfs"] = {"sha256": digest, "size": len(data)}
            return json.dumps({"sha": COMMIT, "siblings": entries}).encode()
        prefix = f"/org/name/resolve/{COMMIT}/"
        return self.files.get(path[len(prefix):]) if path.startswith(prefix) else None


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.answer(self.path)
        if self.path.endswith(self.server.stuck or "\0"):
            self.stall(body)
            return
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def stall(self, body):
        """Sends half of the body and nothing more until the client or the test is gone."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2])
        self.wfile.flush()
        self.server.stuck_now.set()
        self.server.released.wait(60)

    def log_message(self, *_):
        pass


class HubModels(support.Case):
    def setUp(self):
        super().setUp()
        self.hub = Hub(make_model(self.dir / "source"))
        thread = threading.Thread(target=self.hub.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.hub.server_close)
        self.addCleanup(self.hub.shutdown)
        self.env = {"HF_ENDPOINT": self.hub.url, "HF_HOME": str(self.dir / "home"), "no_proxy": "*"}
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
            self.env[name] = ""
        make_text(self.dir / "text.txt", 600)

    def command(self, *args, check=0, **env):
        return run(*args, check=check, cwd=self.dir, env={**self.env, **env})

    def test_inspect_downloads_and_finds_it_again_offline(self):
        p = self.command("inspect", "org/name", "--json")
        here = json.loads(run("inspect", self.dir / "source", "--json", check=0).stdout)
        self.assertEqual([x["name"] for x in json.loads(p.stdout)["linears"]], [x["name"] for x in here["linears"]])
        self.assertIn("org/name: downloading", p.stderr)
        snapshot = self.dir / "home" / "hub" / "models--org--name" / "snapshots" / COMMIT
        self.assertEqual((snapshot / "model.safetensors").read_bytes(), self.hub.files["model.safetensors"])
        asked = len(self.hub.asked)
        again = self.command("inspect", "org/name", "--json", HF_HUB_OFFLINE="1")
        self.assertEqual(again.stdout, p.stdout)
        self.assertEqual(len(self.hub.asked), asked)

    def test_run_downloads(self):
        write_json(self.dir / "e.mxscope", experiment("org/name", "text.txt"))
        self.command("run", "e.mxscope", "-o", "out", "--quiet", "--no-table")
        write_json(self.dir / "here.mxscope", experiment("source", "text.txt"))
        self.command("run", "here.mxscope", "-o", "here", "--quiet", "--no-table")
        self.assertEqual(support.window_rows(self.dir / "out"), support.window_rows(self.dir / "here"))

    def stop_while_stuck_in(self, end):
        self.hub.stuck = end
        self.addCleanup(self.hub.released.set)
        write_json(self.dir / "e.mxscope", experiment("org/name", "text.txt"))
        process = subprocess.Popen([support.MXSCOPE, "run", "e.mxscope", "-o", "out"], cwd=self.dir, stderr=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env={**os.environ, **self.env})
        self.addCleanup(process.kill)
        self.assertTrue(self.hub.stuck_now.wait(30))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn("The download was cancelled.", errors)
        self.assertNotIn("stopped at once", errors)

    def test_one_interrupt_stops_a_download(self):
        self.stop_while_stuck_in("/model.safetensors")
        # What had arrived is kept and gone on with.
        self.hub.stuck = None
        self.command("run", "e.mxscope", "-o", "out", "--quiet", "--no-table")

    def test_one_interrupt_stops_the_wait_for_the_list_of_files(self):
        self.stop_while_stuck_in("?blobs=true")

    def test_validate_touches_no_network(self):
        write_json(self.dir / "e.mxscope", experiment("org/name", "text.txt"))
        self.command("validate", "e.mxscope", check=1)
        self.assertEqual(self.hub.asked, [])

    def test_offline_says_so(self):
        p = self.command("inspect", "org/name", check=1, HF_HUB_OFFLINE="1")
        self.assertIn("HF_HUB_OFFLINE is set", p.stderr)
        self.assertIn("org/name", p.stderr)
        write_json(self.dir / "e.mxscope", experiment("org/name", "text.txt", devices=["cuda:97"]))
        p = self.command("run", "e.mxscope", "-o", "out", check=1, HF_HUB_OFFLINE="1")
        self.assertIn("HF_HUB_OFFLINE is set", p.stderr)
        self.assertIn("cuda:97", p.stderr, "the other problems are told too")
        self.assertEqual(self.hub.asked, [])

    def test_a_model_that_the_hub_does_not_have(self):
        p = self.command("inspect", "org/other", check=1)
        self.assertIn("status 404", p.stderr)
        self.assertIn("no folder", p.stderr)

    def test_a_hub_that_does_not_answer(self):
        p = self.command("inspect", "org/name", check=4, HF_ENDPOINT="http://127.0.0.1:9")
        self.assertIn("127.0.0.1:9", p.stderr)

    def test_a_name_without_organisation_is_no_reason_to_ask(self):
        p = self.command("inspect", "nmae", check=1)
        self.assertIn("nmae", p.stderr)
        self.assertEqual(self.hub.asked, [])


if __name__ == "__main__":
    support.main()
