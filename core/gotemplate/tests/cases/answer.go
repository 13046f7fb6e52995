package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"
)

const limit = 1000

func funcs(t *template.Template, names map[string]int) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var buf strings.Builder
			if v, ok := names[name]; ok {
				if v > limit {
					return "", fmt.Errorf("rendering template has a nested reference name: %s: %w", name, errors.New("unable to execute template"))
				}
				names[name]++
			} else {
				names[name] = 1
			}
			err := t.ExecuteTemplate(&buf, name, data)
			names[name]--
			return buf.String(), err
		},
		"tpl": func(text string, data any) (string, error) {
			c, err := t.Clone()
			if err != nil {
				return "", err
			}
			c.Option("missingkey=zero")
			c.Funcs(funcs(c, names))
			c, err = c.New(t.Name()).Parse(text)
			if err != nil {
				return "", fmt.Errorf("cannot parse template %q: %w", text, err)
			}
			var buf strings.Builder
			if err := c.Execute(&buf, data); err != nil {
				return "", fmt.Errorf("error during tpl function execution for %q: %w", text, err)
			}
			return strings.ReplaceAll(buf.String(), "<no value>", ""), nil
		},
		"takesText":  func(s string) string { return "[" + s + "]" },
		"takesInt":   func(i int) int { return i + 1 },
		"takesInt64": func(i int64) int64 { return i },
		"takesFloat": func(f float64) float64 { return f },
		"takesBool":  func(b bool) bool { return b },
		"takesMap":   func(m map[string]interface{}) int { return len(m) },
		"takesList":  func(l []interface{}) int { return len(l) },
		"takesTexts": func(l []string) int { return len(l) },
		"texts":      func(l ...string) []string { return l },
		"dict": func(v ...interface{}) map[string]interface{} {
			d := map[string]interface{}{}
			for i := 0; i+1 < len(v); i += 2 {
				d[fmt.Sprint(v[i])] = v[i+1]
			}
			return d
		},
		"list": func(v ...interface{}) []interface{} { return v },
		"none": func() interface{} { return nil },
		"same": func(v interface{}) interface{} { return v },
		"boom": func(s string) (string, error) { return "", errors.New(s) },
	}
}

// Answers questions from standard input about the data in the file given.
func main() {
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var c map[string]interface{}
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			panic(err)
		}
		var data interface{}
		if err := json.Unmarshal(file, &data); err != nil {
			panic(err)
		}
		root := template.New("gotpl")
		root.Option("missingkey=zero")
		root.Funcs(funcs(root, map[string]int{}))
		_, err := root.New("c/t.yaml").Parse(c["t"].(string))
		text := ""
		if err == nil {
			var buf strings.Builder
			err = root.ExecuteTemplate(&buf, "c/t.yaml", data)
			text = strings.ReplaceAll(buf.String(), "<no value>", "")
		}
		if err != nil {
			c["err"] = err.Error()
		} else {
			c["out"] = text
		}
		out.Encode(c)
	}
}
