# SPDX-License-Identifier: Apache-2.0
"""A session with `mxscope serve`: requests, events, malformed lines, a stalled reader, the end of input."""
import json
import queue
import subprocess
import threading
import time

import support
from support import MXSCOPE, experiment, make_model, make_text, runs


class Session:
    """The engine as a child process; messages are read on a thread of their own."""

    def __init__(self, *args, read=True):
        self.begin = time.monotonic()
        self.process = subprocess.Popen([MXSCOPE, "serve", *map(str, args)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.messages, self.seen, self.number = queue.Queue(), [], 0
        if read:
            threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            message["at"] = time.monotonic()
            self.messages.put(message)
        self.messages.put(None)

    def wait(self, wanted, timeout=60):
        """The next message that `wanted` accepts; those before it are kept in `seen`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.messages.get(timeout=max(0.01, deadline - time.monotonic()))
            if message is None:
                raise AssertionError("the engine ended its output")
            self.seen.append(message)
            if wanted(message):
                return message

    def event(self, kind, timeout=60):
        return self.wait(lambda m: m["type"] == kind, timeout)

    def send_line(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def send(self, kind, **fields):
        self.number += 1
        self.send_line(json.dumps({"v": 1, "type": kind, "id": str(self.number), **fields}))
        return str(self.number)

    def ask(self, kind, timeout=60, **fields):
        number = self.send(kind, **fields)
        return self.wait(lambda m: m["type"] == "reply" and m["id"] == number, timeout)

    def close(self):
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass

    def end(self, timeout=20):
        self.process.stdin.close()
        code = self.process.wait(timeout)
        self.process.stdout.close()
        return code


class Serve(support.Case):
    def start(self, *args, **more):
        session = Session(*args, **more)
        self.addCleanup(session.close)
        self.addCleanup(session.process.wait)
        self.addCleanup(session.process.kill)
        return session

    def material(self, words=600, **changes):
        model = make_model(self.dir / "model")
        return experiment(model, make_text(self.dir / "text.txt", words), **changes)

    def long_material(self):
        return self.material(40000, protocol={"name": "windows", "context": 128, "max_windows": 300})

    def payload(self, reply):
        self.assertNotIn("error", reply, reply)
        return reply["payload"]

    def test_hello_and_the_quick_requests(self):
        session = self.start("-o", self.dir / "out")
        hello = session.event("hello", timeout=20)
        self.assertEqual(hello["v"], 1)
        self.assertEqual(hello["devices"][0]["id"], "cpu")
        devices = self.payload(session.ask("devices"))["devices"]
        self.assertEqual(devices[0]["id"], "cpu")
        self.assertGreater(devices[0]["total_bytes"], devices[0]["free_bytes"] // 2)
        browsed = self.payload(session.ask("browse", folder=str(support.GOLDEN / "models")))
        self.assertEqual({e["kind"] for e in browsed["entries"]}, {"model"})
        self.assertEqual([e["name"] for e in browsed["entries"]], sorted(e["name"] for e in browsed["entries"]))
        self.assertEqual(session.ask("browse", folder="/no/such/folder")["error"]["code"], "not_found")
        self.assertEqual(session.ask("cancel", job="")["error"]["code"], "not_found")
        session.send("quit")
        session.event("bye")
        self.assertEqual(session.process.wait(20), 0)

    def test_memory_comes_once_a_second_when_idle(self):
        session = self.start()
        first = session.event("memory")
        self.assertEqual(first["devices"][0]["device"], "cpu")
        self.assertGreater(first["devices"][0]["used_bytes"], 0)
        times = [session.event("memory")["at"] for _ in range(3)]
        self.assertAlmostEqual((times[-1] - times[0]) / 2, 1.0, delta=0.4)
        self.assertEqual(session.end(), 0)

    def test_inspect_estimate_validate(self):
        session, document = self.start(), self.material()
        inspected = self.payload(session.ask("inspect", model=document["models"][0]["source"], variants=[{"tier": "A"}]))
        self.assertEqual(inspected["architecture"]["model_type"], "llama")
        self.assertEqual(len(inspected["linears"]), 2 * 7 + 1)
        self.assertEqual(inspected["variants"][0]["layers"], 2 * 3)
        estimate = self.payload(session.ask("estimate", experiment=document))
        self.assertEqual((estimate["jobs"][0]["windows"], estimate["jobs"][0]["runs"]), (12, 2))
        valid = self.payload(session.ask("validate", experiment=document))
        self.assertEqual((valid["valid"], valid["issues"]), (True, []))
        document["protocol"]["context"] = 1
        document["variants"][0]["rules"][0]["weight"] = "mxfp4_e2m"
        invalid = self.payload(session.ask("validate", experiment=document))
        self.assertFalse(invalid["valid"])
        self.assertEqual({i["path"] for i in invalid["issues"]}, {"protocol.context", "variants[0].rules[0].weight"})
        self.assertEqual(session.ask("inspect", model="/no/model")["error"]["code"], "not_found")
        self.assertEqual(session.end(), 0)

    def test_a_run_from_start_to_result(self):
        session, document = self.start("-o", self.dir / "out"), self.material()
        job = self.payload(session.ask("run", experiment=document, job="j1"))["job"]
        self.assertEqual(job, "j1")
        started = session.event("started")
        self.assertEqual((started["job"], started["windows"], started["variants"]), ("j1", 12, ["baseline", "fp4"]))
        done = session.event("done")
        self.assertEqual((done["job"], done["state"]), ("j1", "done"))
        kinds = [m["type"] for m in session.seen]
        self.assertIn("progress", kinds)
        self.assertIn("windows", kinds)
        found = {m["run"]["variant"]: m["run"] for m in session.seen if m["type"] == "result"}
        on_disk = runs(self.dir / "out")
        self.assertEqual(found["fp4"]["metrics"], on_disk["fp4"]["metrics"])
        # The next run is taken as soon as this one's end was heard.
        self.payload(session.ask("run", experiment=document, job="j2", resume=True))
        self.assertEqual(session.event("done")["state"], "done")
        stored = self.payload(session.ask("results", query={"latest": True}))["experiments"]
        self.assertEqual(len(stored), 1)
        self.assertEqual({r["variant"] for r in stored[0]["results"]["runs"]}, {"baseline", "fp4"})
        self.assertEqual(stored[0]["results"]["runs"][1]["metrics"]["nll"], on_disk["fp4"]["metrics"]["nll"])
        self.assertEqual(session.end(), 0)

    def test_cancel_pause_resume(self):
        session, document = self.start("-o", self.dir / "out"), self.long_material()
        self.payload(session.ask("run", experiment=document, job="long"))
        session.event("progress")
        self.assertEqual(session.ask("run", experiment=document)["error"]["code"], "busy")
        self.assertEqual(self.payload(session.ask("pause", job="long"))["state"], "paused")
        time.sleep(0.5)  # a block that is under way may still end
        while not session.messages.empty():
            session.seen.append(session.messages.get())
        last = [m["done"] for m in session.seen if m["type"] == "progress"][-1]
        session.event("memory"), session.event("memory")
        self.assertFalse([m for m in session.seen[-3:] if m["type"] == "progress" and m["done"] > last])
        self.assertEqual(self.payload(session.ask("resume", job="long"))["state"], "running")
        session.wait(lambda m: m["type"] == "progress" and m["done"] > last)
        asked = time.monotonic()
        self.payload(session.ask("cancel", job="long"))
        done = session.event("done")
        self.assertEqual(done["state"], "cancelled")
        self.assertLess(done["at"] - asked, 10)
        self.assertEqual({r["status"] for r in runs(self.dir / "out").values()}, {"cancelled"})
        self.assertEqual(session.end(), 0)

    def test_end_of_input_cancels_and_quits(self):
        session, document = self.start("-o", self.dir / "out"), self.long_material()
        self.payload(session.ask("run", experiment=document))
        session.event("progress")
        self.assertEqual(session.end(), 0)
        self.assertEqual(runs(self.dir / "out")["baseline"]["status"], "cancelled")

    def test_a_job_that_cannot_start_says_why(self):
        session, document = self.start("-o", self.dir / "out"), self.material()
        document["models"][0]["source"] = "/no/model"
        self.payload(session.ask("run", experiment=document, job="bad"))
        self.assertEqual(session.event("done")["state"], "failed")
        errors = [m for m in session.seen if m["type"] == "error"]
        self.assertIn("/no/model", errors[0]["text"])
        self.assertEqual(errors[0]["job"], "bad")
        no_folder = self.start()
        self.assertIn("-o", no_folder.ask("run", experiment=document)["error"]["text"])

    def test_malformed_lines_get_a_reply(self):
        session = self.start()
        lines = ["nonsense", "{", "[]", "null", "17", '"text"', "{}", '{"v":1}', '{"v":2,"type":"devices","id":"a"}',
                 '{"v":1,"type":"devises","id":"b"}', '{"v":1,"type":"run","id":"c"}',
                 '{"v":1,"type":"run","id":"d","experiment":5}', '{"v":1,"type":"cancel","id":"e","job":[]}',
                 '{"v":1,"type":"inspect","id":"f","model":{}}', "[" * 100000, '{"a":' * 5000,
                 '{"v":1,"type":"devices","id":"g","id":"h"}', "\x00\x01\x02", '{"v":1,"type":"browse","id":"i"',
                 '{"v":1,"type":"queue","id":"j","operation":"dance"}', "x" * (17 << 20)]
        for line in lines:
            session.send_line(line)
            reply = session.wait(lambda m: m["type"] == "reply")
            self.assertTrue(reply["error"]["text"], (line[:60], reply))
        session.process.stdin.write(b"\xff\xfe{\n\n   \n")
        session.process.stdin.flush()
        self.assertTrue(session.wait(lambda m: m["type"] == "reply")["error"]["text"])
        reply = next(m for m in session.seen if m["type"] == "reply" and m["id"] == "b")
        self.assertIn("devices", reply["error"]["text"])  # a suggestion
        self.assertTrue(self.payload(session.ask("devices"))["devices"])
        self.assertEqual(session.end(), 0)

    def test_no_more_than_20_messages_a_second(self):
        session = self.start()
        session.event("hello")
        for _ in range(60):
            session.send("devices")
        session.wait(lambda m: m.get("id") == "60")
        times = [m["at"] for m in session.seen]
        for first, later in zip(times, times[21:]):
            self.assertGreater(later - first, 0.9)

    def test_a_stalled_reader_does_not_stop_the_job(self):
        session, document = self.start("-o", self.dir / "out", read=False), self.material()
        session.send("run", experiment=document)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (self.dir / "out" / "results.json").exists():
            time.sleep(0.05)
        self.assertEqual(runs(self.dir / "out")["fp4"]["status"], "done")

    def test_a_flood_of_requests_does_not_fill_memory(self):
        session = self.start(read=False)

        def rss():
            with open(f"/proc/{session.process.pid}/status") as f:
                return next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))

        def flood():
            line = json.dumps({"v": 1, "type": "nonsense", "id": "x" * 1000}).encode() + b"\n"
            try:
                for _ in range(40000):
                    session.process.stdin.write(line)
            except (BrokenPipeError, ValueError, OSError):
                pass
        time.sleep(1)
        before = rss()
        writer = threading.Thread(target=flood, daemon=True)
        writer.start()
        writer.join(3)
        self.assertLess(rss() - before, 30 * 1024)  # kB; the flood is 40 MB
        self.assertTrue(writer.is_alive())  # it is the writer that waits
        session.process.kill()
        writer.join(5)

    def test_the_queue_outlives_the_engine(self):
        session = self.start("-o", self.dir / "out")
        for name in ("a", "b", "c"):
            self.payload(session.ask("queue", operation="add", arguments={"entry": {"id": name, "state": "waiting"}}))
        self.payload(session.ask("queue", operation="move", arguments={"id": "c", "index": 0}))
        self.payload(session.ask("queue", operation="remove", arguments={"id": "a"}))
        self.payload(session.ask("queue", operation="update", arguments={"entry": {"id": "b", "state": "paused"}}))
        self.assertEqual(session.ask("queue", operation="remove", arguments={"id": "zz"})["error"]["code"], "not_found")
        self.assertEqual(session.end(), 0)
        again = self.start("-o", self.dir / "out")
        entries = self.payload(again.ask("queue", operation="list"))["entries"]
        self.assertEqual(entries, [{"id": "c", "state": "waiting"}, {"id": "b", "state": "paused"}])

    def test_events_of_a_run_are_the_same_messages(self):
        file = self.tiny()
        p = support.run("run", file, "-o", self.dir / "out", "--events", "jsonl", check=0)
        events = [json.loads(line) for line in p.stdout.splitlines()]
        kinds = [e["type"] for e in events]
        self.assertEqual((kinds[0], kinds[-1]), ("hello", "bye"))
        self.assertEqual([e["run"]["variant"] for e in events if e["type"] == "result"], ["baseline", "fp4"])
        self.assertEqual(next(e for e in events if e["type"] == "done")["state"], "done")


if __name__ == "__main__":
    support.main()
