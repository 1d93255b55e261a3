#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Looks at the results of real runs as their readers do: KTAP by its rules (tests/ktap.awk), JUnit
# by xmllint and by what Jenkins' schema demands. One of the runs is killed. Prints the Test Anything
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
	tail -n 20 "$dir"/*.ktap "$dir"/*.xml "$dir"/*.out
}

# ktap FILE COUNTS: valid, with these counts of cases
ktap() {
	[ "$(awk -f "$top/tests/ktap.awk" "$1")" = "$2" ]
}

junit() {
	xmllint --noout "$1"
}

# value XPATH FILE
value() {
	xmllint --xpath "$1" "$2"
}

# Jenkins' schema wants a name and a count in each testsuite, and a name in each testcase.
demands() {
	[ "$(value 'count(//testsuite[not(@name) or not(@tests)]) + count(//testcase[not(@name)])' \
		"$1")" = 0 ] &&
		[ "$(value 'count(/testsuites)' "$1")" = 1 ] &&
		[ "$(value 'sum(//testsuite/@tests) = count(//testcase)' "$1")" = true ] &&
		[ "$(value 'sum(//testsuite/@failures) = count(//failure)' "$1")" = true ] &&
		[ "$(value 'sum(//testsuite/@errors) = count(//error)' "$1")" = true ]
}

# run NAME ARGUMENT...: writes NAME.ktap and NAME.xml
run() {
	name=$1
	shift
	exec "$build/ferry" run --accel tcg --jobs 1 --logdir "$dir/logs" --ktap "$dir/$name.ktap" \
		--junit "$dir/$name.xml" "$@" >"$dir/$name.lines" 2>"$dir/$name.out"
}

echo 1..9
(run whole selftest/none selftest/pause)
check "KTAP of a run" ktap "$dir/whole.ktap" "2 of 2"
check "it has subtests" grep -q '^  ok 1 ' "$dir/whole.ktap"
have_xmllint=$(command -v xmllint || true)
if [ -n "$have_xmllint" ]; then
	check "JUnit of a run" junit "$dir/whole.xml"
	check "it has what readers demand" demands "$dir/whole.xml"
	check "nothing is missing" [ "$(value 'count(//testsuite[@name="missing"])' "$dir/whole.xml")" = 0 ]
else
	for what in "JUnit of a run" "it has what readers demand" "nothing is missing"; do
		number=$((number + 1))
		echo "ok $number - $what # SKIP no xmllint"
	done
fi
# The second case takes longer than it takes to see that the first has ended.
# The lines for people come after those in files.
mkfifo "$dir/killed.lines"
(run killed selftest/none selftest/storm --moves 2000) &
runner=$!
grep -m 1 '^PASS' "$dir/killed.lines" >/dev/null
kill -9 $runner
wait $runner 2>/dev/null
runner=
check "KTAP of a run that was killed" ktap "$dir/killed.ktap" "1 of 2"
if [ -n "$have_xmllint" ]; then
	check "JUnit of a run that was killed" junit "$dir/killed.xml"
	check "it has what readers demand, too" demands "$dir/killed.xml"
	check "and says what is missing" [ "$(value \
		'string(//testsuite[@name="missing"]//error/@message)' "$dir/killed.xml")" = \
		"1 cases have no verdict: the run has not ended" ]
else
	for what in "JUnit of a run that was killed" "it has what readers demand, too" \
		"and says what is missing"; do
		number=$((number + 1))
		echo "ok $number - $what # SKIP no xmllint"
	done
fi
