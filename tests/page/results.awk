# SPDX-License-Identifier: GPL-2.0-or-later
#
# Writes the results of an invented run, for tests/report.sh: 600 cases, 50 programs under 12 plans, each
# with 60 tests and 20 migrations. Each 15th case has failed, with a full story and console lines that
# try to inject markup.
#
# With -v fine=1 no case has failed.
#
# Usage: awk [-v fine=1] -f tests/page/results.awk </dev/null

function hostile(n) {
	return "FAIL: test_7: </script><img src=x onerror='pwned=1'><!-- \\u0001\\u001b[31m \\\"&amp; " n
}

function test(name, cpu, verdict, at,    text) {
	text = sprintf("{\"test\":\"%s\",\"cpu\":%d,\"round\":1,\"verdict\":\"%s\",\"checks\":5," \
		"\"at_ns\":%d000000,\"duration_ns\":95000000", name, cpu, verdict, at)
	if (verdict == "fail")
		text = text sprintf(",\"failed_at_ns\":%d000000,\"reason\":\"%s\"", at + 50, hostile(1))
	if (verdict == "xfail")
		text = text ",\"issue\":\"pit-late\",\"reason\":\"the PIT is late\""
	return text "}"
}

function migration(at) {
	return sprintf("{\"action\":\"migration\",\"started_ns\":%d000000,\"at_ns\":%d000000," \
		"\"total_ns\":60000000,\"pause_min_ns\":3000000,\"pause_max_ns\":9000000," \
		"\"stopped_at_ns\":%d000000,\"bytes\":700000,\"passes\":2,\"passes_at_ns\":[%d000000,%d000000]," \
		"\"pages_sent\":32860,\"pages_in_ram\":32850}", 1795957828000 + at, at, at + 50, at + 2, at + 51)
}

# The failure is at line 107 of the console.
function story(    text, i) {
	text = "{\"console\":["
	for (i = 78; i <= 117; i++)
		text = text sprintf("%s{\"at_ns\":%d000000,\"line\":%d,%s\"text\":\"%s\"}", i > 78 ? "," : "",
			i * 7, i, i == 107 ? "\"cause\":1," : "", i == 107 ? hostile(1) : hostile(i))
	text = text "],\"control\":["
	for (i = 1; i <= 30; i++)
		text = text sprintf("%s{\"at_ns\":%d000000,\"line\":%d,\"text\":\"1< {\\\"return\\\": {\\\"n\\\": %d}}\"}",
			i > 1 ? "," : "", i * 20, i, i)
	text = text "],\"clocks\":[{\"clock\":\"kvmclock on CPU 0\",\"points\":["
	for (i = 0; i < 40; i++)
		text = text sprintf("%s[%d00000000,%d,%d,%d]", i ? "," : "", i, -i * 100000, -i * 90000, i * 120000)
	text = text "]}],\"timers\":[{\"timer\":\"the PIT on CPU 1\",\"armed_at_ns\":500000000,\"armed_ns\":55000000," \
		"\"periodic\":1,\"until_ns\":1600000000,\"fired\":20,\"due_at_ns\":["
	for (i = 1; i <= 20; i++)
		text = text (i > 1 ? "," : "") 500000000 + i * 55000000
	text = text "],\"firings\":["
	for (i = 1; i <= 20; i++)
		text = text sprintf("%s[%d,%d]", i > 1 ? "," : "", 500000000 + i * 55500000, i * 500000)
	return text "]}]}"
}

function one(program, plan, red,    text, i) {
	text = sprintf("{\"case\":\"%s/%s\",\"program\":\"%s\",\"plan\":\"%s\",\"verdict\":\"%s\"", \
		program, plan, program, plan, red ? "FAIL" : "PASS")
	if (red)
		text = text ",\"kind\":\"check\",\"reason\":\"" hostile(1) "\",\"story\":" story()
	text = text ",\"host\":\"local\",\"vmm\":\"qemu\",\"accel\":\"kvm\",\"kernel\":\"6.1\",\"timescale\":1.0," \
		"\"run_seed\":1,\"started_ns\":1795957828000000000,\"duration_ns\":6000000000,\"checks\":300,\"tests\":["
	for (i = 0; i < 60; i++)
		text = text (i ? "," : "") test(program "_test_" i, i % 2,
			red && i == 7 ? "fail" : red && i == 8 ? "xfail" : "pass", i * 100)
	text = text "],\"moves\":["
	for (i = 0; i < 20; i++)
		text = text (i ? "," : "") migration(i * 300)
	return text "],\"schema\":1,\"ferry\":\"v1\"}"
}

BEGIN {
	plans = split("none pause precopy postcopy postcopy-recover srckill cancel dstkill reset storm " \
		"snapshot bgsnapshot", plan, " ")
	for (program = 1; program <= 50; program++)
		for (i = 1; i <= plans; i++)
			print one("program_" program, plan[i], !fine && (program * plans + i) % 15 == 0)
}
