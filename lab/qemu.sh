# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # shared with lab/common.sh
#
# A machine that QEMU runs, on TCG or on KVM. It has the host's files by 9p, and reports over
# virtio ports. lab/common.sh says what each function is for.

emulator_patience=120
emulator_ports=virtio
emulator_needs_files=

emulator_check() {
	# On a busy machine a lab's kernel measures its TSC wrongly. tsc-khz, which `make` builds,
	# measures it well.
	if khz=$("$build/lab/tsc-khz" 2>/dev/null); then
		clock_options="$clock_options tsc_early_khz=$khz"
	fi
}

emulator_version() {
	"$LAB_QEMU" --version </dev/null | sed -n '1s/.* version \([0-9.]*\).*/\1/p'
}

# The machine sees the host's files, so it needs no further initrd.
emulator_initrds() {
	:
}

# In an option's value QEMU expects each comma doubled.
doubled() {
	printf %s "$1" | sed 's/,/,,/g'
}

# QEMU dies with this script, even if SIGKILL ends the script.
run_qemu() {
	if [ "$shell" ]; then
		exec setpriv --pdeathsig KILL -- "$LAB_QEMU" "$@" </dev/tty 9>&-
	fi
	exec setsid setpriv --pdeathsig KILL -- "$LAB_QEMU" "$@" </dev/null >&9 2>&1 9>&-
}

emulator_start() {
	kernel_options=$1
	case $accel in
	tcg) accel=tcg,thread=single cpu=max,+svm ;; # docs/labs.md tells why a single thread
	*) cpu=host ;;
	esac
	if [ "$shell" ]; then
		set -- -chardev stdio,id=terminal,signal=off -device virtconsole,chardev=terminal
	else
		set --
	fi
	[ -z "$results" ] || set -- "$@" -device virtio-9p-pci,fsdev=results,mount_tag=results \
		-fsdev "local,id=results,path=$(doubled "$results"),security_model=none,multidevs=remap"
	eval "set -- \"\$@\" $qemu_arguments"

	run_qemu -no-reboot -nodefaults -no-user-config -display none \
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
		"$@" 8<&- &
	machine=$!
}

emulator_output() {
	cat
}

# Prints QEMU's last line that is no warning, without the program's name.
emulator_reason() {
	sed -n '/warning:/!s/^\(.*qemu[^ :]*: \)\{0,1\}\(..*\)$/QEMU: \2/p' | tail -n 1
}
