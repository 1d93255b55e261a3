#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Checks the results of real runs, one of which is killed. The script has rules of its own: KTAP's in
# tests/ktap.awk, and with xmllint those of Jenkins' schema of JUnit. It also uses the formats' usual
# readers if they are installed:
#
#   KTAP    the kernel's tools/testing/kunit/kunit_parser.py, of the lab kernel's source (ferry lab
#           kernel --small) or of the folder tools/testing/kunit that KUNIT names
#   JUnit   Python's junitparser (Debian's python3-junitparser)
#   KCIDB   Python's kcidb_io (pip install kcidb-io, or a checkout that PYTHONPATH names), which has
#           the schema
#
# Without a reader its checks are skipped, and the line says how to install it. Prints the Test Anything
# Protocol.
#
# Usage: tests/formats.sh BUILD

set -u
build=${1:?usage: tests/formats.sh BUILD}
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
runner=
trap '[ -z "$runner" ] || kill -9 "$runner" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	tail -n 20 "$dir"/*.ktap "$dir"/*.xml "$dir"/*.kcidb "$dir"/*.out "$dir"/reader
}

# check_if WHAT_IS_MISSING WHAT COMMAND...: prints one result, skipped unless the first is empty
check_if() {
	if [ -z "$1" ]; then
		shift
		check "$@"
	else
		number=$((number + 1))
		echo "ok $number - $2 # SKIP $1"
	fi
}

# ---- readers ----

# Prints a Python that has the module, or nothing.
python_with() {
	for python in python3 /usr/bin/python3; do
		"$python" -c "import $1" 2>/dev/null && echo "$python" && return
	done
}

# check.sh gives us a cache of our own; the lab kernel is in the user's.
cache=${FERRY_USER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}
no_kunit='no kunit_parser.py: build the small lab kernel, or set KUNIT to a tools/testing/kunit'
for kunit in "${KUNIT-}" "$cache"/ferry/kernel/*/source/tools/testing/kunit; do
	PYTHONPATH=$kunit python3 -c 'import kunit_parser' 2>/dev/null && no_kunit='' && break
done
no_xmllint='no xmllint'
command -v xmllint >/dev/null && no_xmllint=''
no_junitparser='no junitparser for Python: apt-get install python3-junitparser'
junit_python=$(python_with junitparser)
[ -z "$junit_python" ] || no_junitparser=''
no_kcidb='no kcidb_io for Python: pip install kcidb-io, or name a checkout in PYTHONPATH'
kcidb_python=$(python_with kcidb_io)
[ -z "$kcidb_python" ] || no_kcidb=''

# ktap FILE COUNTS: valid, with these counts of cases
ktap() {
	[ "$(awk -f "$top/tests/ktap.awk" "$1")" = "$2" ]
}

# kunit FILE ERRORS CASES: the kernel's parser finds this many errors and cases
kunit() {
	PYTHONPATH=$kunit python3 - "$@" >"$dir/reader" 2>&1 <<'PYTHON'
import inspect, sys
import kunit_parser

lines = open(sys.argv[1])
arguments = [kunit_parser.extract_tap_lines(lines)]
# Since Linux 6.15 the parser takes a printer as an argument.
if len(inspect.signature(kunit_parser.parse_run_tests).parameters) > 1:
    from kunit_printer import stdout
    arguments.append(stdout)
test = kunit_parser.parse_run_tests(*arguments)
print(test.counts.errors, len(test.subtests))
sys.exit([test.counts.errors, len(test.subtests)] != [int(n) for n in sys.argv[2:]])
PYTHON
}

junit() {
	xmllint --noout "$1"
}

# value XPATH FILE
value() {
	xmllint --xpath "$1" "$2"
}

# Jenkins' schema demands a name and a count in each testsuite, and a name in each testcase.
demands() {
	[ "$(value 'count(//testsuite[not(@name) or not(@tests)]) + count(//testcase[not(@name)])' \
		"$1")" = 0 ] &&
		[ "$(value 'count(/testsuites)' "$1")" = 1 ] &&
		[ "$(value 'sum(//testsuite/@tests) = count(//testcase)' "$1")" = true ] &&
		[ "$(value 'sum(//testsuite/@failures) = count(//failure)' "$1")" = true ] &&
		[ "$(value 'sum(//testsuite/@errors) = count(//error)' "$1")" = true ]
}

# missing FILE MESSAGE: the JUnit file reports missing cases with this message; "" stands for none
missing() {
	[ "$(value 'string(//testsuite[@name="missing"]//error/@message)' "$1")" = "$2" ]
}

# junit_read FILE ERRORS SUITES: junitparser finds this many errors and testsuites
junit_read() {
	"$junit_python" - "$@" >"$dir/reader" 2>&1 <<'PYTHON'
import sys
import junitparser

suites = list(junitparser.JUnitXml.fromfile(sys.argv[1]))
for suite in suites:
    counted = [suite.tests, suite.failures, suite.errors, suite.skipped]
    suite.update_statistics()
    assert counted == [suite.tests, suite.failures, suite.errors, suite.skipped], suite.name
errors = sum(suite.errors for suite in suites)
print(errors, len(suites))
sys.exit([errors, len(suites)] != [int(n) for n in sys.argv[2:]])
PYTHON
}

# kcidb FILE MISSING CASES [INCIDENTS]: the file is valid, and has this many missing test runs, cases and
# incidents (default: 0)
kcidb() {
	"$kcidb_python" - "$@" >"$dir/reader" 2>&1 <<'PYTHON'
import json, sys
import kcidb_io

report = json.load(open(sys.argv[1]))
kcidb_io.schema.LATEST.validate(report)
tests = report["tests"]
assert len({test["id"] for test in tests}) == len(tests), "an ID came twice"
for ids, links in (("builds", [test["build_id"] for test in tests]),
                   ("checkouts", [build["checkout_id"] for build in report["builds"]])):
    assert set(links) <= {thing["id"] for thing in report[ids]}, ids
counts = [sum(test["status"] == "MISS" for test in tests),
          sum("environment" in test for test in tests),
          len(report["incidents"])]
print(*counts)
sys.exit(counts != [int(n) for n in (sys.argv[2:] + ["0"])[:3]])
PYTHON
}

# ---- runs ----

# run NAME ARGUMENT...: writes NAME.ktap, NAME.xml and NAME.kcidb
run() {
	name=$1
	shift
	exec "$build/ferry" run --accel tcg --jobs 1 --logdir "$dir/logs" --ktap "$dir/$name.ktap" \
		--junit "$dir/$name.xml" --kcidb "$dir/$name.kcidb" --kcidb-origin someci "$@" \
		>"$dir/$name.lines" 2>"$dir/$name.out"
}

echo 1..17
(run whole selftest/none selftest/pause)
check "KTAP of a run" ktap "$dir/whole.ktap" "2 of 2"
check "it has subtests" grep -q '^  ok 1 ' "$dir/whole.ktap"
check_if "$no_kunit" "the kernel's parser reads it" kunit "$dir/whole.ktap" 0 2
check_if "$no_xmllint" "JUnit of a run" junit "$dir/whole.xml"
check_if "$no_xmllint" "it has what readers demand" demands "$dir/whole.xml"
check_if "$no_xmllint" "nothing is missing" missing "$dir/whole.xml" ""
check_if "$no_junitparser" "junitparser reads it" junit_read "$dir/whole.xml" 0 2
check_if "$no_kcidb" "KCIDB accepts its JSON" kcidb "$dir/whole.kcidb" 0 2
# A known failure is an XFAIL in KTAP, and in KCIDB an incident of an issue.
cat >"$dir/issues" <<'END'
[some-bug]
case = misbehave/none
test = failing_check
host = *
reason = two is not three
evidence = nowhere
END
(run known misbehave/none --arg test=failing_check --known-issues "$dir/issues")
check_if "$no_kunit" "the kernel's parser reads a known failure" kunit "$dir/known.ktap" 0 1
check_if "$no_kcidb" "KCIDB accepts a known failure" kcidb "$dir/known.kcidb" 0 1 2
# This kills a run when its first case has ended. Its second case is still running then. Lines for people
# are written after those in files.
mkfifo "$dir/killed.lines"
# A run that is killed leaves the folder of its sockets behind, so that folder is in DIR.
(TMPDIR=$dir run killed selftest/none selftest/storm --moves 2000) &
runner=$!
grep -m 1 '^PASS' "$dir/killed.lines" >/dev/null
kill -9 $runner
wait $runner 2>/dev/null
runner=
rm "$dir/killed.lines"
check "KTAP of a run that was killed" ktap "$dir/killed.ktap" "1 of 2"
# The parser counts the missing rest as one more test, which crashed.
check_if "$no_kunit" "the kernel's parser sees what is missing" kunit "$dir/killed.ktap" 1 2
check_if "$no_xmllint" "JUnit of a run that was killed" junit "$dir/killed.xml"
check_if "$no_xmllint" "it has what readers demand, too" demands "$dir/killed.xml"
check_if "$no_xmllint" "and says what is missing" missing "$dir/killed.xml" \
	"1 cases have no verdict: the run has not ended"
check_if "$no_junitparser" "junitparser sees it" junit_read "$dir/killed.xml" 1 2
check_if "$no_kcidb" "KCIDB accepts its JSON, which says it, too" kcidb "$dir/killed.kcidb" 1 1
