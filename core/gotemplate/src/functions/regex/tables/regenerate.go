//go:build ignore

// Writes the tables of tables.rs from Go's own: go run regenerate.go, here, with the Go that Helm is built with.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"regexp/syntax"
	"sort"
	"strings"
	"unicode"
)

// canonical is the spelling that regexp/syntax looks names up in.
func canonical(name string) string {
	name = strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
	return strings.ToUpper(name[:1]) + name[1:]
}

func write(path string, content []byte) {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		panic(err)
	}
}

// folds: see Folds in tables.rs.
func folds() []byte {
	var out []byte
	last := rune(0)
	for c := rune(0); c <= unicode.MaxRune; c++ {
		members := []rune{c}
		for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
			members = append(members, next)
		}
		sort.Slice(members, func(a, b int) bool { return members[a] < members[b] })
		if len(members) == 1 || members[0] != c {
			continue
		}
		out = binary.AppendUvarint(out, uint64(c-last))
		out = append(out, byte(len(members)-1))
		for i := 1; i < len(members); i++ {
			out = binary.AppendUvarint(out, uint64(members[i]-members[i-1]))
		}
		last = c
	}
	return out
}

func runs(kind func(rune) byte) (out []byte) {
	from := rune(0)
	for c := rune(1); c <= unicode.MaxRune+1; c++ {
		if c > unicode.MaxRune || kind(c) != kind(from) {
			out = binary.AppendUvarint(out, uint64(c-from))
			out = append(out, kind(from))
			from = c
		}
	}
	return out
}

func sorted[V any](of map[string]V) (names []string) {
	for name := range of {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func classes() (out []byte, known []string) {
	// The categories that are no union of others.
	var base []string
	for _, name := range sorted(unicode.Categories) {
		if len(name) == 2 && name != "LC" {
			base = append(base, name)
		}
	}
	category := func(c rune) byte {
		for i, name := range base {
			if unicode.Is(unicode.Categories[name], c) {
				return byte(i)
			}
		}
		panic(c)
	}
	for _, name := range sorted(unicode.Categories) {
		names := []string{canonical(name)}
		for alias, meant := range unicode.CategoryAliases {
			if meant == name {
				names = append(names, canonical(alias))
			}
		}
		sort.Strings(names[1:])
		members := ""
		for i, one := range base {
			if first := unicode.Categories[one]; unicode.Is(unicode.Categories[name], sample(first)) {
				members += string(rune('A' + i))
			}
		}
		out = fmt.Appendf(out, "%s %s\n", members, strings.Join(names, " "))
		known = append(known, names...)
	}
	out = append(out, '\n')
	// Names of two words are never found: canonical drops what is between them.
	var scripts []string
	for _, name := range sorted(unicode.Scripts) {
		if name == canonical(name) {
			scripts = append(scripts, name)
			out = fmt.Appendf(out, "%s\n", name)
		}
	}
	out = append(out, '\n')
	known = append(known, scripts...)
	out = append(out, runs(category)...)
	out = append(out, runs(func(c rune) byte {
		for i, name := range scripts {
			if unicode.Is(unicode.Scripts[name], c) {
				return byte(i)
			}
		}
		return 255
	})...)
	return out, known
}

// sample is a character of a table.
func sample(table *unicode.RangeTable) rune {
	if len(table.R16) > 0 {
		return rune(table.R16[0].Lo)
	}
	return rune(table.R32[0].Lo)
}

// answer tells how many characters match an expression of one character, and the sum of their codes; without surrogates.
func answer(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "error"
	}
	set := parsed.Rune
	if parsed.Op == syntax.OpAnyChar {
		set = []rune{0, unicode.MaxRune}
	}
	if parsed.Op == syntax.OpLiteral {
		c := set[0]
		set = []rune{c, c}
		for next := unicode.SimpleFold(c); parsed.Flags&syntax.FoldCase != 0 && next != c; next = unicode.SimpleFold(next) {
			set = append(set, next, next)
		}
	}
	count, sum := 0, 0
	for i := 0; i < len(set); i += 2 {
		for c := set[i]; c <= set[i+1]; c++ {
			if c < 0xd800 || c > 0xdfff {
				count, sum = count+1, sum+int(c)
			}
		}
	}
	return fmt.Sprintf("%d\t%d", count, sum)
}

func main() {
	write("folds.bin", folds())
	table, known := classes()
	write("classes.bin", table)
	var patterns []string
	for _, name := range append(known, "Any", "ASCII", "Assigned", "greek", "UPPER-CASE letter", "_Lu", "isgreek", "Grek", "Old_Permic", "Zyyy", "Alphabetic", "") {
		patterns = append(patterns, `\p{`+name+`}`, `(?i)\p{^`+name+`}`, `(?i)[^\P{`+name+`}]`)
	}
	for _, one := range []string{`\pN`, `[[:^lower:]]`, `(?i)[[:^lower:]]`, `(?i)\w`, `(?i)\W`, `(?i)[\Wk]`, `(?i)[^K]`, `(?i)k`, `(?i)\x{1c4}`, `(?i)ß`, `(?i)-`, `(?i)[-]`, `(?i)[a-j\d]`, `(?i)[[:upper:]]`, `[^\x00-\x{10FFFF}]`, `(?i)[^\pL]`, `[\x{d000}-\x{f000}]`, `\D`, `(?i)\PL`} {
		patterns = append(patterns, one)
	}
	for from := 0; from < 0x1f000; from += 256 {
		pattern := fmt.Sprintf(`[\x{%x}-\x{%x}]`, from, from+255)
		if !(from >= 0xd800 && from < 0xe000) && answer(`(?i)`+pattern) != answer(pattern) {
			patterns = append(patterns, `(?i)`+pattern)
		}
	}
	var out bytes.Buffer
	for _, pattern := range patterns {
		fmt.Fprintf(&out, "%s\t%s\n", pattern, answer(pattern))
	}
	write("answers.txt", out.Bytes())
}
