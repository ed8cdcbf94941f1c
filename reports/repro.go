package reports

import (
	"bytes"
	"fmt"
	"strings"
)

// reproHead defines repeat. A command that only looks at the exit code would
// call any red run a reproduction, so the finding's own line is looked for in
// what the command prints: the identity is the same in every run.
const reproHead = `#!/bin/sh
# Repeats the findings of a payquake run, one line each.
#   ./repro.sh        every finding
#   ./repro.sh ID     one finding
# Exit 0: each was seen again. Exit 1: at least one was not.
set -u
only=${1:-}
missed=0
repeat() {
	id=$1; invariant=$2; shift 2
	[ -z "$only" ] || [ "$only" = "$id" ] || return 0
	said=$("$@" 2>&1); code=$?
	if [ "$code" -eq 1 ] && printf '%s\n' "$said" | grep -q "^ *finding $id .*$invariant"; then
		echo "$id $invariant: seen again"
	else
		printf '%s\n' "$said"
		echo "$id $invariant: not seen again (exit $code)"; missed=1
	fi
}

`

func repro(s *survey) ([]byte, error) {
	var script bytes.Buffer
	script.WriteString(reproHead)
	if len(s.verdict.Findings) == 0 {
		script.WriteString("echo 'this run has no findings'\n")
	}
	for _, finding := range s.verdict.Findings {
		fmt.Fprintf(&script, "repeat %s %s %s\n", word(finding.ID), word(finding.Invariant), Clean(finding.Repeat))
	}
	script.WriteString("exit $missed\n")
	return script.Bytes(), nil
}

// word keeps of an identity what needs no quoting in a shell or an expression
// of grep.
func word(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, text)
}
