#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs ferry-vmm without the runner. For bad input ferry-vmm must print one line that begins with
# "ferry-vmm: ", and exit with the right status. Without KVM, the checks that need KVM are skipped.
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
with_kvm "an unknown CPU feature" says 8 "does not know 'svmm'" --cpu max,+svmm "$guest"
check "an unknown part of Hyper-V" says 2 "hv-synick" --hyperv hv-synick "$guest"
check "an unknown part of Hyper-V, without hv-" says 2 "'synick'" --hyperv vpindex,synick "$guest"
check "a part of Hyper-V that needs another one" says 2 "hv-synic needs hv-vpindex" \
	--cpu host,hv-synic "$guest"
with_kvm "a vendor that is too long" says 2 "has 12 letters" --cpu vendor=GenuineIntelInside "$guest"
check "too many vCPUs" says 2 "from 1 to 255" --cpus 1000 "$guest"
check "too much memory" says 2 "from 8 to 3072" --memory 100000 "$guest"
check "two vCPUs without interrupt controllers" says 2 "one vCPU" \
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
with_kvm "a feature that --cpu takes away is missing in the guest" ends 155 "verdict=skip" \
	--cpu max,-x2apic --append test=apic_modes "$guest"

# ---- cycles ----

# The runner gets only the last line on stderr. It names the register.
with_kvm "a register that was not restored" says 4 "vCPU 0: regs.rsp was 0x" \
	--cycle exit --forget regs.rsp "$guest"
several() {
	run --cycle exit --forget regs "$guest"
	[ "$status" -eq 4 ] && [ "$(wc -l <"$work/errors")" -gt 1 ] &&
		tail -n 1 "$work/errors" | grep -q "regs\.[a-z0-9]* was 0x.* more differences)"
}
with_kvm "several registers that were not restored" several
with_kvm "a guest without interrupt controllers is restored" ends 1 "bye status=0" \
	--cycle exit --irqchip off --append test=string_to_number "$guest"

# notices PIECE PROGRAM TESTS ARGUMENT...: while PROGRAM runs TESTS, ferry-vmm notices that PIECE is
# not restored
notices() {
	piece=$1
	program=$build/x86/$2.flat
	tests=$3
	shift 3
	run --cycle exit --forget "$piece" --append "test=$tests timescale=10" "$@" "$program"
	[ "$status" -eq 4 ] && tail -n 1 "$work/errors" | grep -q ": ${piece%.*}[.:]"
}
# docs/native-vmm.md has a table of all pieces. Most others need guests that are nested, or that use
# Hyper-V's interface.
for piece in sregs clock lapic regs debugregs msrs events pic-master pic-slave pit \
	device device:serial; do
	with_kvm "$piece is not restored" notices "$piece" selftest registers_move_along
done
with_kvm "ioapic is not restored" notices ioapic selftest ioapic_moves_along
with_kvm "mp-state is not restored" notices mp-state selftest ipi_to_each --cpus 2
# selftest leaves x87 and SSE registers at their initial values, so a loss of them need not show.
with_kvm "xsave is not restored" notices xsave registers vectors

# ---- saved guests ----

saved=$work/saved
# saves_a_guest GUEST-OPTION...: leaves the saved guest in $saved
saves_a_guest() {
	run --save "$saved" "$@"
	[ "$status" -eq 0 ] && grep -q "the guest is saved in $saved" "$work/errors" &&
		[ -s "$saved" ] && [ ! -e "$saved.part" ]
}

goes_on_with() {
	ends 1 "bye status=0" --restore "$1" && grep -q "verdict=pass" "$work/output"
}

# damage NAME OFFSET: a copy of $saved called NAME with a wrong byte
damage() {
	cp "$saved" "$work/$1"
	printf '\377' | dd of="$work/$1" bs=1 seek="$2" conv=notrunc status=none
}

saves_without_room() {
	ln -s /dev/full "$work/full.part"
	says 2 "cannot save the guest in $work/full: No space left on device" \
		--save "$work/full" --append test=survives_a_move "$guest" &&
		[ ! -e "$work/full" ] && [ ! -L "$work/full.part" ]
}

with_kvm "a guest is saved when it asks to be migrated" saves_a_guest --cpus 2 \
	--append test=survives_a_move "$guest"
with_kvm "another process goes on with the saved guest" goes_on_with "$saved"
with_kvm "another process goes on with the saved guest once more" goes_on_with "$saved"
with_kvm "a guest that never asks is not saved" ends 1 "bye status=0" \
	--save "$work/never" --append test=string_to_number "$guest"
with_kvm "ferry-vmm says that it did not save such a guest" grep -q "was not written: the guest has ended without asking" "$work/errors"
with_kvm "no room for a saved guest" saves_without_room
with_kvm "no folder for a saved guest" says 2 "No such file or directory" \
	--save "$work/nowhere/saved" --append test=survives_a_move "$guest"
check "a saved guest that is not there" says 2 "cannot read $work/nothing: No such file" \
	--restore "$work/nothing"
check "an image instead of a saved guest" says 2 "is no saved guest" --restore "$guest"
check "an empty file instead of a saved guest" says 2 "is no saved guest" --restore "$work/empty"
if [ -s "$saved" ]; then
	damage version 8
	damage vendor 20
	damage boot 40
	damage memory 1000000
	head -c 1000000 "$saved" >"$work/short"
	check "a saved guest of another version" says 2 "and this ferry-vmm reads version 1" \
		--restore "$work/version"
	check "a saved guest of another vendor" says 2 "was saved on a CPU of" \
		--restore "$work/vendor"
	check "a saved guest of another boot" says 2 "before this one booted" \
		--restore "$work/boot"
	check "a saved guest with one wrong byte" says 2 "its checksum is wrong" \
		--restore "$work/memory"
	check "a saved guest that was cut off" says 2 "is cut off or damaged: it has 1000000 bytes" \
		--restore "$work/short"
fi

# ---- migrations within the process ----

check "--carry and --cycle together" says 2 "exclude each other" \
	--carry log --cycle kick "$guest"
check "--carry and --save together" says 2 "exclude each other" \
	--carry log --save "$work/never" "$guest"
check "an unknown way to carry" says 2 "does not know 'logs'" --carry logs "$guest"

# carries HOW ARGUMENT...: the guest passes, was migrated, and some pages were copied twice
carries() {
	how=$1
	shift
	ends 1 "verdict=pass" --carry "$how" "$@" &&
		grep -q "^ferry-vmm: [1-9].* migrations .* of these [1-9].* again" "$work/errors"
}

dirty=$build/x86/dirty.flat
with_kvm "a guest is carried by the dirty log" carries log --append test=dense "$dirty"
with_kvm "a guest with two vCPUs is carried by the dirty log" carries log --cpus 2 --append test=dense "$dirty"

# KVM with shadow paging overruns its dirty rings. Then ferry-vmm must notice the overrun.
carries_by_ring() {
	carries ring --append test=dense "$dirty" ||
		{ [ "$status" -eq 6 ] && grep -q "has overrun a dirty ring" "$work/errors"; } ||
		{ [ "$status" -eq 8 ] && grep -q "has no dirty rings" "$work/errors"; }
}
with_kvm "a guest is carried by dirty rings, or an overrun is noticed" carries_by_ring

# The guest may rewrite a page that was left out, or die of the loss. With at least one of these seeds it
# reports which page is wrong.
forgotten_page_noticed() {
	for seed in 1 2 3 4 5 6 7 8 9 10; do
		timeout 10 "$vmm" --carry log --forget-dirty 6 --seed "$seed" \
			--append test=flood "$dirty" >"$work/output" 2>"$work/errors" </dev/null
		grep -qa "^FAIL: flood: CPU 0's page" "$work/output" && return 0
	done
	return 1
}
with_kvm "dirty notices a page that was left out" forgotten_page_noticed

echo "1..$number"
