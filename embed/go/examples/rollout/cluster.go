package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"backstay.dev/backstay-go"
)

// fakeCluster makes what is applied ready after a second, unless its image is one that no registry has. A real host sends
// the same requests to an API server.
type fakeCluster struct {
	objects   map[string]backstay.Object
	appliedAt map[string]int64
	version   int
}

func newCluster() *fakeCluster {
	return &fakeCluster{objects: map[string]backstay.Object{}, appliedAt: map[string]int64{}}
}

func nameOf(key backstay.Key) string {
	return strings.Join([]string{key.Group, key.Kind, key.Namespace, key.Name}, "/")
}

// perform does an action and gives what has to be told: what is there now, then how the action ended.
func (c *fakeCluster) perform(action backstay.Action, at int64) ([]backstay.Input, error) {
	var applied []backstay.Applied
	var inputs []backstay.Input
	for _, work := range action.Work {
		switch work.Do {
		case "apply", "create-hook":
			done, err := c.apply(work.Key, work.Object, at)
			if err != nil {
				return nil, err
			}
			applied = append(applied, done)
		case "delete":
			if gone, found := c.objects[nameOf(work.Key)]; found {
				inputs = append(inputs, backstay.Observed(gone, true))
				delete(c.objects, nameOf(work.Key))
			}
		}
	}
	inputs = append(inputs, c.look(at)...)
	return append(inputs, backstay.Succeeded(action.ID, applied...)), nil
}

// look gives everything there is at a time.
func (c *fakeCluster) look(at int64) []backstay.Input {
	names := make([]string, 0, len(c.objects))
	for name := range c.objects {
		names = append(names, name)
	}
	sort.Strings(names)
	inputs := make([]backstay.Input, 0, len(names))
	for _, name := range names {
		object := c.objects[name]
		if object["kind"] == "Deployment" {
			settle(object, at-c.appliedAt[name])
		}
		inputs = append(inputs, backstay.Observed(object, false))
	}
	return inputs
}

func (c *fakeCluster) apply(key backstay.Key, given backstay.Object, at int64) (backstay.Applied, error) {
	stored, err := clone(given)
	if err != nil {
		return backstay.Applied{}, err
	}
	c.version++
	uid, generation := fmt.Sprintf("uid-%d", c.version), int64(1)
	if known, found := c.objects[nameOf(key)]; found {
		metadata := known["metadata"].(map[string]any)
		uid, generation = metadata["uid"].(string), metadata["generation"].(int64)+1
	}
	metadata := stored["metadata"].(map[string]any)
	metadata["uid"], metadata["generation"] = uid, generation
	metadata["resourceVersion"] = strconv.Itoa(c.version)
	metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
	c.objects[nameOf(key)], c.appliedAt[nameOf(key)] = stored, at
	return backstay.Applied{Key: key, UID: uid, Generation: generation}, nil
}

func clone(object backstay.Object) (backstay.Object, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var copied backstay.Object
	err = json.Unmarshal(text, &copied)
	return copied, err
}

func image(deployment backstay.Object) string {
	spec := deployment["spec"].(map[string]any)
	pod := spec["template"].(map[string]any)["spec"].(map[string]any)
	return pod["containers"].([]any)[0].(map[string]any)["image"].(string)
}

func settle(deployment backstay.Object, ageMS int64) {
	isReady := ageMS >= 1_000 && !strings.HasSuffix(image(deployment), ":missing")
	hasFailed := ageMS >= 60_000 && !isReady
	count := deployment["spec"].(map[string]any)["replicas"]
	var ready any = 0
	reason := "ReplicaSetUpdated"
	switch {
	case isReady:
		ready, reason = count, "NewReplicaSetAvailable"
	case hasFailed:
		reason = "ProgressDeadlineExceeded"
	}
	deployment["status"] = map[string]any{
		"observedGeneration": deployment["metadata"].(map[string]any)["generation"],
		"replicas":           count,
		"updatedReplicas":    count,
		"readyReplicas":      ready,
		"availableReplicas":  ready,
		"conditions": []any{
			map[string]any{"type": "Available", "status": truth(isReady)},
			map[string]any{"type": "Progressing", "status": truth(!hasFailed), "reason": reason},
		},
	}
}

func truth(value bool) string {
	if value {
		return "True"
	}
	return "False"
}
