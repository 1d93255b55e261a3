#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves that 'git bisect run ferry bisect' finds a bug in a real kernel: makes a git tree of the
# distribution's kernel source with harmless commits, one with a bug of the corpus, one that does not build
# and one that does not boot, and bisects it. It takes many minutes, so it is no part of 'make check'.
#
# Usage: tests/bisect-kernel.sh [BUILD]      (BUILD: where make has put ferry; default: build)
#
# It starts from the labs' small kernel (lab/build-kernel). An overlay in a mount namespace of its own keeps
# that as it is, so it must be run as root. Exit status: 0 if the right commit was named.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
ferry=$(cd "${1:-$top/build}" && pwd)/ferry
bug=svm_vmload_incomplete
case=svm_state_up/none

if [ -z "${FERRY_BISECT_INNER-}" ]; then
	image=$("$top/lab/build-kernel")
	folder=$(mktemp -d "${TMPDIR:-/var/tmp}/ferry-bisect.XXXXXX")
	trap 'rm -rf "$folder"' EXIT
	trap 'exit 130' INT TERM HUP
	FERRY_BISECT_INNER=$(cd "$(dirname "$image")" && pwd -P)
	export FERRY_BISECT_INNER FERRY_BISECT_UPPER="$folder"
	unshare -m --propagation private "$0" "$@"
	exit
fi

kernel=$FERRY_BISECT_INNER
mkdir "$FERRY_BISECT_UPPER/upper" "$FERRY_BISECT_UPPER/work"
mount -t overlay overlay -o "lowerdir=$kernel,upperdir=$FERRY_BISECT_UPPER/upper,workdir=$FERRY_BISECT_UPPER/work" \
	"$kernel"
cd "$kernel/source"

# Only what commits change is in the repository, so that git is quick.
git init -q .
git config user.name ferry
git config user.email ferry@localhost
echo '*' >.git/info/exclude
git add -f Makefile init/main.c arch/x86/kvm virt/kvm
commit() {
	git commit -q -a -m "$1"
}
harmless() {
	for file in "$@"; do
		echo "/* harmless: ${file##*/} */" >>"arch/x86/kvm/$file"
		commit "a comment at the end of $file"
	done
}
commit 'the distribution'\''s kernel'
git tag good
harmless ioapic.c i8254.c i8259.c irq.c
echo '#error "this commit does not build"' >>arch/x86/kvm/irq_comm.c
commit 'does not build'
git revert --no-edit HEAD >/dev/null
harmless mtrr.c
spatch --very-quiet --sp-file "$top/corpus/kvm/$bug.cocci" --in-place arch/x86/kvm/svm/nested.c >/dev/null 2>&1
commit "the bug: $bug"
culprit=$(git rev-parse HEAD)
sed -i 's/^\tlocal_irq_disable();/\tpanic("this commit does not boot");\n&/' init/main.c
commit 'does not boot'
git revert --no-edit HEAD >/dev/null
harmless pmu.c debugfs.c cpuid.c hyperv.c

git bisect start HEAD good
git bisect run "$ferry" bisect "$case" --host amd --build-dir "$kernel" --lab-boot 120 \
	--logdir "$FERRY_BISECT_UPPER/logs" || true
git bisect log
found=$(git rev-parse refs/bisect/bad)
if [ "$found" = "$culprit" ] && git bisect log | grep -q "first bad commit: .$culprit"; then
	echo "ok - git bisect names $(git log -1 --format='%h ("%s")' "$found")"
else
	echo "not ok - git bisect names $(git log -1 --format='%h ("%s")' "$found"), and not the bug"
	exit 1
fi
