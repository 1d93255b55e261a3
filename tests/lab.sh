#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests lab/intel and lab/amd with fake emulators: what comes back, what the labs say about an emulator
# that dies or hangs, and what is left behind. Prints the Test Anything Protocol.
#
# Usage: tests/lab.sh

set -u
# The user's own emulators would take precedence over the fake ones.
unset BOCHS LAB_QEMU
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

# A fake Bochs, which lab/bochs.sh calls like the real one. It behaves as $ACT says. The kernel's log,
# output, errors and control go where the configuration says.
cat >"$dir/bin/bochs" <<'END'
#!/bin/sh
case $1 in --help) exit ;; esac
case $3 in */no-bochsrc) echo "                        Bochs x86 Emulator 2.7.1"; exit 1 ;; esac
echo $$ >"$DIR/pid"
while [ "$ACT" = chatty ]; do
	echo "rcu: stall" >/dev/fd/7
	sleep 0.1
done
while [ "$1" != -f ]; do shift; done
cp "$2" "$DIR/bochsrc"
cp "$(sed -n 's/^ata0-master:.*path=\([^,]*\),.*/\1/p' "$2")" "$DIR/disk"
die() {
	echo "Bochs is exiting with the following message:"
	echo "[CPU0  ] $1"
	exit 1
}
case $ACT in
gone) die "ROM: couldn't open ROM image file" ;;
silent) exec sleep 60 ;;
esac
exec 8>"$(sed -n 's/^com1:.*dev=//p' "$2")" 7>"$(sed -n 's/^com2:.*dev=//p' "$2")" \
	6>"$(sed -n 's/^com3:.*dev=//p' "$2")" 9>"$(sed -n 's/^com4:.*dev=//p' "$2")"
exec 3>&7 4>&6 5>&9
[ "$ACT" != mute ] || exec sleep 60
echo "Linux version" >&8
send() {
	(cd "$DIR" && rm -rf sent && mkdir sent && echo "$2" >sent/"${3:-$1}.log" && tar -C sent -czf sent.tgz .)
	echo "$1 $(stat -c %s "$DIR/sent.tgz")" >&5
	cat "$DIR/sent.tgz" >&5
}
case $ACT in
early) die "exception(): 3rd (13) exception with no resolution" ;;
killed) kill -KILL $$ ;;
panic) echo "Kernel panic - not syncing: acted" >&8; exit 1 ;;
fail) echo up >&5; echo "fail no KVM: acted" >&5; exec sleep 60 ;;
esac
echo up >&5
[ "$ACT" != unready ] || die "it died between up and start"
echo start >&5
echo output >&3
echo errors >&4
case $ACT in
partial) send partial early; send partial late; send partial more other; exit 1 ;;
torn) send partial early; echo "partial 9999" >&5; echo torn >&5; exit 1 ;;
results) send partial early; send results all; echo "status 3" >&5 ;;
parent) sleep 60; exit ;;
esac
exec sleep 60
END

# A fake QEMU, which lab/qemu.sh calls like the real one.
cat >"$dir/bin/qemu" <<'END'
#!/bin/sh
case $1 in --version) echo "QEMU emulator version 9.8.7 (acted 1:9.8+dfsg)"; exit ;; esac
cat <&6 >"$DIR/initrd"
echo $$ >"$DIR/pid"
printf '%s\n' "$@" >"$DIR/arguments"
case $ACT in
gone) echo "qemu-system-x86_64: could not load PC BIOS 'qboot.rom'" >&2; exit 1 ;;
silent) exec sleep 60 ;;
esac
echo "Linux version" >&7
case $ACT in
early) echo "qemu-system-x86_64: warning: acted" >&2; exit 1 ;;
killed) kill -KILL $$ ;;
esac
echo up >&5
echo start >&5
echo output >&3
[ "$ACT" != late ] || { echo "qemu-system-x86_64: terminating on signal 15" >&2; exit 1; }
echo "status 4" >&5
exec sleep 60
END
chmod +x "$dir/bin/bochs" "$dir/bin/qemu"

# An image with four sectors of real-mode code.
{
	head -c 497 /dev/zero
	printf '\003'
	head -c $((4 * 512 - 498)) /dev/zero
	head -c 100000 /dev/urandom
} >"$dir/bzImage"
tail -c +2049 "$dir/bzImage" >"$dir/protected"

# in_lab NAME ACT ARGUMENT...: runs the lab of this name, with output in the files out and err
in_lab() {
	name=$1 act=$2
	shift 2
	rm -rf "$dir/results" "$dir/pid"
	ACT=$act DIR=$dir TMPDIR=$dir/tmp PATH=$dir/bin:$PATH LAB_QEMU=${qemu-} exec "$top/lab/$name" \
		--kernel "$dir/bzImage" "$@" >"$dir/out" 2>"$dir/err"
}

# intel ACT ARGUMENT... and amd ACT ARGUMENT...: run a lab, and leave its `status`
intel() {
	act=$1
	shift
	status=0
	(qemu='' in_lab intel "$act" --accel bochs --results "$dir/results" "$@") || status=$?
}

amd() {
	act=$1
	shift
	status=0
	(qemu=$dir/bin/qemu in_lab amd "$act" --accel tcg "$@") || status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err"
	left_over
	ls "$dir/tmp"
}

# Prints the processes that a lab has started. All have DIR in their environment.
left_over() {
	grep -lzx "DIR=$dir" /proc/[0-9]*/environ 2>/dev/null
}

# A process that only waits for the end of a pipe has a second to notice it.
nothing_is_left() {
	tries=0
	while [ -n "$(left_over)" ] && [ $tries -lt 10 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	[ -z "$(left_over)" ] && [ -z "$(ls -A "$dir/tmp")" ]
}

says() {
	grep -qF -e "$1" "$dir/err"
}

# failed WORDS: the lab failed, these were its last words, and nothing is left
failed() {
	[ "$status" -eq 70 ] && tail -n 1 "$dir/err" | grep -qF -e "$1" && nothing_is_left
}

# number_at FILE COUNT OFFSET: prints these bytes as one number
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

# packs_ovmf KIND NAME: of two OVMFs, the one for this KIND of firmware is packed, and no other
packs_ovmf() {
	mkdir -p "$dir/ovmf"
	for word in plain secure-boot; do
		echo "{ \"filename\": \"$dir/ovmf/$word.fd\", \"features\": [ \"$word\" ] }" >"$dir/ovmf/$word.json"
		: >"$dir/ovmf/$word.fd"
	done
	archive=$(FERRY_OVMF=$dir/ovmf XDG_CACHE_HOME=$dir/cache "$top/lab/pack-files" --firmware "$1") &&
		packed=$(busybox cpio -t <"$archive" 2>/dev/null | grep "^root$dir/ovmf/." | sort) &&
		[ "$packed" = "root$dir/ovmf/$2.fd
root$dir/ovmf/$2.json" ]
}

# ends_by_signal LAB ACT FILE ACCEL: SIGTERM ends the lab once FILE is there, and nothing is left
ends_by_signal() {
	rm -f "$dir/pid" "$dir/out"
	(qemu=$dir/bin/qemu in_lab "$1" "$2" --accel "$4" -- true) &
	script=$!
	tries=0
	until [ -s "$dir/$3" ] || [ $tries -ge 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill -TERM $script
	status=0
	wait $script || status=$?
	[ "$status" -eq 143 ] && nothing_is_left
}

usage_error() {
	[ "$status" -eq 2 ] && says "$1" && nothing_is_left
}

# tells_emulator FILE VERSION: the job in this file tells the runner inside the emulator's version
tells_emulator() {
	grep -aq "FERRY_EMULATOR=$2'" "$dir/$1"
}

# Modules list their dependencies and their parameters.
mkdir "$dir/loadable"
printf 'parmtype=halt_poll_ns:uint\0' >"$dir/loadable/kvm.ko"
printf 'depends=kvm\0parmtype=npt:bool\0' >"$dir/loadable/kvm-amd.ko"
printf 'depends=kvm\0parmtype=ept:bool\0' >"$dir/loadable/kvm-intel.ko"

# kernel_is_told WORDS: the kernel's command line ends with these words
kernel_is_told() {
	grep -q "^console=ttyS0.* $1\$" "$dir/arguments"
}

echo 1..42

intel results -- true
check "intel: the command's status is the lab's" [ "$status" -eq 3 ]
check "intel: output comes through" [ "$(cat "$dir/out")" = output ]
check "intel: errors come through" [ "$(cat "$dir/err")" = errors ]
check "intel: results are unpacked" [ "$(cat "$dir/results/results.log")" = all ]
check "intel: partial results are kept, too" [ "$(cat "$dir/results/partial.log")" = early ]
check "intel: the disk holds kernel, header and command line" disk_is_right
check "intel: the runner inside is told Bochs' version" tells_emulator disk 2.7.1
check "intel: nothing is left" nothing_is_left

died='lab/intel: the machine died before it was up'
intel gone -- true
check "intel: Bochs dies before it opens its pipes" failed \
	"$died: Bochs: ROM: couldn't open ROM image file"
intel early -- true
check "intel: Bochs dies after that" failed "$died: Bochs: exception(): 3rd (13) exception"
intel killed -- true
check "intel: Bochs is killed" failed "$died"
intel panic -- true
check "intel: the kernel panics" failed "$died: Kernel panic - not syncing: acted"
check "intel: its last log lines are shown" says '    Linux version'
intel unready -- true
check "intel: Bochs dies before the command starts" failed \
	'the machine died before the command started: Bochs: it died between up and start'
hangs='lab/intel: the machine hangs, 1 s without a line, before it was up'
intel silent --patience 1 -- true
check "intel: Bochs hangs, and never opens its pipes" failed "$hangs"
intel mute --patience 1 -- true
check "intel: Bochs hangs, and never logs a line" failed "$hangs"
intel chatty --patience 2 -- true
check "intel: a kernel that logs for ever and never gets up" failed \
	'lab/intel: the machine is too slow, 20 s, before it was up'
intel fail -- true
check "intel: a lab without KVM" failed 'lab/intel: no KVM: acted'
intel partial -- true
check "intel: Bochs dies while the command runs" failed 'the machine died while the command ran'
check "intel: the last partial results are kept" [ "$(cat "$dir/results/partial.log")" = late ]
check "intel: and so are earlier ones" [ "$(cat "$dir/results/other.log")" = more ]
intel torn -- true
check "intel: a torn archive does not replace a complete one" [ "$(cat "$dir/results/partial.log")" = early ]
BOCHS=$dir/bin/none
export BOCHS
intel results -- true
check "intel: no Bochs" usage_error 'scripts/packages --install lab intel brings Bochs'
BOCHS=$dir/bzImage
intel results -- true
check "intel: a Bochs that is no program" failed "$died: Bochs: setpriv: failed to execute"
unset BOCHS
check "intel: OVMF is packed" packs_ovmf uefi plain
check "intel: OVMF with Secure Boot is packed" packs_ovmf uefi-secure secure-boot
intel hang --memory 100 -- true
check "intel: too little memory" usage_error '--memory must be at least 512'
check "intel: a signal ends everything" ends_by_signal intel hang out bochs
check "intel: also before Bochs opens its pipes" ends_by_signal intel silent pid bochs
check "intel: also processes that Bochs started" ends_by_signal intel parent out bochs

amd results -- true
check "amd: the command's status is the lab's" [ "$status:$(cat "$dir/out")" = 4:output ]
check "amd: the runner inside is told QEMU's version" tells_emulator initrd 9.8.7
check "amd: nothing is left" nothing_is_left
died='lab/amd: the machine died before it was up'
amd gone -- true
check "amd: QEMU dies at once" failed "$died: QEMU: could not load PC BIOS 'qboot.rom'"
amd early -- true
check "amd: QEMU dies before the kernel is up" failed "$died"
amd late -- true
check "amd: QEMU dies while the command runs" failed \
	'the machine died while the command ran: QEMU: terminating on signal 15'
amd silent --patience 1 -- true
check "amd: QEMU hangs" failed 'lab/amd: the machine hangs, 1 s without a line, before it was up'
check "amd: a signal ends everything" ends_by_signal amd silent pid tcg
amd results --modules "$dir/loadable" --kvm npt=0,halt_poll_ns=0 -- true
check "amd: each parameter goes to the module that has it" kernel_is_told \
	'kvm_amd.npt=0 kvm.halt_poll_ns=0'
amd results --modules "$dir/loadable" --kvm ept=0 -- true
check "amd: also to the other vendor's module, which is not loaded" kernel_is_told kvm_intel.ept=0
amd results --modules "$dir/loadable" --kvm npt=0,pt=1 -- true
check "amd: no module has the parameter" usage_error \
	"lab/amd: --kvm: no KVM module of $dir/bzImage has a parameter 'pt'"
amd results --kvm npt=0 -- true
check "amd: each part of a built-in KVM gets all parameters" kernel_is_told \
	'kvm.npt=0 kvm_amd.npt=0 kvm_intel.npt=0'
