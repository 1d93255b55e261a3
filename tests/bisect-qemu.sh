#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves that 'git bisect run ferry bisect' finds a bug in a real QEMU: makes a git tree of QEMU's source
# with harmless commits, one that breaks migration (pending interrupts are not sent), one that does not build
# and one with a QEMU that does not start, and bisects it. It prints the Test Anything Protocol. The first
# run builds QEMU from the start, so it is not part of 'make check'.
#
# Usage: tests/bisect-qemu.sh [BUILD]      (BUILD: where make has put ferry; default: build)
#
# QEMU_SOURCE may name a tar archive of QEMU's source, such as qemu-9.2.0.tar.xz from qemu.org. The default
# is the distribution's source package (lab/qemu-source). Source and objects stay in
# ${XDG_CACHE_HOME:-~/.cache}/ferry/bisect/test-qemu for the next run. The guests run on this machine's KVM,
# or in the amd lab if it has none. Exit status: 0 if all is well.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
ferry=$(cd "${1:-$top/build}" && pwd)/ferry
folder=${XDG_CACHE_HOME:-$HOME/.cache}/ferry/bisect/test-qemu
out=$folder/out

mkdir -p "$folder"
cd "$folder"
[ -e source ] || "$top/lab/qemu-source" source
cd source
# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"
# shellcheck source=tests/bisect-real.sh
. "$top/tests/bisect-real.sh"

# shellcheck disable=SC2317 # make_history calls these
does_not_build() {
	echo '#error "this commit does not build"' >>hw/intc/i8259.c
}
# The field is missing at both ends, so QEMU accepts the stream.
# shellcheck disable=SC2317
has_bug() {
	sed -i '/VMSTATE_UINT32_ARRAY(irr, APICCommonState, 8),/d' hw/intc/apic_common.c
}
# shellcheck disable=SC2317
does_not_start() {
	sed -i '/^static void pc_q35_init(MachineState \*machine)/,/^{/s/^{/&\n    error_report("this QEMU does not start"); exit(1);/' \
		hw/i386/pc_q35.c
}
# shellcheck disable=SC2317
still_running() {
	pgrep -f "$folder"
}

# An earlier run may have been interrupted. If there is no commit yet, it has changed nothing.
[ ! -e .git ] || git checkout -q -f good 2>/dev/null || true
begin_history hw/i386 hw/intc hw/timer migration
make_history hw/intc/apic.c hw/intc/ioapic.c hw/timer/hpet.c hw/timer/i8254.c migration/savevm.c \
	migration/vmstate.c migration/qemu-file.c migration/migration.c hw/i386/pc.c hw/i386/x86.c

# The arguments that all calls of ferry share. One test decides, and the others need not run.
set -- selftest/precopy --test registers_move_along --build-dir "$folder" --logdir "$folder/logs"

echo 1..7
run_bisection "$@"
check "git names the commit with the bug" found
check "it skipped the commit that does not build" skipped 'does not build'
check "it skipped the QEMU that does not start" skipped 'does not start'
check "the last line says which check fails" told 'bad: .*"the bug".*failed 1 of 1 run; first: '
check "the last line says why a QEMU tells nothing" told 'cannot tell: .*this QEMU does not start'

git checkout -q does-not-start
check "--boot-failure bad: a QEMU that does not start is bad" ends 1 "$@" --boot-failure bad
git checkout -q head
check "Ctrl-C in the build ends it with 130" interrupted 'bisect: building' "$@"
[ "$failed" -eq 0 ]
