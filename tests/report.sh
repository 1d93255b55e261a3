#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Uses pages of `ferry report` in a headless Chromium (or Chrome), by tests/page/driver.js: the page of a
# real run with a planted failure, and that of 600 invented cases, whose console lines try to inject
# markup. Without a browser only the size is checked, and the rest is skipped. Prints the Test Anything
# Protocol.
#
# Usage: tests/report.sh BUILD

set -u
build=${1:?usage: tests/report.sh BUILD}
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	cat "$dir/clues"
}

for browser in chromium chromium-browser google-chrome ''; do
	command -v "${browser:-sh}" >/dev/null && break
done

# browse OPTION... URL: prints the final page. Chromium's sandbox does not work for root; without it is safe
# here, since all pages are ours.
browse() {
	"$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$dir/profile" --virtual-time-budget=20000 --dump-dom "$@" 2>"$dir/clues"
}

# with_driver PAGE OUTPUT: adds the driver to the page. Removes the policy, which forbids all other scripts,
# since it would also hide a guest's script that gets into the page.
with_driver() {
	{
		sed '/http-equiv="Content-Security-Policy"/d; /^<\/body>/,$d' "$1"
		printf '<script>const expected = %s;\n' "$expected"
		cat "$top/tests/page/driver.js"
		printf '</script>\n</body>\n</html>\n'
	} >"$2"
}

# A window is at least 500 pixels wide, so a phone is a frame in one.
frame='<!DOCTYPE html><iframe src="driven.html" width="360" height="800"></iframe><script>
addEventListener("message", event => {
	document.body.replaceChildren(Object.assign(document.createElement("pre"), {textContent: event.data}));
});
</script>'
echo "$frame" >"$dir/framed.html"

# drive NAME PAGE OPTION...: prints a result for each check of the driver. `shown` is the file to open.
shown=driven.html
drive() {
	name=$1
	with_driver "$2" "$dir/driven.html"
	shift 2
	browse "$@" "file://$dir/$shown" >"$dir/dom"
	sed -n '/^ok - /p; /^not ok - /p' "$dir/dom" |
		sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' >"$dir/found"
	grep -q '^end of results' "$dir/dom" || echo "not ok - the page comes to its end" >>"$dir/found"
	cat "$dir/dom" >>"$dir/clues"
	while read -r line; do
		what=${line#*ok - }
		case $line in
		ok*) check "$name: ${what%% # *}" true ;;
		*)
			echo "${what#*# }" >"$dir/clues"
			check "$name: ${what%% # *}" false
			;;
		esac
	done <"$dir/found"
}

# report ARGUMENT...
# shellcheck disable=SC2317 # check calls it
report() {
	"$build/ferry" report "$@" >"$dir/clues" 2>&1
}

# smaller_than BYTES FILE
# shellcheck disable=SC2317 # check calls it
smaller_than() {
	[ "$(wc -c <"$2")" -lt "$1" ]
}

in_browser() {
	# The policy has to let our own script run.
	browse "file://$dir/real.html" >"$dir/dom"
	check "a browser shows the page as it is" grep -q "2 of 2 cases shown" "$dir/dom"
	expected='{cases: 2, red: 1, program: "misbehave", plan: "none", test: "failing_check",
		line: "FAIL: failing_check: two is \"three\""}'
	drive "a real run" "$dir/real.html"
	expected='{cases: 600, red: 40, timers: 20, program: "program_33", plan: "reset", test: "program_33_test_7",
		line: "FAIL: test_7: <\/script><img src=x onerror='"'pwned=1'"'><!-- \\x01\\x1b[31m \"&amp; 1"}'
	drive "600 cases" "$dir/many.html"
	alone=$expected
	expected="{...$alone, worse: 80}"
	drive "two runs" "$dir/both.html"
	expected=$alone
	shown=framed.html
	drive "on a phone" "$dir/many.html"
	shown=driven.html
	drive "in the dark" "$dir/many.html" --blink-settings=preferredColorScheme=0
}

: >"$dir/clues"
"$build/ferry" run misbehave/none selftest/none --accel tcg --arg 'test=failing_*' --arg 'test=ipi_*' \
	--logdir "$dir/logs" --json "$dir/real.json" >"$dir/clues" 2>&1
check "a real run has the planted failure" [ $? -eq 1 ]
check "a page of it" report "$dir/real.json" -o "$dir/real.html"
awk -f "$top/tests/page/results.awk" </dev/null >"$dir/many.json"
check "a page of 600 cases" report "$dir/many.json"
awk -v fine=1 -f "$top/tests/page/results.awk" </dev/null >"$dir/old.json"
check "a page of 600 cases before and now" report "$dir/old.json" "$dir/many.json" -o "$dir/both.html"
check "a page of 600 cases is smaller than 10 MB" smaller_than 10000000 "$dir/many.html"
if [ -n "$browser" ]; then
	in_browser
else
	number=$((number + 1))
	echo "ok $number - pages in a browser # SKIP no Chromium: apt-get install chromium"
fi
echo "1..$number"
exit $((failed > 0))
