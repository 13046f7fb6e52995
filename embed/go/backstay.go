// Package backstay is Backstay's core in Go: it renders Helm charts, plans, rehearses and drives rollouts.
//
// The core is one WebAssembly module without imports; this package runs it with wazero, without cgo. What every call takes
// and gives is in docs/embedding.md.
package backstay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// ABI is the version of the contract this package speaks.
const ABI = 1

// Error is a request's answer that is an error.
type Error struct {
	// Code is for programs, e.g. "template"; new ones may be added.
	Code    string `json:"code"`
	Message string `json:"message"`
	// File and Line say where, for errors in templates and manifests; lines count from 1.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Lookup is the one that is missing, with the code "needs-lookup".
	Lookup json.RawMessage `json:"lookup,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Trap says that the module stopped in the middle of a call (out of memory or of stack, or the context ended). The next
// call gets a new instance.
type Trap struct{ Cause error }

func (t *Trap) Error() string { return "the module stopped: " + t.Cause.Error() }

// Unwrap gives what stopped it.
func (t *Trap) Unwrap() error { return t.Cause }

var errNoMemory = errors.New("it has no memory for the request or the answer")

// Core is a loaded module. It is not safe for concurrent use: use one per goroutine, they may share a Cache.
type Core struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	instance api.Module
}

type options struct{ cache wazero.CompilationCache }

// Option changes how the module is loaded.
type Option func(*options)

// WithCache keeps the compiled module: in memory for several Cores, or in a folder for several processes.
func WithCache(cache wazero.CompilationCache) Option {
	return func(o *options) { o.cache = cache }
}

// LoadFile reads the module from a file; an empty path means the one that BACKSTAY_WASM names.
func LoadFile(ctx context.Context, path string, opts ...Option) (*Core, error) {
	if path == "" {
		path = os.Getenv("BACKSTAY_WASM")
	}
	if path == "" {
		return nil, errors.New("no module: give its path, or set BACKSTAY_WASM")
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Load(ctx, code, opts...)
}

// Load compiles the module.
func Load(ctx context.Context, code []byte, opts ...Option) (*Core, error) {
	var o options
	for _, option := range opts {
		option(&o)
	}
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true)
	if o.cache != nil {
		config = config.WithCompilationCache(o.cache)
	}
	core := &Core{runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if err := core.load(ctx, code); err != nil {
		_ = core.runtime.Close(ctx)
		return nil, err
	}
	return core, nil
}

func (c *Core) load(ctx context.Context, code []byte) error {
	compiled, err := c.runtime.CompileModule(ctx, code)
	if err != nil {
		return err
	}
	if imports := compiled.ImportedFunctions(); len(imports) > 0 {
		return fmt.Errorf("this is not the backstay module: it imports %s", imports[0].DebugName())
	}
	for _, name := range []string{"abi_version", "alloc", "call", "free"} {
		if _, found := compiled.ExportedFunctions()[name]; !found {
			return fmt.Errorf("this is not the backstay module: it has no function %s", name)
		}
	}
	c.compiled = compiled
	if err := c.ready(ctx); err != nil {
		return err
	}
	version, err := c.instance.ExportedFunction("abi_version").Call(ctx)
	if err != nil {
		return c.drop(ctx, err)
	}
	if version[0] != ABI {
		return fmt.Errorf("the module speaks version %d of the ABI, this package %d", version[0], ABI)
	}
	return nil
}

func (c *Core) ready(ctx context.Context) error {
	if c.instance != nil {
		return nil
	}
	instance, err := c.runtime.InstantiateModule(ctx, c.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return err
	}
	c.instance = instance
	return nil
}

// drop leaves an instance that a trap made unusable.
func (c *Core) drop(ctx context.Context, cause error) error {
	_ = c.instance.Close(ctx)
	c.instance = nil
	return &Trap{Cause: cause}
}

// Close frees what the module holds.
func (c *Core) Close(ctx context.Context) error { return c.runtime.Close(ctx) }

// Ask takes and gives JSON. An error of the core is an answer, too; the error here is a *Trap.
func (c *Core) Ask(ctx context.Context, request []byte) ([]byte, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	if len(request) == 0 {
		// A request of nothing is none; one blank is the same to the module, and can be held.
		request = []byte(" ")
	}
	size := uint64(len(request))
	got, err := c.instance.ExportedFunction("alloc").Call(ctx, size)
	if err != nil {
		return nil, c.drop(ctx, err)
	}
	pointer := uint32(got[0])
	if pointer == 0 || !c.instance.Memory().Write(pointer, request) {
		return nil, c.drop(ctx, errNoMemory)
	}
	got, err = c.instance.ExportedFunction("call").Call(ctx, uint64(pointer), size)
	if err != nil {
		return nil, c.drop(ctx, err)
	}
	return c.take(ctx, got[0])
}

// take copies the answer and gives its buffer back.
func (c *Core) take(ctx context.Context, answer uint64) ([]byte, error) {
	pointer, size := uint32(answer>>32), uint32(answer)
	view, ok := c.instance.Memory().Read(pointer, size)
	if pointer == 0 || !ok {
		return nil, c.drop(ctx, errNoMemory)
	}
	text := bytes.Clone(view)
	if _, err := c.instance.ExportedFunction("free").Call(ctx, uint64(pointer), uint64(size)); err != nil {
		return nil, c.drop(ctx, err)
	}
	return text, nil
}

// Call asks by a call's name and decodes what is ok into output, which may be nil. What is not ok is an *Error.
func (c *Core) Call(ctx context.Context, name string, input, output any) error {
	if input == nil {
		input = struct{}{}
	}
	request, err := json.Marshal(map[string]any{"call": name, "input": input})
	if err != nil {
		return err
	}
	text, err := c.Ask(ctx, request)
	if err != nil {
		return err
	}
	var answer struct {
		OK    json.RawMessage `json:"ok"`
		Error *Error          `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	if output == nil {
		return nil
	}
	return json.Unmarshal(answer.OK, output)
}
