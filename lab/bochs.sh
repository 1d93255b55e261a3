# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # shared with lab/common.sh
#
# A machine emulated by Bochs, for lab/common.sh. There is no folder to share and no
# virtio: what the command needs travels in the initrd, and everything comes back over
# four serial lines: the kernel's console, output, errors, and control with the results.

# Bochs counts a tick an instruction, and all its clocks (TSC, PIT, HPET, APIC) count ticks:
# so many are a second inside, however long they take outside. About what it manages.
bochs_ips=100000000

# What Bochs 2.7 gets wrong (docs/labs.md): entries of the page-modification log keep the
# address's low bits, and the size of the XSAVE area contradicts its parts. KVM and the kernel go
# on, but with long warnings over a slow line.
#
# An entry to a guest whose RFLAGS.IF is clear blocks the host's interrupts until its next exit, and
# a vCPU that spins for another one that way would have no exit: it gets one by its PAUSEs, after
# 4096 instructions always.
bochs_kernel_options='kvm_intel.pml=0 kvm_intel.ple_gap=65536 kvm_intel.ple_window_grow=0 noxsave'

# Debian's has its debugger compiled in, which halves its speed, and SDL for a display. One
# of your own, by $BOCHS, is taken to be without windows.
bochs=${BOCHS:-bochs}
bochs_display=sdl2
[ -z "${BOCHS-}" ] || bochs_display=nogui

# Where lab/boot.S puts the parts of the disk, in blocks of 64 KiB.
block=65536
setup_address=$((0x80000))
kernel_address=$((0x100000))
initrd_address=$((0x8000000))
command_line_offset=$((0xe000))
# Sectors of 512 bytes: Bochs wants a geometry.
heads=16 sectors=63

# Little endian.
bytes() {
	value=$2 count=$1
	while [ "$count" -gt 0 ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $((value & 255)))"
		value=$((value >> 8)) count=$((count - 1))
	done
}

# Writes standard input over FILE from OFFSET on.
patch_file() {
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

byte_of() {
	od -An -tu1 -j"$2" -N1 "$1" | tr -d ' '
}

size_of() {
	stat -L -c %s "$1"
}

# Appends FILE to the disk, padded to whole blocks, as the part to be loaded at ADDRESS.
add_part() {
	blocks=$((($(size_of "$1") + block - 1) / block))
	cat "$1" >>"$work/disk"
	disk_size=$((disk_size + blocks * block))
	truncate -s "$disk_size" "$work/disk"
	{ bytes 4 "$2"; bytes 4 "$blocks"; } | patch_file "$work/disk" "$parts_offset"
	parts_offset=$((parts_offset + 8))
}

# The kernel's real-mode part with what a boot loader tells it (Documentation/x86/boot.rst
# of Linux), its protected-mode part, and the initrd, behind the boot sector.
make_disk() {
	setup_size=$((($(byte_of "$kernel" 497) + 1) * 512))
	head -c "$setup_size" "$kernel" >"$work/setup"
	tail -c +$((setup_size + 1)) "$kernel" >"$work/kernel"
	printf '\377' | patch_file "$work/setup" $((0x210)) # type_of_loader: none of the known
	bytes 1 $(($(byte_of "$work/setup" $((0x211))) | 0x80)) |
		patch_file "$work/setup" $((0x211)) # loadflags: CAN_USE_HEAP
	{ bytes 4 $initrd_address; bytes 4 "$(size_of "$work/initrd")"; } |
		patch_file "$work/setup" $((0x218)) # ramdisk_image, ramdisk_size
	bytes 2 $((command_line_offset - 0x200)) |
		patch_file "$work/setup" $((0x224)) # heap_end_ptr
	bytes 4 $((setup_address + command_line_offset)) |
		patch_file "$work/setup" $((0x228)) # cmd_line_ptr
	printf '%s\0' "$1" | patch_file "$work/setup" $command_line_offset

	cat "$here/../build/lab/boot" >"$work/disk"
	disk_size=512 parts_offset=400
	add_part "$work/setup" $setup_address
	add_part "$work/kernel" $kernel_address
	add_part "$work/initrd" $initrd_address
	cylinders=$((disk_size / (heads * sectors * 512) + 1))
	truncate -s $((cylinders * heads * sectors * 512)) "$work/disk"
}

# The machine's end of the pipes and the log are descriptors 3 to 5 and 7.
write_bochsrc() {
	cat <<END
config_interface: textconfig
display_library: $bochs_display
romimage: file=\$BXSHARE/BIOS-bochs-latest, options=fastboot
vgaromimage: file=\$BXSHARE/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count=$cpus, ips=$bochs_ips, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=$memory, host=$memory
clock: sync=none, time0=utc
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path=$work/disk, cylinders=$cylinders, heads=$heads, spt=$sectors
boot: disk
com1: enabled=1, mode=file, dev=$work/kernel-log
com2: enabled=1, mode=file, dev=/dev/fd/3
com3: enabled=1, mode=file, dev=/dev/fd/4
com4: enabled=1, mode=file, dev=/dev/fd/5
log: /dev/null
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
$extra_lines
END
}

# What is asked of this machine before anything is started.
check_bochs() {
	command -v "$bochs" >/dev/null ||
		fail "no $bochs here; scripts/packages --install lab intel brings Bochs"
	[ -e "$here/../build/lab/boot" ] || fail "no build/lab/boot yet: run make"
	[ -z "$shell" ] || fail "--shell needs a real Intel host"
	[ -z "$extra" ] || fail "--qemu-arg is for QEMU; for Bochs there is --bochs-line"
	[ "$memory" -ge 512 ] || fail "--memory must be at least 512, since much travels in the initrd"
	clock_options="$clock_options tsc_early_khz=$((bochs_ips / 1000))"
}

# The initrd with what the command needs.
packed_files() {
	program=$(command -v "$1") || program=
	set --
	case $program in
	/*) set -- "$program" ;;
	*/*) set -- "$PWD/$program" ;;
	esac
	eval "\"\$here/pack-files\" \"\$@\" $files"
}

start_bochs() {
	make_disk "$kernel_options $bochs_kernel_options"
	mkfifo "$work/kernel-log"
	{
		cat "$work/kernel-log" >&7
		: >"$work/log-is-complete"
	} 3>&- 4>&- 5>&- 6<&- 8<&- 9<&- &
	copiers="$copiers $!"
	write_bochsrc >"$work/bochsrc"
	# With a debugger it would stop at a prompt.
	debugger=
	"$bochs" --help 2>&1 | grep -q '^ *-rc ' && debugger="-rc $work/debugger"
	echo c >"$work/debugger"
	: >"$work/bochs-output"
	exec 6<"$work/bochs-output"
	# shellcheck disable=SC2086 # an option with its value, or nothing
	SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy BXSHARE=/usr/share/bochs \
		setpriv --pdeathsig KILL -- "$bochs" -q -f "$work/bochsrc" $debugger \
		</dev/null >"$work/bochs-output" 2>&1 6<&- 7>&- 8<&- 9<&- &
	machine=$!
}

# Its log has a way to go when it has died.
await_log_of_bochs() {
	tries=0
	until [ -e "$work/log-is-complete" ] || [ $tries -ge 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}

# Why it ended, out of its output.
words_of_bochs() {
	sed -n '/exiting with the following message/{n;s/^\[[^]]*\] */: Bochs: /p;q}'
}
