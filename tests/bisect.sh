#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests 'ferry bisect' with fake Linux and QEMU trees: what it builds of a commit, and what it tells git.
# Prints the Test Anything Protocol. tests/bisect-kernel.sh bisects a real kernel.
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

# The kernel: make writes its targets to $(O)/asked. A commit with the file `broken` does not build. KVM uses
# symbols of irqbypass, so both must be built together.
cat >"$tree/Makefile" <<'END'
image := $(O)/arch/x86/boot/bzImage
kvm := arch/x86/kvm/kvm.ko
irqbypass := virt/lib/irqbypass.ko
allnoconfig: ; @touch $(O)/.config
bzImage modules $(kvm) $(irqbypass):
	@echo $@ >>$(O)/asked; test ! -e broken
	@mkdir -p $(O)/arch/x86/boot $(O)/arch/x86/kvm $(O)/virt/lib
	@echo no kernel >$(image); echo no module | tee $(O)/$(irqbypass) >$(O)/$(kvm)
ifneq ($(filter %gone.ko, $(MAKECMDGOALS)),)
$(error no rule to make gone.ko)
endif
ifneq ($(filter $(kvm), $(MAKECMDGOALS)),)
ifeq ($(filter $(irqbypass), $(MAKECMDGOALS)),)
$(error modpost: a symbol of irqbypass is undefined)
endif
endif
END
# QEMU is configured in the build folder. configure prints $dir/lacks; it succeeds if there is $dir/make,
# which becomes a Makefile that fails.
cat >"$qemu/configure" <<END
#!/bin/sh
echo once more >>"$dir/configured"
: >config.log
cat "$dir/lacks"
cp "$dir/make" Makefile
END
chmod +x "$qemu/configure"
mkdir "$dir/tools"
PATH=$PATH:$dir/tools
for program in ninja python3 pkg-config; do
	ln -s /bin/true "$dir/tools/$program"
done
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

# stops MESSAGE: ferry tells git to stop, and says why
stops() {
	[ "$status" -eq 128 ] && grep -qF -e "$1" "$dir/err"
}

# cannot_tell WHY: ferry tells git that this commit cannot be judged
cannot_tell() {
	[ "$status" -eq 125 ] && tail -n 1 "$dir/out" | grep -q "^ferry bisect: cannot tell: .*$1"
}

# asked WORD...: make was called with exactly these targets
asked() {
	[ "$(sort "$dir/b/build/asked" | tr '\n' ' ')" = "$* " ]
}

# A copy of ferry with another name, beside a fake 'ferry run', which prints the lines of $dir/results. It
# then hangs if there is $dir/results.hang.
mkdir "$dir/bin"
cp "$ferry" "$dir/bin/bisecting"
ln -s "$(dirname "$ferry")/x86" "$dir/bin/x86"
cat >"$dir/bin/ferry" <<'END'
#!/bin/sh
cat "$RESULTS"
[ ! -e "$RESULTS.hang" ] || exec sleep 60
[ ! -e "$RESULTS.refuse" ] || exit 2
END
chmod +x "$dir/bin/ferry"

# result VERDICT MEMBERS: adds the result of the next run
result() {
	runs=$((runs + 1))
	echo "{\"case\": \"selftest/none#$runs\", \"verdict\": \"$1\"${2-}}" >>"$dir/results"
}

acting_bisect() {
	RESULTS=$dir/results timeout 30 "$dir/bin/bisecting" bisect selftest/none --build-dir "$dir/b" \
		--tree "$tree" --logdir "$dir/logs" "$@"
}

# shellcheck disable=SC2317 # check calls it
both_kept() {
	grep -q '^bisect: ' "$dir/both" && grep -q '^ferry bisect: good' "$dir/both"
}

# sees STATUS ARGUMENT...: ferry ends with STATUS, after the results that were added since the last call
sees() {
	wanted=$1
	shift
	status=0
	acting_bisect "$@" >"$dir/out" 2>"$dir/err" || status=$?
	rm -f "$dir/results"*
	runs=0
	[ "$status" -eq "$wanted" ]
}

echo 1..37
bisect --tree "$dir"
check "a folder that is no tree" stops 'is no Linux tree'
bisect --tree "$tree" --repeat 2 --bad-if 3
check "--bad-if above --repeat" stops '--bad-if 1 to 2'
bisect --qemu-tree "$qemu" --host moon
check "an unknown host stops git before anything is built" stops "--host is local, or a lab, "
bisect --tree "$tree" --logdir /proc/logs
check "so does a folder for logs that cannot be made" stops 'cannot make the folder /proc/logs for logs'
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
check "only KVM changed: only the modules are built" asked arch/x86/kvm/kvm.ko virt/lib/irqbypass.ko
echo junk >"$dir/b/build/virt/lib/gone.ko"
bisect --tree "$tree"
check "modules that cannot be built alone: everything is built" asked bzImage modules
rm "$dir/b/build/virt/lib/gone.ko"
echo '/* */' >>"$tree/kernel/fork.c"
git_do commit -a -m 'more than KVM'
bisect --tree "$tree"
check "more changed: everything is built" asked bzImage modules
echo '/* */' >>"$tree/kernel/fork.c"
touch "$tree/broken"
bisect --tree "$tree"
check "a commit that does not build is named" cannot_tell '"more than KVM".* does not build'
rm "$tree/broken"
(cd "$qemu" && bisect)
check "a QEMU tree is not changed" [ ! -e "$qemu/config.log" ]
bisect --qemu-tree "$qemu"
check "a QEMU that cannot be configured" cannot_tell 'does not build'
echo 'ERROR: Dependency "pixman-1" not found, tried pkgconfig' >"$dir/lacks"
bisect --qemu-tree "$qemu"
check "a library that is missing here stops git" stops 'scripts/packages --install qemu brings'
echo "Could not provide build dependency 'meson==1.5.0':" >"$dir/lacks"
bisect --qemu-tree "$qemu"
check "so does a Python package" stops 'scripts/packages --install qemu brings'
rm "$dir/lacks" "$dir/configured"
printf 'qemu-system-x86_64:\n\t@echo "FAILED: hw/pc.c.o"; exit 1\n' >"$dir/make"
bisect --qemu-tree "$qemu"
check "a QEMU whose compiler fails does not build" cannot_tell 'does not build'
check "it is not built a second time" [ "$(wc -l <"$dir/configured")" -eq 1 ]
rm -r "$dir/b" "$dir/configured"
printf 'qemu-system-x86_64:\n\t@echo "no rule to make hw/pc.c"; exit 1\n' >"$dir/make"
bisect --qemu-tree "$qemu"
check "any other failure: it is built a second time, from the start" [ "$(wc -l <"$dir/configured")" -eq 2 ]
mkdir -p "$tree/include/config"
bisect --tree "$tree"
check "a tree that was built in place stops git" stops 'was built in place'
rm -r "$tree/include"

runs=0
result PASS
check "a pass is good" sees 0
result FAIL ', "kind": "check", "reason": "the clock went back"'
check "a failure is bad" sees 1
result SKIP
check "a skip tells nothing" sees 125
result ERROR ', "kind": "runner"'
check "an error of the runner tells nothing" sees 125
result ERROR ', "kind": "vmm-start", "reason": "qemu did not start"'
check "a VMM that does not start tells nothing" sees 125
result ERROR ', "kind": "vmm-start", "reason": "qemu did not start"'
check "--boot-failure bad: a VMM that does not start is bad" sees 1 --boot-failure bad
result ERROR ', "kind": "vmm", "reason": "qemu died"'
check "a VMM that dies later is bad" sees 1
result ERROR ', "kind": "lab-setup", "reason": "no emulator"'
check "a lab that lacks something stops git" sees 128
result PASS
result FAIL
result FAIL
touch "$dir/results.hang"
check "--bad-if 2: the second failure of 9 runs ends them" sees 1 --repeat 9 --bad-if 2
result PASS
result FAIL
result PASS
touch "$dir/results.hang"
check "--bad-if 3: the second pass of 4 runs ends them" sees 0 --repeat 4 --bad-if 3
result FAIL ', "kind": "check", "tests": [{"test": "other", "verdict": "fail"}, {"test": "mine", "verdict": "pass"}]'
check "--test: the failure of another test is good" sees 0 --test mine
result FAIL ', "kind": "check", "tests": [{"test": "mine", "verdict": "fail", "reason": "the clock went back"}]'
sees 1 --test 'm*'
check "--test: the last line names the test that fails" \
	grep -q '^ferry bisect: bad: .* first: selftest/none#1: mine: the clock went back$' "$dir/out"
result PASS ', "tests": [{"test": "mine", "verdict": "pass"}, {"test": "mine", "cpu": 1, "verdict": "skip"}]'
check "--test: a skip on one CPU tells nothing, though another passes" sees 125 --test mine
result PASS
acting_bisect >"$dir/both" 2>&1
check "one file for both outputs keeps all lines" both_kept
rm "$dir/results"
result PASS
check "a runner that ends without all results tells nothing" sees 125 --repeat 3
touch "$dir/results" "$dir/results.refuse"
check "a runner that refuses its command line stops git" sees 128

# A copy of ferry whose sources have a fake script, which succeeds and names only the commit.
mkdir -p "$dir/own/build" "$dir/own/lab"
cp "$ferry" "$dir/own/build"
ln -s "$(dirname "$ferry")/x86" "$dir/own/build"
ln -s "$top/unittests.cfg" "$dir/own"
printf '#!/bin/sh\necho no commit\n' >"$dir/own/lab/bisect-kernel"
chmod +x "$dir/own/lab/bisect-kernel"
ferry=$dir/own/build/ferry
bisect --tree "$tree"
check "a build that names no kernel stops git" stops 'bisect-kernel has built nothing: it printed no path;'
# shellcheck disable=SC2016 # the script is to see it
echo 'kill -s KILL $$' >>"$dir/own/lab/bisect-kernel"
bisect --tree "$tree"
check "so does a build that is killed" stops 'killed by signal 9'
