# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Runs long commands for a script. No process that they start outlives the script, however it ends. A
# script that sources this calls stop_worker_at_exit before its first command.

worker=

# work COMMAND [ARGUMENT...]: returns the command's status. While it runs, a signal to this script is
# handled at once. Do not call it in a subshell, since stop_worker would not know the worker then.
#
# The command and all processes that it starts are a process group. On SIGTERM its leader ends the
# group. The kernel sends SIGTERM if this script is killed. To end only make would not be enough: it
# ends compilers, but not the processes that these have started.
work() {
	# shellcheck disable=SC2016 # the leader is to see it
	setsid setpriv --pdeathsig TERM -- sh -c '
		[ "$PPID" -eq "$1" ] || exit
		shift
		trap "trap \"\" TERM; kill -s TERM 0; wait; exit 143" TERM
		"$@" &
		wait $!' sh $$ "$@" </dev/null &
	worker=$!
	set -- 0
	wait "$worker" || set -- $?
	worker=
	return "$1"
}

# Ends the command that runs, if there is one.
stop_worker() {
	trap '' INT TERM HUP
	[ -z "$worker" ] || {
		kill -s TERM "$worker" 2>/dev/null || true
		wait "$worker" 2>/dev/null || true
	}
	worker=
}

stop_worker_at_exit() {
	trap stop_worker EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}
