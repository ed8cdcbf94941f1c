#!/bin/sh
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

repeat 0c15ea06 no-lost-payment payquake repro payquake-results/test-1 0c15ea06
exit $missed
