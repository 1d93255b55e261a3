# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The code that lab/bisect-kernel and lab/bisect-qemu share. The script that sources this sets `here` and
# `self`.
#
# Exit statuses of these scripts: 0 built; 1 this commit does not build, but others may; 2 no commit can be
# built. They print two lines: the commit, and then, on success, the path of the kernel or QEMU.

# shellcheck source=lab/worker.sh
# shellcheck disable=SC2154 # the script sets here and self
. "$here/worker.sh"

# The folders where distributions have compilers that use ccache. The compiler's name stays the same, so
# make does not rebuild everything when ccache is installed.
for folder in /usr/lib/ccache/bin /usr/lib/ccache /usr/lib64/ccache; do
	if [ -x "$folder/gcc" ]; then
		PATH=$folder:$PATH
		break
	fi
done
export PATH

fail() {
	# shellcheck disable=SC2154
	echo "$self: $*" >&2
	exit 2
}

progress() {
	echo "bisect: $*" >&2
}

# Sets tree, build and jobs from the command line.
read_arguments() {
	[ $# -eq 3 ] || fail "usage: $self TREE BUILD JOBS"
	tree=$(cd "$1" 2>/dev/null && pwd) || fail "there is no folder $1"
	mkdir -p "$2" || fail "cannot make the folder $2"
	build=$(cd "$2" && pwd)
	# shellcheck disable=SC2034 # the script uses it
	jobs=$3
	log=$build/ferry.log
	exec 9>"$build/ferry.lock"
	flock -n 9 || fail "another 'ferry bisect' builds in $build; name another folder with --build-dir"
	: >"$log"
}

# need SET PROGRAM...: fails if a program is missing; SET is the set of scripts/packages that has it
need() {
	set=$1
	shift
	for program; do
		command -v "$program" >/dev/null ||
			fail "there is no $program; scripts/packages --install $set brings it"
	done
}

in_tree() {
	# This also reads a tree of another owner, which is safe: it only asks for names and hashes.
	git -c "safe.directory=$tree" -C "$tree" "$@" 2>/dev/null
}

# does_not_build WHAT
does_not_build() {
	tail -n 20 "$log" >&2
	# A full disk is not the commit's fault.
	if tail -n 50 "$log" | grep -q 'No space left on device'; then
		fail "the disk is full; all output is in $log"
	fi
	echo "$self: $1 failed, so this commit does not build; all output is in $log" >&2
	exit 1
}

# The commit and its subject, in one line.
commit() {
	if head=$(in_tree log -1 --format='%h ("%s")'); then
		in_tree diff --quiet HEAD -- || head="$head, with changes"
		echo "$head"
	else
		echo "no commit"
	fi
}
