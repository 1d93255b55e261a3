#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests corpus/qemu/build-qemu with a fake source of QEMU: is each patch built separately, is a finished
# build used again, and are a patch's changes undone before the next patch? Prints the Test Anything
# Protocol.
#
# Usage: tests/build-qemu.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$dir/bin" "$dir/qemu-1.0/hw"
XDG_CACHE_HOME=$dir/cache QEMU_SOURCE=$dir/qemu-1.0.tar
PATH=$dir/bin:$PATH
export XDG_CACHE_HOME QEMU_SOURCE PATH DIR="$dir"

# The fake QEMU is "linked" by concatenating its two files.
cat >"$dir/qemu-1.0/configure" <<'END'
#!/bin/sh
echo configure >>"$DIR/acted"
cat >Makefile <<'END2'
source := $(DIR)/source
qemu-system-x86_64: a.o b.o; cat $^ >$@
%.o: ../source/hw/%.c; ! grep -q 'does not compile' $< && echo $@ >>$(DIR)/acted && cp $< $@
END2
END
echo 'one' >"$dir/qemu-1.0/hw/a.c"
echo 'two' >"$dir/qemu-1.0/hw/b.c"
# shellcheck disable=SC2016 # the program sees them
printf '#!/bin/sh\ncp "$4" "$3"\n' >"$dir/bin/strip"
printf '#!/bin/sh\n' >"$dir/bin/ninja"
chmod +x "$dir/qemu-1.0/configure" "$dir/bin"/*
tar -C "$dir" -cf "$QEMU_SOURCE" qemu-1.0

# write_patch NAME FILE OLD NEW
write_patch() {
	printf '// Breaks: %s\n\n--- a/hw/%s\n+++ b/hw/%s\n@@ -1 +1 @@\n-%s\n+%s\n' "$1" "$2" "$2" "$3" "$4" \
		>"$dir/$1.patch"
}

# builds CONTENTS ACTED [PATCH]: the last line names a file with these contents, and exactly these steps were
# done. make compiles several files at a time, so ACTED is sorted.
builds() {
	contents=$1 acted=$2
	shift 2
	rm -f "$dir/acted"
	: >"$dir/acted"
	"$top/corpus/qemu/build-qemu" "$@" >"$dir/out" 2>"$dir/err" || return 1
	[ "$(xargs <"$(tail -n 1 "$dir/out")")" = "$contents" ] && [ "$(sort "$dir/acted" | xargs)" = "$acted" ]
}

# refuses PATTERN PATCH: the script ends with 2 and says this
refuses() {
	"$top/corpus/qemu/build-qemu" "$2" >"$dir/out" 2>"$dir/err"
	[ $? -eq 2 ] && grep -q "$1" "$dir/err"
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"
# shellcheck disable=SC2317 # check calls it
clues() {
	cat "$dir/out" "$dir/err" "$dir/acted"
}

write_patch first a.c one ONE
write_patch second b.c two TWO
write_patch stale a.c three THREE
write_patch nowhere c.c one ONE
write_patch bad a.c one 'does not compile'
echo '// Breaks: nothing' >"$dir/empty.patch"

echo 1..11
check "the first build compiles everything" builds 'one two' 'a.o b.o configure'
check "a patch compiles what it changes" builds 'ONE two' a.o "$dir/first.patch"
check "the next patch starts from the original" builds 'one TWO' 'a.o b.o' "$dir/second.patch"
check "a finished build is used again" builds 'ONE two' '' "$dir/first.patch"
check "a patch that does not fit is refused" refuses 'stale.patch does not fit this QEMU' "$dir/stale.patch"
check "a file that is not there is named" refuses 'this QEMU has no hw/c.c' "$dir/nowhere.patch"
check "a patch without a file is refused" refuses 'changes no file' "$dir/empty.patch"
check "a patch that does not compile is refused" refuses 'bad does not compile' "$dir/bad.patch"
write_patch second b.c two Two
check "a changed patch is built again" builds 'one Two' 'a.o b.o' "$dir/second.patch"
rm -r "$dir/cache/ferry/qemu"/*/built/unpatched
check "the unbroken QEMU is built again" builds 'one two' 'b.o'
check "it is used again, too" builds 'one two' ''
[ "$failed" -eq 0 ]
