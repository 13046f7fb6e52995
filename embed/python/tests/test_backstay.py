"""The same vectors as in every language, callers that break the rules, and the examples."""

import hashlib
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

import wasmtime

from backstay import Backstay, BackstayError, BackstayTrap

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parents[1]
VECTORS = REPOSITORY / "tests/embed/vectors"
CONFIG_MAP = {"release": "a", "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"}
# What a module without memory or stack does.
TRAPPING = """(module (memory (export "memory") 1)
  (func (export "abi_version") (result i32) i32.const 1)
  (func (export "alloc") (param i32) (result i32) unreachable)
  (func (export "call") (param i32 i32) (result i64) unreachable)
  (func (export "free") (param i32 i32)))"""


class Tests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backstay = Backstay()

    def works(self, after):
        self.assertEqual(self.backstay.call("version")["abi"], 1, after)

    def test_the_shared_vectors_have_the_same_bytes(self):
        requests = (VECTORS / "requests.ndjson").read_text("utf-8").split("\n")[:-1]
        answers = (VECTORS / "answers.txt").read_text("utf-8").split("\n")[:-1]
        self.assertGreaterEqual(len(requests), 200)
        self.assertEqual(len(requests), len(answers))
        for request, answer in zip(requests, answers):
            wanted, _, name = answer.partition(" ")
            self.assertEqual(hashlib.sha256(self.backstay.ask(request).encode()).hexdigest(), wanted, name)

    def test_errors_are_exceptions_with_a_code(self):
        for name, given, code in [
            ("nope", {}, "unknown-call"),
            ("plan", {"release": 1}, "bad-request"),
            ("render", {"files": [{"path": "a", "text": ""}]}, "chart"),
            ("rollout", {"at": 0, "state": "x"}, "state"),
        ]:
            with self.assertRaises(BackstayError, msg=name) as raised:
                self.backstay.call(name, given)
            self.assertEqual(raised.exception.code, code)
            self.works(name)

    def test_what_is_no_request_is_an_error(self):
        for request in ["", "{", "null", "[" * 100_000, b"\xff\xfe", "\ud800", '{"call": 1}']:
            answer = json.loads(self.backstay.ask(request))
            self.assertEqual(answer["error"]["code"], "bad-request", request[:9])
            self.works(request[:9])

    def test_pointers_that_are_none_reach_nothing(self):
        exports, store = self.backstay._instance(), self.backstay._store
        for pointer, length in [(0, 0), (0, 9), (-1, 1), (-1, -1), (8, -16), (exports["memory"].data_len(store) - 1, 2)]:
            answer = exports["call"](store, pointer, length) & 0xFFFFFFFFFFFFFFFF
            at, size = answer >> 32, answer & 0xFFFFFFFF
            self.assertIn(b"bad-request", bytes(exports["memory"].read(store, at, at + size)))
            exports["free"](store, at, size)
            exports["free"](store, pointer, length)
            self.works((pointer, length))
        for length in [0, -(2**31), -1]:
            self.assertEqual(exports["alloc"](store, length), 0)
        self.works("huge lengths")

    def test_inputs_in_the_wrong_order_are_refused_and_change_nothing(self):
        rollout = self.backstay.rollout(1_000, of=CONFIG_MAP)
        before = rollout.step
        done = {"input": "completed", "id": 77, "outcome": {"outcome": "succeeded"}}
        with self.assertRaises(BackstayError) as raised:
            rollout.tell(1_000, [done])
        self.assertEqual((raised.exception.code, rollout.step), ("input", before))
        done["id"] = before["actions"][0]["id"]
        self.assertIsNone(rollout.tell(2_000, [done])["verdict"])
        with self.assertRaises(BackstayError):
            rollout.tell(2_000, [done])

    def test_a_trap_is_an_exception_and_the_next_call_works(self):
        trapping = Backstay(bytes(wasmtime.wat2wasm(TRAPPING)))
        for _ in range(2):
            with self.assertRaises(BackstayTrap):
                trapping.ask("{}")
        with self.assertRaises(wasmtime.WasmtimeError):
            Backstay(b"not a module")

    def test_the_examples_run(self):
        def run(name, *more):
            command = [sys.executable, str(PACKAGE / "examples" / f"{name}.py"), *more]
            # Where the tests found wasmtime, the examples find it, too.
            path = os.pathsep.join([str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = {**os.environ, "PYTHONPATH": path}
            return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

        self.assertIn("recommended", run("timeout", str(REPOSITORY / "tests/charts/shop")).lower())
        said = run("rollout")
        self.assertRegex(said, r"(?s)install:.*deployed \(exit 0\).*upgrade:.*rolled-back \(exit 1\)")
        self.assertIn("now runs: shop/web:1\n", said)


if __name__ == "__main__":
    unittest.main()
