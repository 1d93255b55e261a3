#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves that 'git bisect run ferry bisect' finds a bug in a real kernel: makes a git tree of the
# distribution's kernel source with harmless commits, one with a bug of the corpus, one that does not build
# and one that does not boot, and bisects it. Then it checks other answers to git about real kernels. It
# prints the Test Anything Protocol, and takes ten to fifteen minutes, so it is not part of 'make check'.
#
# Usage: tests/bisect-kernel.sh [BUILD]      (BUILD: where make has put ferry; default: build)
#
# It starts from the labs' small kernel (lab/build-kernel), whose objects save the first build. An overlay in
# a mount namespace of its own protects that kernel, so the script must be run as root. Exit status: 0 if all
# is well.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
ferry=$(cd "${1:-$top/build}" && pwd)/ferry
bug=svm_vmload_incomplete

if [ -z "${FERRY_BISECT_INNER-}" ]; then
	command -v spatch >/dev/null || {
		echo "tests/bisect-kernel.sh: no spatch; scripts/packages --install kernel corpus brings it" >&2
		exit 2
	}
	image=$("$top/lab/build-kernel")
	folder=$(mktemp -d "${TMPDIR:-/var/tmp}/ferry-bisect.XXXXXX")
	trap 'rm -rf "$folder"' EXIT
	trap 'exit 130' INT TERM HUP
	FERRY_BISECT_INNER=$(cd "$(dirname "$image")" && pwd -P)
	export FERRY_BISECT_INNER FERRY_BISECT_FOLDER="$folder"
	unshare -m --propagation private "$0" "$@"
	exit
fi

build_folder=$FERRY_BISECT_INNER
folder=$FERRY_BISECT_FOLDER
out=$folder/out
mkdir "$folder/upper" "$folder/work"
mount -t overlay overlay -o "lowerdir=$build_folder,upperdir=$folder/upper,workdir=$folder/work" \
	"$build_folder"
cd "$build_folder/source"
# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"
# shellcheck source=tests/bisect-real.sh
. "$top/tests/bisect-real.sh"

# shellcheck disable=SC2317 # make_history calls these
does_not_build() {
	echo '#error "this commit does not build"' >>arch/x86/kvm/irq_comm.c
}
# shellcheck disable=SC2317
has_bug() {
	spatch --very-quiet --sp-file "$top/corpus/kvm/$bug.cocci" --in-place arch/x86/kvm/svm/nested.c \
		>/dev/null 2>&1
}
# shellcheck disable=SC2317
does_not_start() {
	sed -i 's/^\twait_for_completion(&kthreadd_done);/&\n\tpanic("this commit does not boot");/' init/main.c
}

# Only processes that this script has started are in its mount namespace.
# shellcheck disable=SC2317
still_running() {
	own=$(readlink "/proc/$$/ns/mnt")
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/ns/mnt")" = "$own" ] || continue
		name=
		read -r name <"$process/comm"
		case $name in
		'' | bisect-kernel*) ;;
		*) echo "$name" ;;
		esac
	done >"$folder/running" 2>/dev/null
	cat "$folder/running"
	[ -s "$folder/running" ]
}

# Commits change only the folders of KVM, Makefile and init/main.c.
begin_history Makefile init/main.c arch/x86/kvm virt/kvm
kvm=arch/x86/kvm
make_history $kvm/ioapic.c $kvm/i8254.c $kvm/i8259.c $kvm/irq.c $kvm/mtrr.c $kvm/pmu.c $kvm/debugfs.c \
	$kvm/cpuid.c $kvm/hyperv.c $kvm/lapic.c

# The arguments that all calls of ferry share. One test decides, and the others need not run.
set -- svm_state_up/none --test vmload_state_passes_exit --host amd --build-dir "$build_folder" \
	--logdir "$folder/logs"

echo 1..9
run_bisection "$@"
check "git names the commit with the bug" found
check "it skipped the commit that does not build" skipped 'does not build'
check "it skipped the commit that does not boot" skipped 'does not start'
check "the last line says which check fails" told 'bad: .*"the bug".*failed 1 of 1 run; first: .*vmload'
check "the last line says why a kernel tells nothing" told 'cannot tell: .*panic'

git checkout -q does-not-start
check "--boot-failure bad: a kernel that panics is bad" ends 1 "$@" --boot-failure bad
git checkout -q head
check "Ctrl-C in the build ends it with 130" interrupted 'bisect: building' "$@"
sed -i 's/^module_init(svm_init)/static int __init refuse(void)\n{\n\treturn -EIO;\n}\nmodule_init(refuse)/' \
	arch/x86/kvm/svm/svm.c
check "a KVM that does not load tells nothing" ends 125 "$@"
check "Ctrl-C in the lab ends it with 130" interrupted 'lab is booting' "$@"
[ "$failed" -eq 0 ]
