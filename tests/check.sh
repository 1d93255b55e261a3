#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs the project's own tests, which "make check" has built, and some quick cases of the suite. All of
# them print the Test Anything Protocol. The last line counts the results. A case that fails only as
# known-issues.cfg says counts as passed, and the line before the last says how many such cases there
# were.
#
# Usage: tests/check.sh BUILD [units]
#
# With "units", only the unit tests run.

set -u
build=${1:?usage: tests/check.sh BUILD [units]}
tests=$build/tests
# formats.sh looks for the lab kernel's source in the user's own cache.
FERRY_USER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}
# With these folders ferry keeps the measured host speed here, and not in the user's home, and does not
# read the user's configuration.
XDG_CACHE_HOME=$tests/cache
XDG_CONFIG_HOME=$tests/config
FERRY_BUILD=$build
export FERRY_USER_CACHE XDG_CACHE_HOME XDG_CONFIG_HOME FERRY_BUILD

passed=0
failed=0
skipped=0
known=0

# count PATTERN FILE: how many lines match
count() {
	grep -c -E "$1" "$2" || true
}

# run NAME COMMAND...: runs a program that prints TAP, and adds up its results. A test that
# was planned and has no result counts as failed, and a known failure (TODO) as passed.
run() {
	name=$1
	shift
	output=$tests/$name.tap
	"$@" >"$output" 2>"$tests/$name.err" </dev/null
	status=$?
	skips=$(count '^ok .*# SKIP' "$output")
	todo=$(count '^not ok .*# TODO' "$output")
	good=$(($(count '^ok ' "$output") - skips + todo))
	bad=$(($(count '^not ok ' "$output") - todo))
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$output" | head -n 1)
	missing=$((${planned:-1} - good - bad - skips))
	if [ "$missing" -gt 0 ]; then
		echo "$name: $missing tests did not end; exit status $status; see $output and $tests/$name.err"
		tail -n 3 "$tests/$name.err"
		bad=$((bad + missing))
	elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "$name: exit status $status though all passed; see $output and $tests/$name.err"
		bad=1
	fi
	sed -n '/^not ok /,/^\(ok\|not ok\) /{/^ok /!p}; /# SKIP/p' "$output" | awk '!seen[$0]++'
	printf '%-20s %s passed, %s failed, %s skipped\n' "$name" "$good" "$bad" "$skips"
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skips))
	known=$((known + todo))
}

# quick ACCEL PLANS: runs a few programs of the suite under these plans
quick() {
	run "quick-$1" "$build/ferry" run --tap --accel "$1" --plan "$2" \
		--logdir "$build/check-logs/$1" selftest console kvmclock
}

mkdir -p "$tests"
for program in "$tests"/unit-*; do
	case $program in
	*.*) continue ;;
	esac
	run "$(basename "$program")" "$program" --tap
done
if [ "${2-}" != units ]; then
	# QEMU 7.2's TCG loses writes in live migrations (docs/findings.md).
	quick tcg none,pause,reset
	# OVMF takes seconds to boot on TCG, so only a few cases run. docs/uefi.md has the command
	# for all of them.
	if [ -e "$build/x86/uefi.efi" ] && [ -d /usr/share/qemu/firmware ]; then
		run quick-uefi "$build/ferry" run --tap --accel tcg --firmware uefi \
			--logdir "$build/check-logs/uefi" selftest/none uefi/none uefi/snapshot dma_up/none
	else
		echo "quick-uefi: skipped: no gnu-efi or no OVMF ('scripts/packages --install efi' brings both)"
		skipped=$((skipped + 1))
	fi
	# If KVM cannot be used, ferry says why.
	if why=$("$build/ferry" list --accel kvm selftest 2>&1 >/dev/null); then
		quick kvm none,precopy,reset
	else
		echo "quick-kvm: skipped: $why"
		skipped=$((skipped + 1))
	fi
	run faults "$tests/faults" "$build"
	run formats tests/formats.sh "$build"
	run report tests/report.sh "$build"
	run lab tests/lab.sh
	run build-kernel tests/build-kernel.sh
	run build-qemu tests/build-qemu.sh
	run find-kernel tests/find-kernel.sh
	run unpack-kernel tests/unpack-kernel.sh
	run packages tests/packages.sh
	run soak tests/soak.sh
	run sweep tests/sweep.sh
	run bisect tests/bisect.sh "$build"
	run vmm tests/vmm.sh "$build"
	run install tests/install.sh "$build"
fi

[ "$known" -eq 0 ] || echo "$known of the passed cases failed, but only as known-issues.cfg says"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
