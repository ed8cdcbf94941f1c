#!/usr/bin/env bash
# Says which tools that some test needs are missing. With
# PAYQUAKE_REQUIRE_TOOLS=1 a missing one is an error.
set -u
missing=0
need() { # name, test command, what is left out without it
  if ! eval "$2" >/dev/null 2>&1; then echo "missing: $1 ($3)"; missing=1; fi
}
need "C compiler" 'command -v "$(go env CC)"' "tests run without the race detector"
need "Docker engine" '"${BIN:-bin/payquake}" clean' "container tests are left out"
need "Chromium" 'command -v chromium || command -v chromium-browser || command -v google-chrome' "browser tests are left out"
need "OpenSSL" 'command -v openssl' "signatures are checked by Go alone"
need "xmllint" 'command -v xmllint' "XML is checked by Go alone"
need "Python 3" 'command -v python3' "the example in Python is left out"
need "Node.js" 'command -v node' "the example in Node.js is left out"
need "PostgreSQL" 'ls /usr/lib/postgresql/*/bin/initdb || command -v initdb' "the merchant is tested on SQLite alone"
if [ "$missing" = 1 ] && [ "${PAYQUAKE_REQUIRE_TOOLS:-}" = 1 ]; then
  echo "PAYQUAKE_REQUIRE_TOOLS is set: missing tools are an error"
  exit 1
fi
exit 0
