// A cluster of a few lines: what is applied becomes ready after a second, unless its image is one that no registry has.
// A real host sends the same requests to an API server.

const nameOf = ({ group, kind, namespace, name }) => [group, kind, namespace, name].join("/");

export class FakeCluster {
  objects = new Map();
  #version = 0;

  /** Does an action and gives what it has to be told: what is there now, then how the action ended. */
  perform(action, at) {
    const applied = [];
    const inputs = [];
    for (const work of action.work) {
      if (work.do === "apply" || work.do === "create-hook") {
        applied.push(this.#apply(work.key, work.object, at));
      } else if (work.do === "delete") {
        const object = this.objects.get(nameOf(work.key));
        this.objects.delete(nameOf(work.key));
        if (object) inputs.push({ input: "observed", object, deleted: true });
      }
    }
    return [...inputs, ...this.look(at), { input: "completed", id: action.id, outcome: { outcome: "succeeded", applied } }];
  }

  /** Everything there is at a time. */
  look(at) {
    for (const object of this.objects.values()) if (object.kind === "Deployment") this.#settle(object, at);
    return [...this.objects.values()].map((object) => ({ input: "observed", object }));
  }

  #apply(key, object, at) {
    const known = this.objects.get(nameOf(key))?.metadata;
    const stored = structuredClone(object);
    this.#version += 1;
    Object.assign(stored.metadata, {
      uid: known?.uid ?? `uid-${this.#version}`,
      generation: (known?.generation ?? 0) + 1,
      resourceVersion: String(this.#version),
      creationTimestamp: known?.creationTimestamp ?? new Date(at).toISOString(),
    });
    stored.appliedAt = at;
    this.objects.set(nameOf(key), stored);
    return { key, uid: stored.metadata.uid, generation: stored.metadata.generation };
  }

  #settle(object, at) {
    const [container] = object.spec.template.spec.containers;
    const isReady = at >= object.appliedAt + 1000 && !container.image.endsWith(":missing");
    const hasFailed = at >= object.appliedAt + 60_000 && !isReady;
    const count = object.spec.replicas ?? 1;
    const ready = isReady ? count : 0;
    const reason = hasFailed ? "ProgressDeadlineExceeded" : isReady ? "NewReplicaSetAvailable" : "ReplicaSetUpdated";
    object.status = {
      observedGeneration: object.metadata.generation,
      replicas: count,
      updatedReplicas: count,
      readyReplicas: ready,
      availableReplicas: ready,
      conditions: [
        { type: "Available", status: isReady ? "True" : "False" },
        { type: "Progressing", status: hasFailed ? "False" : "True", reason },
      ],
    };
  }
}
