package backstay

import (
	"context"
	"encoding/json"
)

// Key says which object.
type Key struct {
	Group     string `json:"group"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Object is an object of Kubernetes.
type Object = map[string]any

// Planned is what a rollout is planned from.
type Planned struct {
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	Manifest  string `json:"manifest"`
	Hooks     string `json:"hooks,omitempty"`
	// Previous is the manifest that runs, for an upgrade.
	Previous      *string `json:"previous,omitempty"`
	PreviousHooks string  `json:"previous_hooks,omitempty"`
}

// Beginning says how a rollout begins. Times are milliseconds since 1970.
type Beginning struct {
	At        int64           `json:"at"`
	Of        *Planned        `json:"of,omitempty"`
	Plan      json.RawMessage `json:"plan,omitempty"`
	Policy    json.RawMessage `json:"policy,omitempty"`
	TimeoutMS *int64          `json:"timeout_ms,omitempty"`
	// Journal has the records a former host kept: the rollout goes on where they end.
	Journal []json.RawMessage `json:"journal,omitempty"`
}

// Work is a request to send for an action.
type Work struct {
	// Do is "check", "apply", "create-hook" or "delete".
	Do           string `json:"do"`
	Key          Key    `json:"key"`
	Object       Object `json:"object"`
	Mark         string `json:"mark"`
	DeleteBefore bool   `json:"delete_before"`
	OnlyOwned    bool   `json:"only_owned"`
	Wait         bool   `json:"wait"`
	UnlessEnded  bool   `json:"unless_ended"`
}

// Action is something to start; its end is told with Succeeded or Refused.
type Action struct {
	ID       uint32 `json:"id"`
	Attempt  uint32 `json:"attempt"`
	Deadline uint64 `json:"deadline"`
	// Action is what it is, e.g. "apply", "look", "save-record".
	Action string            `json:"action"`
	Work   []Work            `json:"work"`
	Keys   []Key             `json:"keys"`
	Scopes []json.RawMessage `json:"scopes"`
	Change json.RawMessage   `json:"change"`
}

// Event is for people.
type Event struct {
	Event string          `json:"event"`
	Phase json.RawMessage `json:"phase"`
}

// Cause says why something failed.
type Cause struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Object  Key    `json:"object"`
}

// Verdict is how a rollout ended.
type Verdict struct {
	Verdict string `json:"verdict"`
	Cause   *Cause `json:"cause"`
}

// Step is what to do now.
type Step struct {
	// Records are to be kept before any of the actions begins.
	Records []json.RawMessage `json:"records"`
	Actions []Action          `json:"actions"`
	Events  []Event           `json:"events"`
	// WakeAt is when to tell TimedOut at the latest.
	WakeAt    *int64            `json:"wake_at"`
	WaitingOn []json.RawMessage `json:"waiting_on"`
	// Verdict is nil until the end.
	Verdict *Verdict `json:"verdict"`
	// Exit is the command line's exit code for the verdict.
	Exit  *int   `json:"exit"`
	State string `json:"state"`
}

// Applied is what the server made of an applied object.
type Applied struct {
	Key        Key    `json:"key"`
	UID        string `json:"uid"`
	Generation int64  `json:"generation"`
}

// Input is what happened; the functions below make them.
type Input = map[string]any

// Observed tells an object as it is now, or as it was when it went.
func Observed(object Object, deleted bool) Input {
	return Input{"input": "observed", "object": object, "deleted": deleted}
}

// Succeeded tells that an action is done.
func Succeeded(id uint32, applied ...Applied) Input {
	if applied == nil {
		applied = []Applied{}
	}
	outcome := map[string]any{"outcome": "succeeded", "applied": applied}
	return Input{"input": "completed", "id": id, "outcome": outcome}
}

// Refused tells that the server refused a request of an action; status 0 when its answer was lost.
func Refused(id uint32, key Key, status int, body any) Input {
	return Input{"refused": id, "key": key, "http_status": status, "body": body}
}

// TimedOut tells that time passed.
func TimedOut() Input { return Input{"input": "timeout"} }

// Abort tells that somebody wants the rollout to stop.
func Abort() Input { return Input{"input": "command", "command": "abort"} }

// Rollout is one rollout: Step is what to do now, Tell says what happened and gives the next step.
type Rollout struct {
	core *Core
	Step Step
}

// Begin begins a rollout, or takes one up again from its journal.
func (c *Core) Begin(ctx context.Context, beginning Beginning) (*Rollout, error) {
	rollout := &Rollout{core: c}
	if err := c.Call(ctx, "rollout", beginning, &rollout.Step); err != nil {
		return nil, err
	}
	return rollout, nil
}

// Tell tells what happened until a time. After an error nothing was taken in and the step before still holds.
func (r *Rollout) Tell(ctx context.Context, at int64, inputs ...Input) error {
	if inputs == nil {
		inputs = []Input{}
	}
	var next Step
	request := map[string]any{"at": at, "state": r.Step.State, "inputs": inputs}
	if err := r.core.Call(ctx, "rollout", request, &next); err != nil {
		return err
	}
	r.Step = next
	return nil
}
