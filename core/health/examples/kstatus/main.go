// Measures kstatus on the objects given on standard input, one JSON object a line; beside readiness_cost.rs.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const rounds = 201

func main() {
	var objects []*unstructured.Unstructured
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		objects = append(objects, object)
	}
	took := make([]int64, rounds)
	current := 0
	for round := range took {
		begin := time.Now()
		for _, object := range objects {
			if result, err := status.Compute(object); err == nil && result.Status == status.CurrentStatus {
				current++
			}
		}
		took[round] = time.Since(begin).Nanoseconds()
	}
	sort.Slice(took, func(left, right int) bool { return took[left] < took[right] })
	fmt.Printf("%d objects, %d ns each, %d current\n", len(objects), took[0]/int64(len(objects)), current/rounds)
}
