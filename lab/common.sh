# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154 # lab/NAME sets these variables, see below
#
# The code that all labs share: the command line, the job and the pipes, and watching the machine.
# lab/NAME describes one machine and sources this at its end. Before that it sets
#
#   here                   the folder of this file
#   lab, vendor            the lab's name, and its CPU's vendor
#   kvm_module             KVM's module on a real CPU of this vendor
#   emulation              the --accel that emulates the CPU: tcg or bochs
#   memory, cpus           the defaults
#   own_options            options that no other lab has
#   usage                  prints the help
#
# lab/qemu.sh and lab/bochs.sh each start one emulator. Both define
#
#   emulator_patience      if a booting machine prints no line for this many seconds, it hangs
#   emulator_ports         how lab/init reports: virtio, or serial
#   emulator_needs_files   not empty if it opens files of $work while the machine boots
#   emulator_version       prints the emulator's version, such as 7.2.22; nothing if it does not tell
#   emulator_check         fails if something is missing or an option cannot be met; may add to
#                          clock_options
#   emulator_initrds PROGRAM   prints the paths of further initrds
#   emulator_start OPTIONS     starts the machine with these options of the kernel, and sets `machine`
#   emulator_output        filters the output of an emulator that has ended, for people
#   emulator_reason        prints, in one line, why it ended; nothing if it did not say
#
# emulator_start finds these descriptors open: 3, 4 and 5 are the pipes for output, errors and
# control; 6 is the initrd; 7 is the kernel's log, to be appended to; 9 is for the emulator's own
# output.

fail() {
	echo "lab/$lab: $*" >&2
	exit 2
}

# The exit status if the lab itself failed, and not the command.
lab_failed=70

# The whole boot may take this many times the patience, however much the machine logs.
boot_rounds=10

# The build folder; `make O=DIR` uses another one.
build=${FERRY_BUILD:-$here/../build}

kernel='' modules='' parameters='' clock=tsc accel='' results='' console='' shell='' patience=''
vmms='' firmware='' files='' qemu_arguments='' bochs_lines=''

quoted() {
	printf "'"
	printf %s "$1" | sed "s/'/'\\\\''/g"
	printf "' "
}

# ---- the command line ----

while [ $# -gt 0 ]; do
	case $1 in
	--kernel | --modules | --clock | --kvm | --accel | --results | --memory | --cpus | --console | \
		--patience | --qemu-arg | --file | --vmm | --firmware | --bochs-line)
		[ $# -ge 2 ] || fail "$1 needs a value; lab/$lab --help tells more"
		;;
	esac
	case $1 in
	--file | --vmm | --firmware | --bochs-line)
		case " $own_options " in
		*" $1 "*) ;;
		*) fail "unknown option '$1'; lab/$lab --help lists all" ;;
		esac
		;;
	esac
	case $1 in
	--kernel) kernel=$2 ;;
	--modules) modules="$modules$(quoted "$2")" ;;
	--clock) clock=$2 ;;
	--kvm) parameters="$parameters $(echo "$2" | tr , ' ')" ;;
	--accel) accel=$2 ;;
	--results) results=$2 ;;
	--memory) memory=$2 ;;
	--cpus) cpus=$2 ;;
	--console) console=$2 ;;
	--patience) patience=$2 ;;
	--qemu-arg) qemu_arguments="$qemu_arguments$(quoted "$2")" ;;
	--file) files="$files$(quoted "$2")" ;;
	--vmm) vmms="$vmms$(quoted "--vmm")$(quoted "$2")" ;;
	--firmware) firmware="$firmware$(quoted "--firmware")$(quoted "$2")" ;;
	--bochs-line) bochs_lines="$bochs_lines$2
" ;;
	--shell) shell=yes; shift; continue ;;
	--help | -h) usage; exit 0 ;;
	--) shift; break ;;
	-*) fail "unknown option '$1'; lab/$lab --help lists all" ;;
	*) break ;;
	esac
	shift 2
done

# ---- checks of the options ----

if [ $# -eq 0 ]; then
	[ "$shell" ] || { usage >&2; exit 2; }
	# The user's own start-up files can take a minute inside a lab.
	if command -v bash >/dev/null; then set -- bash --norc; else set -- sh; fi
fi
[ -z "$shell" ] || [ -t 0 ] || fail "--shell needs a terminal"
need_qemu() {
	command -v "${LAB_QEMU:=qemu-system-x86_64}" >/dev/null ||
		fail "no $LAB_QEMU here; scripts/packages --install brings it"
}

case $kernel in
small | distribution) kernel_option=--$kernel kernel='' ;;
*) kernel_option='' ;;
esac
if [ -z "$kernel" ]; then
	kernel=$("$here/find-kernel" --find ${kernel_option:+"$kernel_option"} 2>/dev/null) ||
		fail "no kernel yet: 'ferry lab kernel${kernel_option:+ $kernel_option}' finds or builds one, and --kernel names another"
fi
[ -r "$kernel" ] || fail "cannot read the kernel '$kernel'"
beside=$(dirname "$kernel")/modules
[ ! -d "$beside" ] || modules="$modules$(quoted "$beside")"

# Is this a CPU of the same vendor, and does KVM here let guests have VMs of their own?
can_nest() {
	[ -w /dev/kvm ] && grep -qsE '^(1|Y)$' "/sys/module/$kvm_module/parameters/nested"
}
[ "$accel" ] || if can_nest; then accel=kvm; else accel=$emulation; fi
case $accel in
kvm | "$emulation") ;;
*) fail "unknown accelerator '$accel' ($emulation or kvm)" ;;
esac
case $accel in
bochs)
	case $vmms in
	'' | *"'qemu'"*) need_qemu ;;
	esac
	# shellcheck source=lab/bochs.sh
	. "$here/bochs.sh"
	;;
*)
	need_qemu
	# shellcheck source=lab/qemu.sh
	. "$here/qemu.sh"
	;;
esac

case ${patience:=$emulator_patience} in
*[!0-9]* | 0*) fail "--patience takes a number of seconds, and not '$patience'" ;;
esac
case $clock in
tsc) clock_options='tsc=reliable no-kvmclock clocksource=tsc' ;;
hpet) clock_options='tsc=unstable no-kvmclock clocksource=hpet' ;;
*) fail "unknown clock '$clock' (tsc or hpet)" ;;
esac
emulator_check

if [ "$results" ]; then
	mkdir -p "$results"
	results=$(cd "$results" && pwd -P)
fi

# Does the module $1 have the parameter $2? Modules list the types of their parameters.
has_parameter() {
	busybox cpio -i --to-stdout "*modules/$1.ko" <"$lab_initrd" 2>/dev/null |
		tr '\0' '\n' | grep -aq "^parmtype=$2:"
}

# Prints $parameters in the form of the kernel's command line: MODULE.NAME=VALUE. If KVM is built in, its
# parameters are not known, so all of them are passed to each of its parts.
kvm_options() {
	modules_there=yes
	busybox cpio -t <"$lab_initrd" 2>/dev/null | grep -q 'modules/kvm\.ko$' || modules_there=''
	for parameter in $parameters; do
		found=''
		for module in kvm kvm_amd kvm_intel; do
			[ -z "$modules_there" ] || has_parameter $module "${parameter%%=*}" || continue
			found=yes
			printf " %s" "$module.$parameter"
		done
		[ "$found" ] ||
			fail "--kvm: no KVM module of $kernel has a parameter '${parameter%%=*}'"
	done
}

lab_initrd=$(eval "\"\$here/make-initrd\" $modules")
parameter_options=$(kvm_options)
further=$(emulator_initrds "$1")
initrds="$lab_initrd $further"

# ---- the machine's files: pipes and unlinked files, so that none can be left behind ----

terminal_state=
[ -z "$shell" ] || terminal_state=$(stty -g)
work=$(mktemp -d)
machine='' supervisor='' copiers=''

# The emulator leads a process group, so that no process that it started stays and holds the pipes open.
# An emulator that was just started may have no group yet.
kill_machine() {
	[ -z "$machine" ] || kill -s KILL -- "-$machine" "$machine" 2>/dev/null || true
}

# shellcheck disable=SC2317 # the traps call it
stop() {
	trap '' INT TERM HUP
	kill_machine
	# No process, or some of our own: word splitting is meant.
	# shellcheck disable=SC2086
	kill -KILL $supervisor $copiers 2>/dev/null || true
	# shellcheck disable=SC2086
	wait $machine $supervisor $copiers 2>/dev/null || true
	rm -rf "$work"
	[ -z "$terminal_state" ] || stty "$terminal_state"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints the job for lab/init, as shell code.
write_job() {
	echo "directory=$(quoted "$PWD")"
	echo "results=$(quoted "$results")"
	echo "clock=$clock"
	echo "ports=$emulator_ports"
	[ -z "$shell" ] || echo "terminal='$(stty size | sed 's/\(.*\) /rows \1 cols /')'"
	environment=$(quoted XDG_CACHE_HOME=/run/cache)
	for name in PATH HOME USER LANG LC_ALL TERM FERRY_OVMF; do
		eval "value=\${$name-}"
		[ -z "$value" ] || environment="$environment$(quoted "$name=$value")"
	done
	# Known issues are limited to versions of the emulator.
	[ "$accel" = kvm ] ||
		environment="$environment$(quoted "FERRY_EMULATOR=$(emulator_version)")"
	echo "environment=$(quoted "$environment")"
	printf 'set -- '
	for argument; do
		quoted "$argument"
	done
	echo
}

# An initrd may be followed by another one, and the kernel unpacks both.
write_job "$@" >"$work/job"
# Their names are ours: word splitting is meant.
# shellcheck disable=SC2086
cat $initrds >"$work/initrd"
(cd "$work" && echo job | busybox cpio -o -H newc 2>/dev/null) >>"$work/initrd"

size_of() {
	stat -L -c %s "$1"
}

log=${console:-$work/log}
: >>"$log"
log_start=$(size_of "$log")
exec 6<"$work/initrd" 7>>"$log"
mkfifo "$work/out" "$work/err" "$work/control"

# Each process that may still write the kernel's log has a copy of descriptor 7, and so holds this lock.
# If two labs append to one file, only the first one has the lock.
flock -n 7 || true

# Each pipe is first opened for reading and writing, so that no open waits for the other end.
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
exec 9<>"$work/control" 8<"$work/control" 5>"$work/control" 9>"$work/output"

emulator_start "console=ttyS0,115200 earlyprintk=serial,ttyS0,115200 panic=-1 oops=panic no_timer_check $clock_options$parameter_options"

# The emulator has copies of these. From now on 6 reads its output, and 9 the kernel's log.
exec 3>&- 4>&- 5>&- 6<"$work/output" 7>&- 9<"$log"
[ "$emulator_needs_files" ] || rm -rf "$work"

# ---- watching the machine ----

read_log() {
	tail -c "+$((log_start + 1))" /dev/fd/9 | tr -d '\r'
}

# The reason comes last, where people look first.
lab_fails() {
	lines=$(read_log | tail -n 20 | sed 's/^/    /')
	{
		emulator_output </dev/fd/6
		[ -z "$lines" ] || printf '%s\n' "lab/$lab: the kernel's last lines:" "$lines"
		echo "lab/$lab: $*"
	} >&2
	rm -rf "$work"
	exit $lab_failed
}

keep_partial_results() {
	[ ! -d "$work/partial" ] || cp -R "$work/partial/." "$results"
}

machine_died() {
	keep_partial_results
	# The machine's last log lines may not be in the file yet.
	flock -w 10 9 || true
	reason=$(read_log | sed -n 's/.*\(Kernel panic .*\)/\1/p' | tail -n 1)
	[ "$reason" ] || reason=$(emulator_reason </dev/fd/6)
	lab_fails "the machine died $1${reason:+: $reason}"
}

# receive SIZE: reads an archive; fails if the machine died before its last byte.
receive() {
	head -c "$1" >"$work/archive"
	[ "$(size_of "$work/archive")" -eq "$1" ]
}

# If a file changed while it was packed, the archive may be cut short. All that can be unpacked is kept.
unpack() {
	tar -C "$1" -xzof "$work/archive" 2>/dev/null || true
}

# Returns when the command has started.
await_start() {
	state='before it was up' rounds=0
	while :; do
		size=$(size_of /dev/fd/9)
		status=0
		# shellcheck disable=SC2016
		line=$(timeout "$patience" sh -c 'read -r line && printf %s "$line"') || status=$?
		case $status:$line in
		0:up)
			state='before the command started'
			rm -rf "${work:?}"/*
			;;
		0:start) return ;;
		0:fail\ *) lab_fails "${line#fail }" ;;
		124:*)
			[ "$(size_of /dev/fd/9)" -gt "$size" ] ||
				lab_fails "the machine hangs, $patience s without a line, $state"
			rounds=$((rounds + 1))
			[ $rounds -lt $boot_rounds ] ||
				lab_fails "the machine is too slow, $((rounds * patience)) s, $state"
			;;
		*) machine_died "$state" ;;
		esac
	done
}

# Handles lines from lab/init until the command's status comes, and exits with that status.
supervise() {
	await_start
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
		status\ *)
			emulator_output </dev/fd/6 >&2
			exit "${line#status }"
			;;
		esac
	done
	machine_died 'while the command ran'
}

# This uses exec, since a redirection of a function would keep copies of the old descriptors open.
(exec <&8 8<&-; supervise) &
supervisor=$!
exec 6<&- 8<&- 9<&-

status=0
wait "$supervisor" || status=$?
supervisor=
# With --shell QEMU has to restore the terminal's settings, so it may end by itself when the kernel
# powers off.
[ "$shell" ] || kill_machine
wait "$machine" 2>/dev/null || true
machine=
# The copiers end when the last writer of the pipes is gone, and then all output has been copied.
# shellcheck disable=SC2086
wait $copiers || true
copiers=
exit "$status"
