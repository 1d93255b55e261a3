#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests 'ferry bisect' with Linux and QEMU trees that only act: what is built of a commit, and what git is
# told. Prints the Test Anything Protocol. tests/bisect-kernel.sh bisects a real kernel.
#
# Usage: tests/bisect.sh [BUILD]

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
ferry=$(cd "${1:-$top/build}" && pwd)/ferry
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
for needed in git make gcc; do
	command -v $needed >/dev/null || {
		echo 1..1
		echo "ok 1 - bisect # SKIP no $needed here"
		exit 0
	}
done
tree=$dir/linux qemu=$dir/qemu
mkdir -p "$tree/arch/x86/kvm" "$tree/kernel" "$qemu/hw/i386"
touch "$tree/Kconfig" "$tree/arch/x86/kvm/x86.c" "$tree/kernel/fork.c"

# The kernel: what make was asked for goes to $(O)/asked. A commit with the file `broken` does not build.
cat >"$tree/Makefile" <<'END'
image := $(O)/arch/x86/boot/bzImage
allnoconfig: ; @touch $(O)/.config
bzImage modules arch/x86/kvm/kvm.ko:
	@echo $@ >>$(O)/asked; test ! -e broken
	@mkdir -p $(O)/arch/x86/boot $(O)/arch/x86/kvm
	@echo no kernel >$(image); echo no module >$(O)/arch/x86/kvm/kvm.ko
END
cat >"$qemu/configure" <<'END'
#!/bin/sh
exit 1
END
chmod +x "$qemu/configure"
git_do() {
	git -C "$tree" -c user.name=ferry -c user.email=ferry@localhost "$@" >/dev/null 2>&1
}
git_do init
git_do add -A
git_do commit -m first

# bisect ARGUMENT...
bisect() {
	rm -f "$dir/b/build/asked"
	status=0
	"$ferry" bisect selftest/none --build-dir "$dir/b" --logdir "$dir/logs" "$@" \
		>"$dir/out" 2>"$dir/err" || status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err" "$dir/b/build/asked"
}

# stops MESSAGE: git must stop, and the user learns why
stops() {
	[ "$status" -eq 128 ] && grep -qF -e "$1" "$dir/err"
}

# cannot_tell WHY
cannot_tell() {
	[ "$status" -eq 125 ] && tail -n 1 "$dir/out" | grep -q "^ferry bisect: cannot tell: .*$1"
}

# asked WORD...: make was asked for exactly these
asked() {
	[ "$(sort "$dir/b/build/asked" | tr '\n' ' ')" = "$* " ]
}

echo 1..11
bisect --tree "$dir"
check "a folder that is no tree" stops 'is no Linux tree'
bisect --tree "$tree" --repeat 2 --bad-if 3
check "--bad-if above --repeat" stops '--bad-if 1 to 2'
bisect --tree "$tree" nosuch/none
check "a pattern without a case stops git" stops "no case matches 'nosuch/none'"
bisect --tree "$tree"
check "a kernel that does not boot" cannot_tell selftest/none
check "all of it was built" asked bzImage modules
bisect --tree "$tree" --boot-failure bad
check "--boot-failure bad" [ "$status" -eq 1 ]
echo '/* */' >>"$tree/arch/x86/kvm/x86.c"
git_do commit -a -m 'KVM alone'
bisect --tree "$tree"
check "only KVM changed: its modules alone are built" asked arch/x86/kvm/kvm.ko
echo '/* */' >>"$tree/kernel/fork.c"
git_do commit -a -m 'more than KVM'
bisect --tree "$tree"
check "more changed: all is built" asked bzImage modules
echo '/* */' >>"$tree/kernel/fork.c"
touch "$tree/broken"
bisect --tree "$tree"
check "a commit that does not build" cannot_tell 'does not build'
rm "$tree/broken"
bisect --qemu-tree "$qemu"
check "a QEMU that cannot be configured" cannot_tell 'does not build'
mkdir -p "$tree/include/config"
bisect --tree "$tree"
check "a tree that was built in place stops git" stops 'was built in place'
