package backstay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"backstay.dev/backstay-go"
	"github.com/tetratelabs/wazero"
)

var ctx = context.Background()

// core is compiled once: that takes longer than all tests.
var core *backstay.Core

func TestMain(m *testing.M) {
	var err error
	if core, err = backstay.LoadFile(ctx, "", backstay.WithCache(wazero.NewCompilationCache())); err != nil {
		println(err.Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func works(t *testing.T, after string) {
	t.Helper()
	var version struct{ ABI int }
	if err := core.Call(ctx, "version", nil, &version); err != nil || version.ABI != backstay.ABI {
		t.Fatalf("after %s: %v %v", after, version, err)
	}
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../tests/embed/vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestSharedVectorsHaveTheSameBytes(t *testing.T) {
	requests, answers := lines(t, "requests.ndjson"), lines(t, "answers.txt")
	if len(requests) < 200 || len(requests) != len(answers) {
		t.Fatalf("%d requests, %d answers", len(requests), len(answers))
	}
	for index, request := range requests {
		wanted, name, _ := strings.Cut(answers[index], " ")
		answer, err := core.Ask(ctx, []byte(request))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		digest := sha256.Sum256(answer)
		if hex.EncodeToString(digest[:]) != wanted {
			t.Errorf("%s: other bytes: %.200s", name, answer)
		}
	}
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var refused *backstay.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("%s: %v, not %s", what, err, code)
	}
	works(t, what)
}

func TestErrorsHaveACode(t *testing.T) {
	for _, one := range []struct {
		name, input, code string
	}{
		{"nope", `{}`, "unknown-call"},
		{"plan", `{"release": 1}`, "bad-request"},
		{"render", `{"files": [{"path": "a", "text": ""}]}`, "chart"},
		{"rollout", `{"at": 0, "state": "x"}`, "state"},
	} {
		wantCode(t, one.name, core.Call(ctx, one.name, json.RawMessage(one.input), nil), one.code)
	}
}

func TestWhatIsNoRequestIsAnError(t *testing.T) {
	for _, request := range []string{"", "{", "null", strings.Repeat("[", 100_000), "\xff\xfe", `{"call": 1}`} {
		answer, err := core.Ask(ctx, []byte(request))
		if err != nil || !bytes.Contains(answer, []byte(`"code":"bad-request"`)) {
			t.Errorf("%.9q: %s %v", request, answer, err)
		}
		works(t, request[:min(len(request), 9)])
	}
}

func TestPointersThatAreNoneReachNothing(t *testing.T) {
	code, err := os.ReadFile(os.Getenv("BACKSTAY_WASM"))
	if err != nil {
		t.Fatal(err)
	}
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(ctx)
	module, err := runtime.Instantiate(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	call, free, alloc := module.ExportedFunction("call"), module.ExportedFunction("free"), module.ExportedFunction("alloc")
	size := uint64(module.Memory().Size())
	for _, one := range [][2]uint64{{0, 0}, {0, 9}, {0xffffffff, 1}, {0xffffffff, 0xffffffff}, {8, 0xfffffff0}, {size - 1, 2}} {
		got, err := call.Call(ctx, one[0], one[1])
		if err != nil {
			t.Fatalf("%v: %v", one, err)
		}
		answer, _ := module.Memory().Read(uint32(got[0]>>32), uint32(got[0]))
		if !bytes.Contains(answer, []byte("bad-request")) {
			t.Errorf("%v: %s", one, answer)
		}
		for _, buffer := range [][2]uint64{{got[0] >> 32, got[0] & 0xffffffff}, one} {
			if _, err := free.Call(ctx, buffer[0], buffer[1]); err != nil {
				t.Errorf("free of %v: %v", buffer, err)
			}
		}
	}
	for _, length := range []uint64{0, 0x80000000, 0xffffffff} {
		if got, err := alloc.Call(ctx, length); err != nil || got[0] != 0 {
			t.Errorf("alloc(%d): %v %v", length, got, err)
		}
	}
}

func TestInputsInTheWrongOrderChangeNothing(t *testing.T) {
	of := backstay.Planned{Release: "a", Manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", Namespace: "default"}
	rollout, err := core.Begin(ctx, backstay.Beginning{At: 1_000, Of: &of})
	if err != nil {
		t.Fatal(err)
	}
	before := rollout.Step
	wantCode(t, "an unknown action", rollout.Tell(ctx, 1_000, backstay.Succeeded(77)), "input")
	if rollout.Step.State != before.State {
		t.Error("the state changed")
	}
	id := before.Actions[0].ID
	if err := rollout.Tell(ctx, 2_000, backstay.Succeeded(id)); err != nil || rollout.Step.Verdict != nil {
		t.Errorf("%v %v", rollout.Step.Verdict, err)
	}
	wantCode(t, "an outcome told twice", rollout.Tell(ctx, 2_000, backstay.Succeeded(id)), "input")
}

func TestATrapIsAnErrorAndTheNextCallWorks(t *testing.T) {
	// What a module without memory or stack does: alloc is unreachable.
	code, err := hex.DecodeString("0061736d010000000115046000017f60017f017f60027f7f017e60027f7f00030504000102030503010001072e0506" +
		"6d656d6f727902000b6162695f76657273696f6e000005616c6c6f6300010463616c6c0002046672656500030a1104040041010b0300000b0300000b02000b")
	if err != nil {
		t.Fatal(err)
	}
	broken, err := backstay.Load(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close(ctx)
	for range 2 {
		var trap *backstay.Trap
		if _, err := broken.Ask(ctx, []byte("{}")); !errors.As(err, &trap) {
			t.Errorf("%v is no trap", err)
		}
	}
	if _, err := backstay.Load(ctx, []byte("not a module")); err == nil {
		t.Error("what is not a module was loaded")
	}
	limited, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	if _, err := core.Ask(limited, []byte(`{"call": "version"}`)); err == nil {
		t.Error("a context that ended did not stop the call")
	}
	works(t, "a context that ended")
}

func TestTheExamplesRun(t *testing.T) {
	run := func(name string, more ...string) string {
		output, err := exec.Command("go", append([]string{"run", "./examples/" + name}, more...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, output)
		}
		return string(output)
	}
	if said := run("timeout", "../../tests/charts/shop"); !strings.Contains(strings.ToLower(said), "recommended") {
		t.Error(said)
	}
	said := run("rollout")
	if !regexp.MustCompile(`(?s)install:.*deployed \(exit 0\).*upgrade:.*rolled-back \(exit 1\).*now runs: shop/web:1\n`).MatchString(said) {
		t.Error(said)
	}
}
