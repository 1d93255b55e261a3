#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs ferry-vmm by hand, and looks at what it says of bad input: one line that begins with
# "ferry-vmm: ", and the exit status. What needs KVM is skipped without it.
#
# Usage: tests/vmm.sh BUILD

set -u
build=${1:?usage: tests/vmm.sh BUILD}
vmm=$build/ferry-vmm
guest=$build/x86/selftest.flat
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

clues() {
	cat "$work/errors"
}

# run ARGUMENT...: leaves status, output and errors
run() {
	status=0
	timeout 60 "$vmm" "$@" >"$work/output" 2>"$work/errors" </dev/null || status=$?
}

# says STATUS TEXT ARGUMENT...: the run ends with STATUS, and its only line on stderr has TEXT
says() {
	wanted=$1
	text=$2
	shift 2
	run "$@"
	[ "$status" -eq "$wanted" ] && [ "$(wc -l <"$work/errors")" -eq 1 ] &&
		grep -q "^ferry-vmm: " "$work/errors" && grep -qF -- "$text" "$work/errors"
}

# with_kvm WHAT COMMAND...: check(), or a skip without KVM
with_kvm() {
	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		check "$@"
	else
		number=$((number + 1))
		echo "ok $number - $1 # SKIP no /dev/kvm that can be used"
	fi
}

# ---- bad input ----

help_fits() {
	run --help
	[ "$status" -eq 0 ] && [ "$(wc -l <"$work/output")" -le 24 ] &&
		! grep -q '.\{81\}' "$work/output"
}
check "--help fits a screen of 24 lines with 80 columns" help_fits
check "no image" says 2 "name one image"
check "an image that is not there" says 2 "No such file" "$work/nothing"
check "a folder instead of an image" says 2 "is no regular file" "$work"
check "an unknown CPU feature" says 2 "does not know 'svmm'" --cpu max,+svmm "$guest"
check "an unknown part of Hyper-V" says 2 "hv-synick" --hyperv hv-synick "$guest"
check "the same without hv-" says 2 "'synick'" --hyperv vpindex,synick "$guest"
check "a part of Hyper-V that needs another one" says 2 "hv-synic needs hv-vpindex" \
	--cpu host,hv-synic "$guest"
check "a vendor that is too long" says 2 "has 12 letters" --cpu vendor=GenuineIntelInside "$guest"
check "too many vCPUs" says 2 "from 1 to 255" --cpus 1000 "$guest"
check "too much memory" says 2 "from 8 to 3072" --memory 100000 "$guest"
check "one vCPU only without interrupt controllers" says 2 "one vCPU" \
	--irqchip off --cpus 2 "$guest"

check "a device that is not there" says 2 "No such file" --device "$work/kvm" "$guest"
check "a device that is no KVM" says 2 "is no KVM" --device /dev/null "$guest"

without_permission() {
	: >"$work/kvm"
	chmod 0 "$work/kvm"
	says 2 "no permission" --device "$work/kvm" "$guest"
}
# Root may open everything.
if [ "$(id -u)" -ne 0 ]; then
	check "a device without permission" without_permission
else
	number=$((number + 1))
	echo "ok $number - a device without permission # SKIP root may open it"
fi

head -c 65536 /dev/zero >"$work/zeros"
check "a file that is no multiboot image" says 2 "is no multiboot image" "$work/zeros"
: >"$work/empty"
check "an empty file" says 2 "is no multiboot image" "$work/empty"
head -c 20000 "$guest" >"$work/cut"
with_kvm "an image that was cut off" says 2 "is damaged" "$work/cut"
long=$(head -c 5000 /dev/zero | tr '\0' x)
with_kvm "a command line that is too long" says 2 "command line is too long" --append "$long" "$guest"

# ---- guests ----

# ends STATUS TEXT ARGUMENT...: the guest ends with STATUS, and has printed TEXT
ends() {
	wanted=$1
	text=$2
	shift 2
	run "$@"
	cat "$work/output" >>"$work/errors"
	[ "$status" -eq "$wanted" ] && grep -qF -- "$text" "$work/output"
}

with_kvm "a guest with two vCPUs" ends 1 "PASS: ipi_to_each: IPIs to 2 CPUs" \
	--cpus 2 -append test=ipi_to_each "$guest"
with_kvm "a guest sees a feature that was taken, as missing" ends 155 "verdict=skip" \
	--cpu max,-x2apic --append test=apic_modes "$guest"

# ---- cycles ----

# What the runner gets is the last line, which names the register.
with_kvm "a register that was not restored" says 4 "vCPU 0: regs.rsp was 0x" \
	--cycle exit --forget regs.rsp "$guest"
several() {
	run --cycle exit --forget regs "$guest"
	[ "$status" -eq 4 ] && [ "$(wc -l <"$work/errors")" -gt 1 ] &&
		tail -n 1 "$work/errors" | grep -q "regs\.[a-z0-9]* was 0x.* more differences)"
}
with_kvm "several of them" several

echo "1..$number"
