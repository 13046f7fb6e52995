// Answers the texts of a table as Go does: sigs.k8s.io/yaml v1.6.0 (go run . < texts > yaml.txt).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"bytes"
	yaml "sigs.k8s.io/yaml"
	yaml3 "sigs.k8s.io/yaml/goyaml.v3"
)

// Reads YAML texts as JSON strings, one per line, and writes: text => what toYaml gives => what toYamlPretty gives.
func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	q := func(s string) string {
		b := &bytes.Buffer{}
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		e.Encode(s)
		return strings.TrimSpace(b.String())
	}
	for in.Scan() {
		var text string
		if err := json.Unmarshal(in.Bytes(), &text); err != nil {
			panic(err)
		}
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
			fmt.Printf("%s error %s\n", q(text), q(message))
			continue
		}
		out, err := yaml.Marshal(v)
		if err != nil {
			out = []byte("error")
		}
		b := &bytes.Buffer{}
		e := yaml3.NewEncoder(b)
		e.SetIndent(2)
		p := ""
		if err := e.Encode(v); err != nil {
			p = "error"
		} else {
			p = b.String()
		}
		fmt.Printf("%s %s %s\n", q(text), q(string(out)), q(p))
	}
}
