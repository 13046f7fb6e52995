package main

// Answers the questions of helm.jsonl anew: `go run helm.go helm-data.json < helm.jsonl`, in a module with helm.sh/helm/v4
// v4.3.1 and an empty file `empty.s` (for the function without a body).

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"text/template"
	_ "unsafe"

	"helm.sh/helm/v4/pkg/engine"
)

//go:linkname initFunMap helm.sh/helm/v4/pkg/engine.Engine.initFunMap
func initFunMap(e engine.Engine, ctx context.Context, t *template.Template)

func ints(v any) any {
	switch x := v.(type) {
	case float64:
		if x == float64(int64(x)) {
			return int(x)
		}
	case []any:
		for i := range x {
			x[i] = ints(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = ints(x[k])
		}
	}
	return v
}

func render(text string, data any) (string, error) {
	root := template.New("gotpl")
	root.Option("missingkey=zero")
	initFunMap(engine.Engine{}, context.Background(), root)
	if _, err := root.New("c/t.yaml").Parse(text); err != nil {
		return "", err
	}
	var out strings.Builder
	err := root.ExecuteTemplate(&out, "c/t.yaml", data)
	return strings.ReplaceAll(out.String(), "<no value>", ""), err
}

func main() {
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	marks := strings.NewReplacer("HELM_ERR_START", "", "HELM_ERR_END", "")
	for in.Scan() {
		var c map[string]any
		var data any
		if json.Unmarshal(in.Bytes(), &c) != nil || json.Unmarshal(file, &data) != nil {
			panic(in.Text())
		}
		if c["ints"] == true {
			data = ints(data)
		}
		delete(c, "out")
		delete(c, "err")
		text, err := render(c["t"].(string), data)
		if err != nil {
			c["err"] = marks.Replace(err.Error())
		} else {
			c["out"] = text
		}
		out.Encode(c)
	}
}
