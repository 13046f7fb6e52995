"""python examples/rollout.py: drives rollouts against a fake cluster. One becomes healthy, one does not and goes back."""

from __future__ import annotations

import copy
from typing import Any

from backstay import Backstay

Object = dict[str, Any]


class FakeCluster:
    """What is applied becomes ready after a second, unless its image is one that no registry has.

    A real host sends the same requests to an API server.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, ...], Object] = {}
        self._applied_at: dict[tuple[str, ...], int] = {}
        self._version = 0

    def perform(self, action: Object, at: int) -> list[Object]:
        """Does an action and gives what it has to be told: what is there now, then how the action ended."""
        applied, inputs = [], []
        for work in action["work"]:
            if work["do"] in ("apply", "create-hook"):
                applied.append(self._apply(work["key"], work["object"], at))
            elif work["do"] == "delete":
                gone = self.objects.pop(_name(work["key"]), None)
                if gone:
                    inputs.append({"input": "observed", "object": gone, "deleted": True})
        outcome = {"outcome": "succeeded", "applied": applied}
        return [*inputs, *self.look(at), {"input": "completed", "id": action["id"], "outcome": outcome}]

    def look(self, at: int) -> list[Object]:
        """Everything there is at a time."""
        for name, found in self.objects.items():
            if found["kind"] == "Deployment":
                self._settle(found, at - self._applied_at[name])
        return [{"input": "observed", "object": found} for found in self.objects.values()]

    def _apply(self, key: Object, given: Object, at: int) -> Object:
        stored, name = copy.deepcopy(given), _name(key)
        known = self.objects.get(name, {}).get("metadata", {})
        self._version += 1
        stored["metadata"].update(
            uid=known.get("uid", f"uid-{self._version}"),
            generation=known.get("generation", 0) + 1,
            resourceVersion=str(self._version),
            creationTimestamp="2026-01-01T00:00:00Z",
        )
        self.objects[name], self._applied_at[name] = stored, at
        return {"key": key, "uid": stored["metadata"]["uid"], "generation": stored["metadata"]["generation"]}

    @staticmethod
    def _settle(deployment: Object, age_ms: int) -> None:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        is_ready = age_ms >= 1_000 and not container["image"].endswith(":missing")
        has_failed = age_ms >= 60_000 and not is_ready
        count = deployment["spec"].get("replicas", 1)
        reason = "ProgressDeadlineExceeded" if has_failed else "ReplicaSetUpdated"
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": count if is_ready else 0,
            "availableReplicas": count if is_ready else 0,
            "conditions": [
                {"type": "Available", "status": str(is_ready)},
                {
                    "type": "Progressing",
                    "status": str(not has_failed),
                    "reason": "NewReplicaSetAvailable" if is_ready else reason,
                },
            ],
        }


def _name(key: Object) -> tuple[str, ...]:
    return (key["group"], key["kind"], key["namespace"], key["name"])


def drive(backstay: Backstay, cluster: FakeCluster, of: Object, at: int = 1_767_225_600_000) -> Object:
    """Drives one rollout to its end."""
    journal: list[Object] = []  # A real host keeps it where a crash cannot reach it.
    rollout = backstay.rollout(at, of=of, journal=journal)
    while rollout.step["verdict"] is None:
        step = rollout.step
        journal.extend(step["records"])  # Before the first action: whoever goes on after a crash begins here.
        for event in step["events"]:
            if event["event"] == "entered":
                print("  ", event["phase"])
        # Time is a number here: a real host waits for its cluster, until `wake_at` at the latest.
        at = at + 100 if step["actions"] else min(step["wake_at"] or at + 1_000, at + 1_000)
        inputs = [told for action in step["actions"] for told in cluster.perform(action, at)]
        rollout.tell(at, inputs or [*cluster.look(at), {"input": "timeout"}])
    return rollout.step


def manifest(image: str) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "{image}"}}]}}
"""


def main() -> None:
    backstay, cluster = Backstay(), FakeCluster()
    first, second = manifest("shop/web:1"), manifest("shop/web:missing")
    release = {"release": "shop", "namespace": "prod"}
    for what, of in [
        ("install", {**release, "manifest": first}),
        ("upgrade", {**release, "manifest": second, "previous": first}),
    ]:
        print(f"{what}:")
        step = drive(backstay, cluster, of)
        why = step["verdict"].get("cause", {}).get("message", "ready")
        print(f"  {step['verdict']['verdict']} (exit {step['exit']}): {why}")
    (web,) = cluster.objects.values()
    print("now runs:", web["spec"]["template"]["spec"]["containers"][0]["image"])


if __name__ == "__main__":
    main()
