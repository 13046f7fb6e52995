//go:build ignore

// Writes the table of mod.rs from Go's own: go run regenerate.go, here, with the Go that Helm is built with.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"unicode"
)

func zigzag(n rune) uint64 {
	return uint64(uint32(n<<1) ^ uint32(n>>31))
}

func write(path string, content []byte) {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		panic(err)
	}
}

func main() {
	var out []byte
	last := uint32(0)
	for _, one := range unicode.CaseRanges {
		out = binary.AppendUvarint(out, uint64(one.Lo-last))
		length := uint64(one.Hi-one.Lo) << 1
		if one.Delta[unicode.UpperCase] > unicode.MaxRune {
			out = binary.AppendUvarint(out, length|1)
		} else {
			out = binary.AppendUvarint(out, length)
			out = binary.AppendUvarint(out, zigzag(one.Delta[unicode.UpperCase]))
			out = binary.AppendUvarint(out, zigzag(one.Delta[unicode.LowerCase]))
		}
		last = one.Hi
	}
	write("cases.bin", out)
	// For each 256 characters of which some change: the first, and the sums of the upper and of the lower ones.
	var answers bytes.Buffer
	for from := rune(0); from < unicode.MaxRune; from += 256 {
		plain, upper, lower := 0, 0, 0
		for c := from; c < from+256; c++ {
			plain, upper, lower = plain+int(c), upper+int(unicode.ToUpper(c)), lower+int(unicode.ToLower(c))
		}
		if upper != plain || lower != plain {
			fmt.Fprintf(&answers, "%d %d %d\n", from, upper, lower)
		}
	}
	write("answers.txt", answers.Bytes())
}
