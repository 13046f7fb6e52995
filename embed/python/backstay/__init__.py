"""Backstay's core in Python: render Helm charts, plan, rehearse and drive rollouts.

The core is one WebAssembly module without imports; this package runs it with wasmtime. The contract, and what every call
takes and gives, is docs/embedding.md.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterable, Mapping

import wasmtime

__all__ = ["ABI", "Backstay", "BackstayError", "BackstayTrap", "Rollout"]

#: The version of the contract this package speaks.
ABI = 1

#: Names the module to load instead of the packed one.
_VARIABLE = "BACKSTAY_WASM"


class BackstayError(Exception):
    """The request was answered with an error.

    ``code`` is for programs. ``details`` has what else the answer tells, e.g. ``file`` and ``line``.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: str = error["code"]
        self.details = {name: value for name, value in error.items() if name not in ("code", "message")}


class BackstayTrap(Exception):
    """The module stopped in the middle of a call (out of memory or of stack). The next call gets a new instance."""


class Backstay:
    """The core. One call at a time: use one object per thread."""

    def __init__(self, module: str | os.PathLike[str] | bytes | None = None, *, cache: bool = True) -> None:
        """Takes the module's path or bytes; without them ``BACKSTAY_WASM``, else the packed module.

        Compiling takes seconds; with ``cache`` wasmtime keeps what it compiled in the user's cache folder.
        """
        if module is None:
            module = os.environ.get(_VARIABLE) or Path(__file__).with_name("backstay.wasm")
        code = module if isinstance(module, bytes) else Path(module).read_bytes()
        config = wasmtime.Config()
        config.cache = cache
        self._engine = wasmtime.Engine(config)
        self._module = wasmtime.Module(self._engine, code)
        if self._module.imports:
            raise ValueError(f"this is not the backstay module: it imports {self._module.imports[0].name}")
        self._store: wasmtime.Store | None = None
        self._exports: Any = None
        version = self._instance()["abi_version"](self._store)
        if version != ABI:
            raise ValueError(f"the module speaks version {version} of the ABI, this package {ABI}")

    def _instance(self) -> Any:
        if self._store is None:
            self._store = wasmtime.Store(self._engine)
            self._exports = wasmtime.Instance(self._store, self._module, []).exports(self._store)
        return self._exports

    def ask(self, request: str | bytes) -> str:
        """Text to text: both are JSON. An error is an answer, too."""
        # A request of nothing is none; one blank is the same to the module, and can be held.
        sent = (request.encode("utf-8", "surrogatepass") if isinstance(request, str) else request) or b" "
        try:
            exports, store = self._instance(), self._store
            memory = exports["memory"]
            pointer = exports["alloc"](store, _signed(len(sent))) & 0xFFFFFFFF
            if pointer == 0:
                raise BackstayTrap(f"the module has no memory for a request of {len(sent)} bytes")
            memory.write(store, sent, pointer)
            answer = exports["call"](store, _signed(pointer), len(sent)) & 0xFFFFFFFFFFFFFFFF
            at, length = answer >> 32, answer & 0xFFFFFFFF
            if at == 0:
                raise BackstayTrap("the module has no memory for the answer")
            text = bytes(memory.read(store, at, at + length)).decode("utf-8")
            exports["free"](store, _signed(at), _signed(length))
            return text
        except (wasmtime.WasmtimeError, wasmtime.Trap, BackstayTrap, IndexError) as error:
            # A trap leaves the instance unusable.
            self._store = self._exports = None
            if isinstance(error, BackstayTrap):
                raise
            raise BackstayTrap(f"the module stopped: {error}") from error

    def call(self, name: str, input: Mapping[str, Any] | None = None) -> Any:
        """A call by its name: gives what is ``ok``, raises :class:`BackstayError` for what is not."""
        answer = json.loads(self.ask(json.dumps({"call": name, "input": input or {}}, ensure_ascii=False)))
        if "error" in answer:
            raise BackstayError(answer["error"])
        return answer["ok"]

    def rollout(self, at: int, **input: Any) -> "Rollout":
        """Begins a rollout (``of=…``), or takes one up again from its journal (``journal=…``).

        ``at`` is now, in milliseconds since 1970.
        """
        return Rollout(self, {"at": at, **input})


class Rollout:
    """One rollout: ``step`` is what to do now, :meth:`tell` says what happened and gives the next step."""

    def __init__(self, backstay: Backstay, input: Mapping[str, Any]) -> None:
        self._backstay = backstay
        self.step: dict[str, Any] = backstay.call("rollout", input)

    def tell(self, at: int, inputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Tells what happened until ``at``. When it raises, nothing was taken in and the step before still holds."""
        told = {"at": at, "state": self.step["state"], "inputs": list(inputs)}
        self.step = self._backstay.call("rollout", told)
        return self.step


def _signed(number: int) -> int:
    """An unsigned number of 32 bits as wasmtime wants it."""
    return number - 0x1_0000_0000 if number >= 0x8000_0000 else number
