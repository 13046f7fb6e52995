// Command rollout drives rollouts against a fake cluster: go run ./examples/rollout. One becomes healthy, one does not and
// goes back.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"backstay.dev/backstay-go"
)

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: %q}]}
`

// drive drives one rollout to its end.
func drive(ctx context.Context, core *backstay.Core, cluster *fakeCluster, of backstay.Planned) (*backstay.Step, error) {
	at := int64(1_767_225_600_000)
	rollout, err := core.Begin(ctx, backstay.Beginning{At: at, Of: &of})
	if err != nil {
		return nil, err
	}
	var journal []json.RawMessage // A real host keeps it where a crash cannot reach it.
	for rollout.Step.Verdict == nil {
		step := rollout.Step
		journal = append(journal, step.Records...) // Before the first action: whoever goes on after a crash begins here.
		for _, event := range step.Events {
			if event.Event == "entered" {
				fmt.Printf("  %s\n", event.Phase)
			}
		}
		var inputs []backstay.Input
		for _, action := range step.Actions {
			told, err := cluster.perform(action, at+100)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, told...)
		}
		// Time is a number here: a real host waits for its cluster, until WakeAt at the latest.
		if len(inputs) > 0 {
			at += 100
		} else {
			at += 1_000
			if step.WakeAt != nil {
				at = min(at, *step.WakeAt)
			}
			inputs = append(cluster.look(at), backstay.TimedOut())
		}
		if err := rollout.Tell(ctx, at, inputs...); err != nil {
			return nil, err
		}
	}
	return &rollout.Step, nil
}

func run(ctx context.Context) error {
	core, err := backstay.LoadFile(ctx, "")
	if err != nil {
		return err
	}
	defer core.Close(ctx)
	cluster := newCluster()
	first, second := fmt.Sprintf(manifest, "shop/web:1"), fmt.Sprintf(manifest, "shop/web:missing")
	for _, one := range []struct {
		what string
		of   backstay.Planned
	}{
		{"install", backstay.Planned{Release: "shop", Namespace: "prod", Manifest: first}},
		{"upgrade", backstay.Planned{Release: "shop", Namespace: "prod", Manifest: second, Previous: &first}},
	} {
		fmt.Printf("%s:\n", one.what)
		step, err := drive(ctx, core, cluster, one.of)
		if err != nil {
			return err
		}
		why := "ready"
		if step.Verdict.Cause != nil {
			why = step.Verdict.Cause.Message
		}
		fmt.Printf("  %s (exit %d): %s\n", step.Verdict.Verdict, *step.Exit, why)
	}
	for _, object := range cluster.objects {
		fmt.Println("now runs:", image(object))
	}
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
