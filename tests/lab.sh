#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lab/intel around a Bochs that only acts: what comes back, what is told of a machine
# that dies, and what is left. Prints the Test Anything Protocol.
#
# Usage: tests/lab.sh

set -u
# A Bochs of the user's own would come before the one that acts.
unset BOCHS
top=$(cd "$(dirname "$0")/.." && pwd)
for needed in busybox setpriv qemu-system-x86_64; do
	command -v $needed >/dev/null || {
		echo 1..1
		echo "ok 1 - lab # SKIP no $needed here; scripts/packages --install lab brings it"
		exit 0
	}
done

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$dir/bin" "$dir/tmp"

# It gets what lab/bochs.sh gives Bochs, and acts $ACT. The kernel's log, output, errors and
# control go where the configuration says.
cat >"$dir/bin/bochs" <<'END'
#!/bin/sh
echo $$ >"$DIR/pid"
while [ "$1" != -f ]; do shift; done
cp "$2" "$DIR/bochsrc"
cp "$(sed -n 's/^ata0-master:.*path=\([^,]*\),.*/\1/p' "$2")" "$DIR/disk"
exec 8>"$(sed -n 's/^com1:.*dev=//p' "$2")" 7>"$(sed -n 's/^com2:.*dev=//p' "$2")" \
	6>"$(sed -n 's/^com3:.*dev=//p' "$2")" 9>"$(sed -n 's/^com4:.*dev=//p' "$2")"
exec 3>&7 4>&6 5>&9
echo "Linux version" >&8
send() {
	(cd "$DIR" && rm -rf sent && mkdir sent && echo "$2" >sent/"${3:-$1}.log" && tar -C sent -czf sent.tgz .)
	echo "$1 $(stat -c %s "$DIR/sent.tgz")" >&5
	cat "$DIR/sent.tgz" >&5
}
case $ACT in
early)
	echo "Bochs is exiting with the following message:"
	echo "[CPU0  ] exception(): 3rd (13) exception with no resolution"
	exit 1
	;;
panic) echo "Kernel panic - not syncing: acted" >&8; exit 1 ;;
fail) echo up >&5; echo "fail no KVM: acted" >&5; exec sleep 60 ;;
esac
echo up >&5
echo start >&5
echo output >&3
echo errors >&4
case $ACT in
partial) send partial early; send partial late; send partial more other; exit 1 ;;
torn) send partial early; echo "partial 9999" >&5; echo torn >&5; exit 1 ;;
results) send partial early; send results all; echo "status 3" >&5 ;;
esac
exec sleep 60
END
chmod +x "$dir/bin/bochs"

# An image with four sectors of real-mode code.
{
	head -c 497 /dev/zero
	printf '\003'
	head -c $((4 * 512 - 498)) /dev/zero
	head -c 100000 /dev/urandom
} >"$dir/bzImage"

# lab ACT ARGUMENT...: leaves `status`, and files out and err.
lab() {
	act=$1
	shift
	rm -rf "$dir/results" "$dir/pid"
	status=0
	ACT=$act DIR=$dir TMPDIR=$dir/tmp PATH=$dir/bin:$PATH "$top/lab/intel" --accel bochs \
		--kernel "$dir/bzImage" --results "$dir/results" "$@" \
		>"$dir/out" 2>"$dir/err" || status=$?
}

number=0
# check WHAT COMMAND...: one result
check() {
	what=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what"
		{ echo "status $status"; cat "$dir/out" "$dir/err"; } 2>/dev/null | sed 's/^/# /'
	fi
}

gone() {
	[ ! -e "/proc/$(cat "$dir/pid")" ] && [ -z "$(ls -A "$dir/tmp")" ]
}

says() {
	grep -qF "$1" "$dir/err"
}

# COUNT bytes of FILE from OFFSET on, as one number.
number_at() {
	od -An -tu"$2" -j"$3" -N"$2" "$1" | tr -d ' '
}

disk_is_right() {
	kernel_at=$((512 + 65536))
	[ "$(number_at "$dir/disk" 4 $((512 + 0x218)))" -eq $((0x8000000)) ] &&
		tail -c +$((kernel_at + 1)) "$dir/disk" | head -c 100000 |
		cmp -s - "$dir/protected" &&
		tail -c +$((512 + 0xe000 + 1)) "$dir/disk" | head -c 100 | grep -aq console=ttyS0
}

echo 1..15
tail -c +2049 "$dir/bzImage" >"$dir/protected"

lab results -- true
check "the command's status is the lab's" [ "$status" -eq 3 ]
check "output comes through" [ "$(cat "$dir/out")" = output ]
check "errors come through" [ "$(cat "$dir/err")" = errors ]
check "results are unpacked" [ "$(cat "$dir/results/results.log")" = all ]
check "and what came before" [ "$(cat "$dir/results/partial.log")" = early ]
check "the disk holds kernel, header and command line" disk_is_right
check "nothing is left" gone

lab early -- true
check "a machine that dies early" [ "$status" -eq 70 ]
check "tells what Bochs said" says \
	'the machine died before it was up: Bochs: exception(): 3rd (13) exception'
lab panic -- true
check "a panic is told" says 'died before it was up: Kernel panic - not syncing: acted'
lab fail -- true
check "a lab without KVM is told" says 'lab/intel: no KVM: acted'
check "and nothing is left" gone
lab partial -- true
check "the last partial results are kept" [ "$status:$(cat "$dir/results/partial.log")" = 70:late ]
check "and those before them" [ "$(cat "$dir/results/other.log")" = more ]
lab torn -- true
check "torn ones do not replace whole ones" [ "$(cat "$dir/results/partial.log")" = early ]
lab hang --memory 100 -- true
check "too little memory is bad usage" [ "$status" -eq 2 ]

ACT=hang DIR=$dir TMPDIR=$dir/tmp PATH=$dir/bin:$PATH "$top/lab/intel" --accel bochs \
	--kernel "$dir/bzImage" -- true >"$dir/out" 2>"$dir/err" &
script=$!
rm -f "$dir/pid"
tries=0
until [ -s "$dir/out" ] || [ $tries -ge 300 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
kill -TERM $script
status=0
wait $script || status=$?
ended_by_signal() {
	[ "$status" -eq 143 ] && gone
}
check "a signal ends all" ended_by_signal
