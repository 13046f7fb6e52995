// node examples/rollout.mjs: drives rollouts against a fake cluster. One becomes healthy, one does not and goes back.
import { Backstay } from "../node.js";
import { FakeCluster } from "./cluster.mjs";

/** Drives one rollout to its end. `journal` is where its records are kept, e.g. a file that is flushed. */
export function drive(backstay, cluster, of, journal = [], at = Date.UTC(2026, 0, 1)) {
  const rollout = backstay.rollout({ at, of, journal });
  while (rollout.step.verdict === null) {
    const { records, actions, events, wake_at } = rollout.step;
    journal.push(...records); // Before the first action: whoever goes on after a crash begins here.
    for (const event of events) if (event.event === "entered") console.log(`  ${JSON.stringify(event.phase)}`);
    // Time is a number here: a real host waits for its cluster, until `wake_at` at the latest.
    at = actions.length > 0 ? at + 100 : Math.min(wake_at ?? Infinity, at + 1000);
    const inputs = actions.flatMap((action) => cluster.perform(action, at));
    rollout.tell(at, inputs.length > 0 ? inputs : [...cluster.look(at), { input: "timeout" }]);
  }
  journal.push(...rollout.step.records);
  return rollout.step;
}

const manifest = (image) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "${image}"}]}
`;

const backstay = await Backstay.load();
const cluster = new FakeCluster();
const [first, second] = [manifest("shop/web:1"), manifest("shop/web:missing")];
for (const [what, of] of [
  ["install", { release: "shop", namespace: "prod", manifest: first }],
  ["upgrade", { release: "shop", namespace: "prod", manifest: second, previous: first }],
]) {
  console.log(`${what}:`);
  const { verdict, exit } = drive(backstay, cluster, of);
  console.log(`  ${verdict.verdict} (exit ${exit})${verdict.cause ? `: ${verdict.cause.message}` : ""}`);
}
const [web] = cluster.objects.values();
console.log(`now runs: ${web.spec.template.spec.containers[0].image}`);
