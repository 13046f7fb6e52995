#!/bin/sh
# Writes answers.jsonl: what Go's text/template says to every line of questions.txt (a `\n` outside of quotes ends a line there).
set -e
cd "$(dirname "$0")"
python3 - <<'P' | go run answer.go data.json > answers.jsonl
import json
for line in open("questions.txt", encoding="utf-8"):
    line = line.rstrip("\n")
    parts = line.split('"')
    line = '"'.join(p.replace("\\n", "\n") if i % 2 == 0 and "'" not in p else p for i, p in enumerate(parts))
    print(json.dumps({"t": line}, ensure_ascii=False))
P
