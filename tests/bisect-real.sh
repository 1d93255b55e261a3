# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The code that tests/bisect-kernel.sh and tests/bisect-qemu.sh share: the commits that a bisection goes
# through, and checks of its answers. The script that sources this has sourced tests/tap.sh, runs in the
# tree's folder, and has set `ferry` and `out`, a file for ferry's output.
# shellcheck disable=SC2154

# begin_history FILE...: makes a repository in the current folder with these files and folders, tagged
# `good`. It holds only files that commits change, so that git is quick.
begin_history() {
	rm -rf .git
	git init -q .
	git config user.name ferry
	git config user.email ferry@localhost
	git config advice.detachedHead false
	echo '*' >.git/info/exclude
	git add -f "$@"
	commit 'the release'
	git tag good
}

commit() {
	git commit -q -a -m "$1"
}

# harmless FILE...: makes a harmless commit for each
harmless() {
	for file in "$@"; do
		echo "/* harmless: ${file##*/} */" >>"$file"
		commit "a comment at the end of ${file##*/}"
	done
}

# Makes the 15 commits after `good`, in an order in which git's bisection meets both commits that tell it
# nothing. The script has defined three of them:
#
#   does_not_build    changes files so that the compiler fails
#   has_bug           adds the bug
#   does_not_start    the kernel does not boot, or QEMU does not start
#
# make_history FILE...: ten files for the harmless ones
make_history() {
	harmless "$1" "$2" "$3" "$4" "$5" "$6"
	does_not_build
	commit 'does not build'
	git revert --no-edit HEAD >/dev/null
	has_bug
	commit 'the bug'
	git tag bug
	does_not_start
	commit 'does not start'
	git tag does-not-start
	git revert --no-edit HEAD >/dev/null
	harmless "$7" "$8" "$9" "${10}"
	git tag head
}

# run_bisection FERRY-ARGUMENT...
run_bisection() {
	git bisect start head good
	started=$(date +%s)
	git bisect run "$ferry" bisect "$@" 2>&1 | tee "$out"
	echo "# the bisection took $(($(date +%s) - started)) s"
}

# found: did git name the bug?
found() {
	git bisect log | grep -q "^# first bad commit: .$(git rev-parse bug)"
}

# skipped SUBJECT: did git skip that commit?
skipped() {
	git bisect log | grep -q "^# skip: .* $1$"
}

# told TEXT: does ferry's last line for some commit say this?
told() {
	grep -q "^ferry bisect: .*$1" "$out"
}

# ends STATUS FERRY-ARGUMENT...: does ferry end with STATUS at the commit that is checked out?
ends() {
	wanted=$1
	shift
	status=0
	"$ferry" bisect "$@" >"$out" 2>&1 || status=$?
	[ "$status" -eq "$wanted" ]
}

# interrupted MARK FERRY-ARGUMENT...: sends Ctrl-C once a line has MARK. Ferry must end with 130, and no
# process of it may go on: still_running, which the script has defined, finds none.
interrupted() {
	mark=$1
	shift
	: >"$out"
	# A background command of a script ignores SIGINT; env restores the default.
	env --default-signal=INT "$ferry" bisect "$@" >"$out" 2>&1 &
	pid=$!
	tail -f --pid="$pid" "$out" | grep -q -m 1 "$mark"
	kill -s INT "$pid" || true
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 130 ] && ! still_running >>"$out"
}

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status ${status-}"
	tail -n 30 "$out"
	git bisect log
}
