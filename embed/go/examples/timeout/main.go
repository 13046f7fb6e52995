// Command timeout says how long the rollout of a chart may take, and why: go run ./examples/timeout CHART
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"

	"backstay.dev/backstay-go"
)

type file struct {
	Path   string `json:"path"`
	Base64 string `json:"base64"`
}

func read(chart string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(chart, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(chart, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		files = append(files, file{filepath.ToSlash(name), base64.StdEncoding.EncodeToString(content)})
		return err
	})
	return files, err
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: timeout CHART")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, chart string) error {
	files, err := read(chart)
	if err != nil {
		return err
	}
	core, err := backstay.LoadFile(ctx, "")
	if err != nil {
		return err
	}
	defer core.Close(ctx)
	var rendered struct{ Manifest string }
	if err := core.Call(ctx, "render", map[string]any{"files": files, "release": "shop"}, &rendered); err != nil {
		return err
	}
	var answer struct{ Text string }
	input := map[string]any{"manifest": rendered.Manifest, "install": true}
	if err := core.Call(ctx, "timeout", input, &answer); err != nil {
		return err
	}
	fmt.Println(answer.Text)
	return nil
}
