#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests scripts/soak with a fake runner: what it runs, what it keeps, where it goes on after an
# interruption, and what it leaves behind. Prints the Test Anything Protocol.
#
# Usage: tests/soak.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# The fake runner records its arguments, and behaves as the piece's first word says.
cat >"$dir/ferry" <<'END'
#!/bin/sh
case $1 in
results) shift; echo "results of $# pieces"; cat "$@"; exit 0 ;;
esac
echo $$ >"$FERRY_BUILD/pid"
[ "$2" = --json ] && [ "$4" = --logdir ] || exit 9
json=$3
shift 5
echo "$*" >>"$FERRY_BUILD/ran"
case $1 in
red) echo "$*" >"$json"; exit 1 ;;
bad) exit 2 ;;
once) [ -e "$FERRY_BUILD/again" ] || {
	: >"$FERRY_BUILD/again"
	trap 'kill $!; exit 130' TERM
	sleep 60 &
	: >"$FERRY_BUILD/hangs"
	wait
} ;;
busy) [ "$(wc -w <"/proc/$PPID/task/$PPID/children")" -eq 3 ] || exit 9 ;;
esac
echo "$*" >"$json"
END
chmod +x "$dir/ferry"
FERRY_BUILD=$dir
export FERRY_BUILD

soak() {
	status=0
	MARK=$dir "$top/scripts/soak" --folder "$dir/soak" "$@" >"$dir/out" 2>"$dir/err" || status=$?
}

fresh() {
	rm -rf "$dir/soak" "$dir/ran" "$dir/again" "$dir/hangs"
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err"
	cat "$dir/ran"
}

ran() {
	[ "$(tr '\n' ';' <"$dir/ran")" = "$1" ]
}

# Busy loops need a moment to notice that the script is gone.
nothing_is_left() {
	tries=0
	while grep -qzx "MARK=$dir" /proc/[0-9]*/environ 2>/dev/null && [ $tries -lt 50 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	[ $tries -lt 50 ]
}

# interrupt SIGNAL ARGUMENT...: starts a soak, and sends it the signal when its runner hangs
interrupt() {
	signal=$1
	shift
	fresh
	MARK=$dir "$top/scripts/soak" --folder "$dir/soak" "$@" >"$dir/out" 2>"$dir/err" &
	script=$!
	tries=0
	until [ -e "$dir/hangs" ] || [ $tries -ge 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill "-$signal" $script
	status=0
	wait $script 2>/dev/null || status=$?
}

echo 1..16
printf '# comment\n\ngreen a*\nred b\n' >"$dir/list"

fresh
soak --times 3 -- green 'a*' --arg x
check "a piece runs as often as wanted" ran 'green a* --arg x;green a* --arg x;green a* --arg x;'
check "and all runs are added up" [ "$status:$(sed -n 's/^results of //p' "$dir/out")" = "0:3 pieces" ]
soak --times 3 -- green 'a*' --arg x
check "finished pieces do not run again" ran 'green a* --arg x;green a* --arg x;green a* --arg x;'
soak --times 4 -- green 'a*' --arg x
check "another soak needs another folder" [ "$status:$(grep -c 'holds another soak' "$dir/err")" = 2:1 ]
fresh
soak --times 2 --list "$dir/list" -- --all
check "a list runs piece by piece, even after a failure" ran 'green a* --all;red b --all;green a* --all;red b --all;'
fresh
soak -- bad
check "a runner that cannot start ends it" [ "$status:$(grep -c 'status 2 in piece' "$dir/err")" = 2:1 ]
fresh
soak --busy -- busy
check "busy loops run beside it" [ $status = 0 ]
check "and end with it" nothing_is_left
interrupt TERM --busy --times 2 -- once
check "a signal interrupts it" [ $status = 130 ]
check "and leaves nothing" nothing_is_left
soak --busy --times 2 -- once
check "the interrupted piece runs again" ran 'once;once;once;'
check "and is added up once" [ "$(grep -c once "$dir/out")" = 4 ]
interrupt KILL --busy --times 2 -- once
kill -TERM "$(cat "$dir/pid")"
check "busy loops end even if it is killed" nothing_is_left
soak --times x -- green
check "a wrong number" [ "$status:$(grep -c "not 'x'" "$dir/err")" = 2:1 ]
soak --bussy
check "an unknown option" [ "$status:$(grep -c "unknown option '--bussy'" "$dir/err")" = 2:1 ]
soak --list /nowhere
check "a list that is not there" [ "$status:$(grep -c 'cannot read /nowhere' "$dir/err")" = 2:1 ]
