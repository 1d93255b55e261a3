# SPDX-License-Identifier: GPL-2.0-or-later
#
# Checks the rules of KTAP that the kernel's parsers depend on (Documentation/dev-tools/ktap.rst):
# version line, plan, numbers in order, no more tests than planned, and no "#" in a name. Prints what
# is wrong, and then "N of M": the tests that ended, and those that were planned. A file with fewer
# tests than planned is no mistake, since the run may have been killed.

function wrong(text) { print "line " NR ": " text; bad = 1 }
function close_level(depth) {
	if (depth in plan && depth > 0 && seen[depth] != plan[depth])
		wrong(seen[depth] " subtests, but " plan[depth] " planned")
	delete plan[depth]; delete seen[depth]
}

{ match($0, /^ */); depth = RLENGTH / 2; text = substr($0, RLENGTH + 1) }
NR == 1 && text != "KTAP version 1" { wrong("no version line") }
text ~ /^#/ { next }
text == "KTAP version 1" { if (depth in plan) wrong("a second version line"); next }
text ~ /^1\.\.[0-9]+$/ {
	if (depth in plan)
		wrong("a second plan")
	plan[depth] = substr(text, 4) + 0; seen[depth] = 0
	if (depth > 0 && plan[depth] == 0)
		wrong("a plan without tests")
	next
}
text ~ /^(not )?ok [0-9]+ [^#]+( # (SKIP|XFAIL|TIMEOUT|ERROR|TODO)( .*)?)?$/ {
	if (!(depth in plan)) { wrong("a result without a plan"); next }
	close_level(depth + 1)
	number = text; sub(/^(not )?ok /, "", number)
	if (number + 0 != ++seen[depth])
		wrong("number " number + 0 ", not " seen[depth])
	if (seen[depth] > plan[depth])
		wrong("more tests than planned")
	next
}
{ wrong("no line of KTAP: " $0) }
END {
	if (!(0 in plan))
		wrong("no plan")
	print seen[0] + 0 " of " plan[0] + 0
	exit bad
}
