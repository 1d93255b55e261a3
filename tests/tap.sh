# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Results of a test script in the Test Anything Protocol. The script that sources this has a function
# clues(), which prints output that helps to understand a failure, and prints its plan, 1..N, itself.
# `failed` is the number of failed checks.

number=0 failed=0
# check WHAT COMMAND...: prints a result: ok if the command succeeds
check() {
	what=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $what"
	else
		failed=$((failed + 1))
		echo "not ok $number - $what"
		clues 2>/dev/null | sed 's/^/# /'
	fi
}
