#!/usr/bin/env python3
"""Stands in for the `aws` command in the tests of scripts: answers by a table and notes every call.

ANSWERS names a JSON file: a list of [words that the call must hold, outputs]; the first row whose
words all stand in the call answers. Each call takes the next output, and the last one stays. An
output that begins with `!` is an error: its text goes to stderr and the call fails. A call that no
row knows fails loudly. CALLS names the file of calls: one JSON object a line, with the words, the
profile, and the content of each `file://` that the call names.
"""
import json, os, pathlib, sys

words = sys.argv[1:]
files = {
    word: pathlib.Path(word.removeprefix("file://")).read_text()
    for word in words if word.startswith("file://")
}
with open(os.environ["CALLS"], "a") as calls:
    note = {"words": words, "profile": os.environ.get("AWS_PROFILE"), "files": files}
    calls.write(json.dumps(note) + "\n")

table = pathlib.Path(os.environ["ANSWERS"])
rows = json.loads(table.read_text())
for row in rows:
    needed, outputs = row
    if all(any(part in word for word in words) for part in needed.split()):
        output = outputs[0]
        if len(outputs) > 1:
            row[1] = outputs[1:]
            table.write_text(json.dumps(rows))
        if output.startswith("!"):
            print(output[1:], file=sys.stderr)
            sys.exit(254)
        if output:
            print(output)
        sys.exit(0)
print("the stand-in for aws does not know:", *words, file=sys.stderr)
sys.exit(3)
