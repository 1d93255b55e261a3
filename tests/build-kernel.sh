#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests lab/build-kernel with a fake kernel source: interrupts it in each of its steps, and checks that
# nothing is left running, and that the next call does only the remaining steps. Prints the Test Anything
# Protocol.
#
# Usage: tests/build-kernel.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$dir/bin" "$dir/linux-6.1/arch/x86/kvm"
XDG_CACHE_HOME=$dir/cache KERNEL_SOURCE=$dir/linux-6.1.tar.gz FERRY_ROOT=$dir/root
export XDG_CACHE_HOME KERNEL_SOURCE FERRY_ROOT
kernels=$XDG_CACHE_HOME/ferry/kernel

# act STEP: records that the step has begun. The step to be interrupted does not end by itself, and neither
# does a child process that it starts, as compilers start other programs.
cat >"$dir/bin/act" <<'END'
#!/bin/sh
echo "$1" >>"$DIR/acted"
[ "$(cat "$DIR/fail" 2>/dev/null)" != "$1" ] || exit 1
[ "$(cat "$DIR/hold" 2>/dev/null)" != "$1" ] || {
	sleep 10 &
	: >"$DIR/held"
	wait
	echo "its own end" >"$DIR/held"
}
END

# These programs call act, and then do their usual work. A tar that is interrupted leaves files behind.
for program in tar cp ln; do
	cat >"$dir/bin/$program" <<END
#!/bin/sh
[ $program != tar ] || echo torn >"\$2/torn"
step=$program
[ "\$1" != -t ] || step=modules
act \$step
[ $program != tar ] || rm "\$2/torn"
exec $(command -v $program) "\$@"
END
done
chmod +x "$dir/bin"/*

# The source: an image of two objects, and two modules, built one after the other.
cat >"$dir/linux-6.1/Makefile" <<'END'
image := $(O)/arch/x86/boot/bzImage
allnoconfig: ; @act configure; cp $(KCONFIG_ALLCONFIG) $(O)/.config
bzImage: $(image)
modules: $(O)/d.ko
$(O)/d.ko: $(O)/c.ko
$(O)/c.ko: $(image)
$(image): $(O)/b.o
	@act link; mkdir -p $(@D); cat $(O)/a.o $(O)/b.o >$@
$(O)/b.o: $(O)/a.o b.c
$(O)/%.o $(O)/%.ko:; @echo '  CC $(@F)'; act $(@F) && echo $(@F) >$@
END
echo 'int b;' >"$dir/linux-6.1/b.c"
"$(command -v tar)" -C "$dir" -czf "$KERNEL_SOURCE" linux-6.1

# Prints the processes that a build has started. All have DIR in their environment.
left_over() {
	grep -lzx "DIR=$dir" /proc/[0-9]*/environ 2>/dev/null
}

# await COMMAND...: waits 10 s for the command to succeed
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

nothing_runs() {
	[ -z "$(left_over)" ]
}

build() {
	status=0
	DIR=$dir PATH=$dir/bin:$PATH "$top/lab/build-kernel" "$@" >"$dir/out" 2>"$dir/err" || status=$?
}

# interrupt SIGNAL STEP: the signal in this step ends the build and all its processes
interrupt() {
	rm -f "$dir/held"
	[ "$2" = "$(cat "$dir/hold" 2>/dev/null)" ] || echo "$2" >"$dir/hold"
	# A process in the background ignores SIGINT, unless it is told otherwise.
	DIR=$dir PATH=$dir/bin:$PATH env --default-signal=INT "$top/lab/build-kernel" \
		>"$dir/out" 2>"$dir/err" &
	builder=$!
	await [ -e "$dir/held" ] || return
	kill -s "$1" $builder
	wait $builder
	status=$?
	[ "$status" -gt 128 ] && await nothing_runs && [ ! -s "$dir/held" ] && [ ! -s "$dir/out" ]
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err" "$dir/acted"
	left_over
}

begin_anew() {
	rm -rf "$XDG_CACHE_HOME" "$dir/acted" "$dir/hold"
}

# The kernel is complete, and the last line of the output is its path.
is_complete() {
	[ "$status" -eq 0 ] && [ "$(tail -n 1 "$dir/out")" = "$kernels/$(key)/bzImage" ] &&
		[ "$(cat "$kernels/$(key)/bzImage")" = "a.o
b.o" ] && [ "$(cd "$kernels/$(key)/modules" && echo *)" = 'c.ko d.ko' ] &&
		[ ! -e "$kernels/$(key)/source/torn" ]
}

key() {
	find "$kernels" -type l -name '6.1-*' -printf '%f\n'
}

# acted STEP COUNT: the step was begun this many times
acted() {
	[ "$(grep -cx "$1" "$dir/acted")" -eq "$2" ]
}

# goes_on STEP: after three interruptions the next call repeats this step, and no completed one
goes_on() {
	rm "$dir/hold"
	build
	is_complete && acted "$1" 4 || return
	case $1 in
	tar) ! says 'going on' || return ;;
	*) says 'going on' || return ;;
	esac
	for step in tar configure a.o b.o link c.ko d.ko ln; do
		[ $step = "$1" ] || acted $step 1 || return
	done
}

says() {
	grep -qF -e "$1" "$dir/err"
}

# If the compiler fails, the next call does not repeat completed steps.
fails_and_goes_on() {
	[ "$status" -eq 2 ] && says 'make failed; all of its output is in' || return
	rm "$dir/fail"
	build
	is_complete && acted tar 1 && acted a.o 1 && acted b.o 2
}

# ---- a source tree ----

tree=$dir/linux-6.1
tree_key() {
	find "$kernels" -type l -name 'tree-linux-6.1-*' -printf '%f\n'
}

# build_tree ARGUMENT...
build_tree() {
	KERNEL_SOURCE=$tree build "$@"
}

tree_is_built() {
	[ "$status" -eq 0 ] && [ "$(tail -n 1 "$dir/out")" = "$kernels/$(tree_key)/bzImage" ] &&
		[ "$(cat "$kernels/$(tree_key)/bzImage")" = "a.o
b.o" ] && [ "$(readlink "$kernels/$(tree_key)/source")" = "$tree" ] && ! grep -qx tar "$dir/acted"
}

# Nothing is written into the tree.
tree_is_as_before() {
	[ "$(cd "$tree" && find . -type f | sort | tr '\n' ' ')" = './Makefile ./b.c ' ]
}

# The second call compiles only what was changed.
compiles_the_change() {
	tree_is_built && says 'building what has changed' && acted a.o 1 && acted b.o 2 && acted configure 2
}

refuses() {
	[ "$status" -eq 2 ] && [ ! -s "$dir/out" ] && says "$1"
}

# If a tree no longer compiles, its earlier kernel stays.
fails_and_keeps_the_kernel() {
	[ "$status" -eq 2 ] && says 'make failed' && rm "$dir/fail" && build_tree --find &&
		[ "$status" -eq 0 ] && build_tree && tree_is_built
}

ends_and_goes_on() {
	KERNEL_SOURCE=$tree interrupt TERM modules || return
	rm "$dir/hold"
	build_tree
	tree_is_built && acted b.o 2
}

# ---- the variant with checks ----

is_another_kernel() {
	[ "$status" -eq 0 ] && [ "$(find "$kernels" -type l -name '6.1-*' | wc -l)" -eq 2 ] &&
		grep -qx CONFIG_KASAN=y "$(dirname "$(tail -n 1 "$dir/out")")/config"
}

is_named() {
	case $(tail -n 1 "$dir/out") in
	*/6.1-????????????-"$1"/bzImage) ;;
	*) return 1 ;;
	esac
}

is_as_before() {
	[ "$status" -eq 0 ] && [ "$(tail -n 1 "$dir/out")" = "$before" ] &&
		! grep -qx CONFIG_KASAN=y "$(dirname "$before")/config"
}

finds_nothing() {
	[ "$status" -eq 1 ] && [ ! -s "$dir/out" ]
}

has_no_source() {
	[ "$status" -eq 2 ] && says "KERNEL_SOURCE names $KERNEL_SOURCE, which is not there"
}

steps='tar configure b.o link c.ko modules ln'
echo 1..53
status=0
build --find
check "nothing is found before it is built" [ "$status" -eq 1 ]
build
check "a build that nothing interrupts" is_complete
build
check "the second call finds it" is_complete
check "and builds nothing" acted tar 1
build --find
check "--find finds it" is_complete
mv "$KERNEL_SOURCE" "$dir/away"
build
check "a named source that is not there" has_no_source
mv "$dir/away" "$KERNEL_SOURCE"
begin_anew
echo b.o >"$dir/fail"
build
check "a build that failed goes on as well" fails_and_goes_on
for step in $steps; do
	begin_anew
	for signal in INT TERM KILL; do
		check "SIG$signal in step $step ends everything" interrupt $signal "$step"
	done
	check "the next call goes on with step $step" goes_on "$step"
done

begin_anew
echo >"$dir/hold"
build_tree
check "a source tree is built where it is" tree_is_built
check "and nothing is written into it" tree_is_as_before
touch -d 'next minute' "$tree/b.c"
build_tree
check "the next call compiles what has changed" compiles_the_change
touch -d '2 minutes' "$tree/b.c"
echo b.o >"$dir/fail"
build_tree
check "a change that does not compile" fails_and_keeps_the_kernel
begin_anew
check "an interrupted build of a tree goes on" ends_and_goes_on
build_tree --find
check "--find finds it" tree_is_built
KERNEL_SOURCE=$dir/bin build
check "a folder that holds no kernel" refuses "$dir/bin is no source tree of Linux"
touch "$tree/.config"
build_tree
check "a tree that was configured in place" refuses 'was configured in place (it has .config)'
rm "$tree/.config"
mkdir "$dir/other"
echo >"$dir/other/README"
"$(command -v tar)" -C "$dir" -czf "$dir/other.tar.gz" other
KERNEL_SOURCE=$dir/other.tar.gz build
check "an archive that holds no kernel" refuses "other.tar.gz holds no source of Linux"

begin_anew
build
before=$(tail -n 1 "$dir/out")
build --debug --find
check "the variant is not there yet" finds_nothing
build --debug
check "--debug builds another kernel" is_another_kernel
build
check "and the usual one is as it was" is_as_before
mv "$KERNEL_SOURCE" "$dir/away"
KERNEL_SOURCE='' build --find
check "without a source, the usual one is found" is_as_before
mv "$dir/away" "$KERNEL_SOURCE"
build --faster
check "an unknown argument" refuses "unknown argument '--faster'"
build --config "$dir/more.config"
check "--config with a file that is not there" refuses "'$dir/more.config' cannot be read"
echo CONFIG_KASAN=y >"$dir/kernel-more.config"
begin_anew
build
build --config "$dir/kernel-more.config"
check "--config builds a variant of its own" is_another_kernel
check "which has the file's name" is_named more
build
check "and the usual one is as it was" is_as_before
