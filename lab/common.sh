# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154 # what the script sets, as told here
#
# What all labs do, sourced by lab/NAME as its last act: the command line, the job and the
# pipes, QEMU's machine, and watching it. The script has set `here` and
#
#   lab, vendor           its name, and its CPU's
#   kvm_module            KVM's module on a real one
#   emulator              tcg (QEMU's), or bochs (lab/bochs.sh has been sourced)
#   memory, cpus          the defaults
#   usage                 prints the help

fail() {
	echo "lab/$lab: $*" >&2
	exit 2
}

# A machine that neither starts the command nor logs a line for so long hangs. Seconds.
patience=30
[ "$emulator" != bochs ] || patience=120
lab_failed=70

kernel='' modules='' clock=tsc accel='' results='' console='' shell='' extra=''
files='' extra_lines=''

quoted() {
	printf "'"
	printf %s "$1" | sed "s/'/'\\\\''/g"
	printf "' "
}

# QEMU wants commas in an option's value twice.
doubled() {
	printf %s "$1" | sed 's/,/,,/g'
}

while [ $# -gt 0 ]; do
	case $1 in
	--kernel | --modules | --clock | --accel | --results | --memory | --cpus | --console | \
		--qemu-arg | --file | --bochs-line)
		[ $# -ge 2 ] || fail "$1 needs a value; lab/$lab --help tells more"
		;;
	esac
	case $emulator:$1 in
	tcg:--file | tcg:--bochs-line) fail "unknown option '$1'; lab/$lab --help lists all" ;;
	esac
	case $1 in
	--kernel) kernel=$2 ;;
	--modules) modules="$modules$(quoted "$2")" ;;
	--clock) clock=$2 ;;
	--accel) accel=$2 ;;
	--results) results=$2 ;;
	--memory) memory=$2 ;;
	--cpus) cpus=$2 ;;
	--console) console=$2 ;;
	--qemu-arg) extra="$extra$(quoted "$2")" ;;
	--file) files="$files$(quoted "$2")" ;;
	--bochs-line) extra_lines="$extra_lines$2
" ;;
	--shell) shell=yes; shift; continue ;;
	--help | -h) usage; exit 0 ;;
	--) shift; break ;;
	-*) fail "unknown option '$1'; lab/$lab --help lists all" ;;
	*) break ;;
	esac
	shift 2
done

# ---- what was asked for ----

if [ $# -eq 0 ]; then
	[ "$shell" ] || { usage >&2; exit 2; }
	# Not what the user's own start-up files make of it: they can take a minute in there.
	if command -v bash >/dev/null; then set -- bash --norc; else set -- sh; fi
fi
[ -z "$shell" ] || [ -t 0 ] || fail "--shell needs a terminal"
command -v "${QEMU:=qemu-system-x86_64}" >/dev/null ||
	fail "no $QEMU here; scripts/packages --install brings it"

if [ -z "$kernel" ]; then
	kernel=$("$here/build-kernel" --find) ||
		fail "no kernel yet: run lab/build-kernel, or name one with --kernel"
fi
[ -r "$kernel" ] || fail "cannot read the kernel '$kernel'"
beside=$(dirname "$kernel")/modules
[ ! -d "$beside" ] || modules="$modules$(quoted "$beside")"

# A real processor of this vendor, whose KVM lends its extension to guests.
can_nest() {
	[ -w /dev/kvm ] && grep -qsE '^(1|Y)$' "/sys/module/$kvm_module/parameters/nested"
}
[ "$accel" ] || if can_nest; then accel=kvm; else accel=$emulator; fi
case $accel in
kvm | "$emulator") ;;
*) fail "unknown accelerator '$accel' ($emulator or kvm)" ;;
esac

case $clock in
tsc) clock_options='tsc=reliable no-kvmclock clocksource=tsc' ;;
hpet) clock_options='tsc=unstable no-kvmclock clocksource=hpet' ;;
*) fail "unknown clock '$clock' (tsc or hpet)" ;;
esac

# A busy machine's lab would measure its TSC wrongly; `make` builds what does better.
if [ "$accel" = bochs ]; then
	check_bochs
elif khz=$("$here/../build/lab/tsc-khz" 2>/dev/null); then
	clock_options="$clock_options tsc_early_khz=$khz"
fi

if [ "$results" ]; then
	mkdir -p "$results"
	results=$(cd "$results" && pwd -P)
fi

initrds=$(eval "\"\$here/make-initrd\" $modules")
[ "$accel" != bochs ] || initrds="$initrds $(packed_files "$1")"

# ---- the machine's files: pipes and unlinked files, so that nothing can be left ----

terminal_state=
[ -z "$shell" ] || terminal_state=$(stty -g)
work=$(mktemp -d)
machine='' supervisor='' copiers=''

# shellcheck disable=SC2317 # the traps call it
stop() {
	trap '' INT TERM HUP
	# No process, or some of our own: word splitting is meant.
	# shellcheck disable=SC2086
	kill -KILL $machine $supervisor $copiers 2>/dev/null || true
	# shellcheck disable=SC2086
	wait $machine $supervisor $copiers 2>/dev/null || true
	rm -rf "$work"
	[ -z "$terminal_state" ] || stty "$terminal_state"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# What lab/init is to know, as shell text.
write_job() {
	echo "directory=$(quoted "$PWD")"
	echo "results=$(quoted "$results")"
	echo "clock=$clock"
	[ "$accel" != bochs ] || echo "ports=serial"
	[ -z "$shell" ] || echo "terminal='$(stty size | sed 's/\(.*\) /rows \1 cols /')'"
	environment=$(quoted XDG_CACHE_HOME=/run/cache)
	for name in PATH HOME USER LANG LC_ALL TERM; do
		eval "value=\${$name-}"
		[ -z "$value" ] || environment="$environment$(quoted "$name=$value")"
	done
	echo "environment=$(quoted "$environment")"
	printf 'set -- '
	for argument; do
		quoted "$argument"
	done
	echo
}

# An initrd may be followed by another, and the kernel unpacks both.
write_job "$@" >"$work/job"
# Their names are ours: word splitting is meant.
# shellcheck disable=SC2086
cat $initrds >"$work/initrd"
(cd "$work" && echo job | busybox cpio -o -H newc 2>/dev/null) >>"$work/initrd"

log=${console:-$work/log}
: >>"$log"
exec 6<"$work/initrd" 7>>"$log"
mkfifo "$work/out" "$work/err" "$work/control"

# Each pipe is opened for reading and writing first, so that no end waits for the other.
# shellcheck disable=SC2094
exec 9<>"$work/out" 8<"$work/out" 3>"$work/out" 9>&-
cat <&8 3>&- 6<&- 7>&- &
copiers=$!
# shellcheck disable=SC2094
exec 9<>"$work/err" 8<"$work/err" 4>"$work/err" 9>&-
if [ "$console" ]; then
	cat <&8 >&7 3>&- 4>&- 6<&- 7>&- &
else
	cat <&8 >&2 3>&- 4>&- 6<&- 7>&- &
fi
copiers="$copiers $!"
# shellcheck disable=SC2094
exec 9<>"$work/control" 8<"$work/control" 5>"$work/control" 9<"$log"
[ "$accel" = bochs ] || rm -rf "$work"

# ---- the machine ----

kernel_options="console=ttyS0,115200 earlyprintk=serial,ttyS0,115200 panic=-1 oops=panic no_timer_check $clock_options"

# It dies with this script, even if that is killed with no time to say so.
start_qemu() {
	case $accel in
	tcg) accel=tcg,thread=single cpu=max,+svm ;; # docs/labs.md tells why a single thread
	*) cpu=host ;;
	esac
	input=/dev/null
	if [ "$shell" ]; then
		input=/dev/tty
		set -- -chardev stdio,id=terminal,signal=off -device virtconsole,chardev=terminal
	else
		set --
	fi
	[ -z "$results" ] || set -- "$@" -device virtio-9p-pci,fsdev=results,mount_tag=results \
		-fsdev "local,id=results,path=$(doubled "$results"),security_model=none,multidevs=remap"
	eval "set -- \"\$@\" $extra"

	setpriv --pdeathsig KILL -- "$QEMU" -no-reboot -nodefaults -no-user-config -display none \
		-machine q35,vmport=off,smbus=off,sata=off,usb=off -bios qboot.rom \
		-accel "$accel" -cpu "$cpu" -smp "$cpus" -m "$memory" \
		-kernel "$kernel" -initrd /dev/fd/6 -append "$kernel_options" \
		-chardev file,id=log,path=/dev/fd/7,append=on -serial chardev:log \
		-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=host,mount_tag=host \
		-device virtio-serial-pci \
		-chardev file,id=out,path=/dev/fd/3 -device virtserialport,chardev=out,name=ferry.out \
		-chardev file,id=err,path=/dev/fd/4 -device virtserialport,chardev=err,name=ferry.err \
		-chardev file,id=control,path=/dev/fd/5 \
		-device virtserialport,chardev=control,name=ferry.control \
		"$@" <"$input" 8<&- 9<&- &
	machine=$!
}

case $accel in
bochs) start_bochs ;;
*) start_qemu ;;
esac

# ---- watching it ----

# The log can be read once, and is then kept.
lab_fails() {
	[ "${kernel_log-}" ] || kernel_log=$(tr -d '\r' <&9)
	{
		echo "lab/$lab: $*; its kernel's last lines:"
		printf '%s\n' "$kernel_log" | tail -n 20 | sed 's/^/    /'
	} >&2
	exit $lab_failed
}

keep_partial_results() {
	[ ! -d "$work/partial" ] || cp -R "$work/partial/." "$results"
}

machine_died() {
	[ "$accel" != bochs ] || await_log_of_bochs
	keep_partial_results
	kernel_log=$(tr -d '\r' <&9)
	panic=$(printf '%s\n' "$kernel_log" | sed -n 's/.*\(Kernel panic .*\)/: \1/p' | tail -n 1)
	[ "$panic" ] || [ "$accel" != bochs ] || panic=$(words_of_bochs <&6)
	lab_fails "the machine died $1$panic"
}

log_size() {
	stat -L -c %s /dev/fd/9
}

# SIZE bytes of an archive; fails if the machine died before the last.
receive() {
	head -c "$1" >"$work/archive"
	[ "$(stat -c %s "$work/archive")" -eq "$1" ]
}

# A file that changed while it was packed may have cut the archive short: the rest counts.
unpack() {
	tar -C "$1" -xzof "$work/archive" 2>/dev/null || true
}

# Lines from lab/init until the command's status, which becomes this process'.
supervise() {
	state='before it was up'
	while :; do
		size=$(log_size)
		status=0
		# shellcheck disable=SC2016
		line=$(timeout "$patience" sh -c 'read -r line && printf %s "$line"') || status=$?
		case $status:$line in
		0:up)
			state='before the command started'
			rm -rf "${work:?}"/*
			;;
		0:start) break ;;
		0:fail\ *) lab_fails "${line#fail }" ;;
		124:*)
			[ "$(log_size)" -gt "$size" ] ||
				lab_fails "the machine hangs, $patience s without a line, $state"
			;;
		*) machine_died "$state" ;;
		esac
	done
	while read -r line; do
		case $line in
		partial\ *)
			receive "${line#partial }" || continue
			mkdir -p "$work/partial"
			unpack "$work/partial"
			;;
		results\ *)
			receive "${line#results }" || continue
			keep_partial_results
			unpack "$results"
			;;
		status\ *) exit "${line#status }" ;;
		esac
	done
	machine_died 'while the command ran'
}

# exec, since redirections of a function keep the old descriptors open aside.
(exec <&8 3>&- 4>&- 5>&- 7>&- 8<&-; supervise) &
supervisor=$!
exec 3>&- 4>&- 5>&- 6<&- 7>&- 8<&- 9<&-

status=0
wait "$supervisor" || status=$?
supervisor=
# With a terminal, QEMU has its settings to restore, and goes when the kernel powers off.
[ "$shell" ] || kill -KILL "$machine" 2>/dev/null || true
wait "$machine" 2>/dev/null || true
machine=
# All of the output, once the pipes' last writer is gone.
# shellcheck disable=SC2086
wait $copiers || true
copiers=
exit "$status"
