#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests lab/unpack-kernel with fake kernels: two segments of an ELF file, compressed by each program that
# is installed, and kernels that cannot be unpacked. Prints the Test Anything Protocol.
#
# Usage: tests/unpack-kernel.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# bytes COUNT VALUE: prints VALUE as COUNT bytes, the lowest first
bytes() {
	left=$1 value=$2
	while [ "$left" -gt 0 ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $((value & 255)))"
		value=$((value >> 8)) left=$((left - 1))
	done
}

# program_header TYPE OFFSET ADDRESS SIZE
program_header() {
	bytes 4 "$1"; bytes 4 5; bytes 8 "$2"; bytes 8 $(($3 + 0x80000000)); bytes 8 "$3"
	bytes 8 "$4"; bytes 8 "$4"; bytes 8 4096
}

# An ELF file whose segments are not in the order of their addresses, and which also has a note.
{
	printf '\177ELF\002\001\001'; bytes 9 0; bytes 2 2; bytes 2 62; bytes 4 1
	bytes 8 16777216; bytes 8 64; bytes 8 0; bytes 4 0; bytes 2 64; bytes 2 56; bytes 2 4
	bytes 6 0
	program_header 1 288 33554432 6
	program_header 4 288 0 3
	program_header 1 294 16777216 5
	program_header 1 294 50331648 0
	printf 'secondfirst'
} >"$dir/vmlinux"

# make_image PROTOCOL: makes an image around $dir/payload, with a setup of two sectors
make_image() {
	{
		bytes 497 0; bytes 1 1; bytes 16 0; printf HdrS; bytes 2 "$1"; bytes 64 0
		bytes 4 100; bytes 4 "$(stat -c %s "$dir/payload")"; bytes 432 0; bytes 100 0
		cat "$dir/payload"
		printf 'what comes behind it'
	} >"$dir/image"
}

unpack() {
	status=0
	"$top/lab/unpack-kernel" "$dir/image" "$dir/parts" >"$dir/out" 2>"$dir/err" || status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err"
}

holds() {
	[ "$(cat "$1")" = "$2" ]
}

is_unpacked() {
	set -- "$dir/parts/part-2" "$dir/parts/part-1"
	[ "$status" -eq 0 ] && holds "$1" first && holds "$2" second &&
		holds "$dir/out" "16777216 $1
33554432 $2
entry 16777216"
}

# stays_packed REASON
stays_packed() {
	[ "$status" -eq 1 ] && [ ! -s "$dir/out" ] && [ ! -e "$dir/parts" ] &&
		holds "$dir/err" "lab/unpack-kernel: $dir/image stays packed: $1"
}

echo 1..11
# For all formats but gzip the kernel build appends the unpacked size.
for packer in 'gzip -c' 'xz -c' 'xz -c --format=lzma' 'bzip2 -c' 'zstd -qc' 'lz4 -lqc'; do
	if ! command -v "${packer%% *}" >/dev/null; then
		number=$((number + 1))
		echo "ok $number - $packer # SKIP no ${packer%% *} here"
		continue
	fi
	# Word splitting is meant.
	# shellcheck disable=SC2086
	$packer <"$dir/vmlinux" >"$dir/payload"
	[ "$packer" = 'gzip -c' ] || bytes 4 "$(stat -c %s "$dir/vmlinux")" >>"$dir/payload"
	make_image $((0x20f))
	unpack
	check "packed by $packer" is_unpacked
done
make_image $((0x207))
unpack
check "an old kernel" stays_packed 'its boot protocol is older than 2.08'
printf 'something else' >"$dir/payload"
make_image $((0x20f))
unpack
check "an unknown packer" stays_packed 'it is packed in an unknown way'
gzip -c <"$dir/vmlinux" | head -c 60 >"$dir/payload"
make_image $((0x20f))
unpack
check "a damaged kernel" stays_packed 'gzip: stdin: unexpected end of file'
printf 'no kernel at all' | gzip -c >"$dir/payload"
make_image $((0x20f))
unpack
check "a packed file that is no kernel" stays_packed 'what is packed is no 64-bit ELF file'
printf 'no image' >"$dir/image"
unpack
check "a file that is no image" stays_packed 'it is no bzImage'
