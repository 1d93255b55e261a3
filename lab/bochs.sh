# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # shared with lab/common.sh
#
# A machine that Bochs emulates. Bochs cannot share a folder and has no virtio. So the files that the
# command needs are in the initrd, and everything comes back over four serial lines: the kernel's
# console, output, errors, and control with the results. lab/common.sh says what each function is for.

emulator_patience=120
emulator_ports=serial
emulator_needs_files=yes

# Bochs counts one tick for each instruction, and all its clocks (TSC, PIT, HPET, APIC) count ticks.
# This many ticks are a second inside, however long they take outside. Bochs manages about half as
# many.
bochs_ips=100000000

# Bochs 2.7 gets two things wrong (docs/labs.md): entries of the page-modification log keep the
# address's low bits, and the size of the XSAVE area contradicts its parts. KVM and the kernel go
# on, but print long warnings over a slow line.
#
# An entry to a guest whose RFLAGS.IF is clear blocks the host's interrupts until the guest's next
# exit. A vCPU that spins for another one in that state would have no exit. With these parameters it
# always exits after 4096 PAUSEs.
#
# If KVM maps code with small pages (nx_huge_pages), as a distribution's kernel does on this CPU, an L2 on
# Bochs gets a #GP instead of a virtual interrupt.
#
# A distribution's kernel tests its own cryptography at each boot, for 17 s on Bochs.
bochs_kernel_options='kvm.nx_huge_pages=off kvm_intel.pml=0 kvm_intel.ple_gap=65536 kvm_intel.ple_window_grow=0 noxsave cryptomgr.notests'

# Debian's Bochs needs SDL for a display; it has its debugger compiled in, which halves its speed.
# The user's own Bochs, $BOCHS, is expected to be built without a display.
bochs=${BOCHS:-bochs}
bochs_display=sdl2
[ -z "${BOCHS-}" ] || bochs_display=nogui

# Where lab/boot.S puts the parts of the disk, in blocks of 64 KiB.
block=65536
setup_address=$((0x80000))
kernel_address=$((0x100000))
initrd_address=$((0x8000000))
command_line_offset=$((0xe000))
entry_offset=8 # in lab/enter-kernel.S
# The table of parts in lab/boot.S, and the entry that ends it.
parts_start=400 parts_end=504
# Bochs asks for a geometry. A sector has 512 bytes.
heads=16 sectors=63

# bytes COUNT VALUE: prints VALUE as COUNT bytes, the lowest first.
bytes() {
	value=$2 count=$1
	while [ "$count" -gt 0 ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $((value & 255)))"
		value=$((value >> 8)) count=$((count - 1))
	done
}

# patch_file FILE OFFSET: writes standard input over a part of the file.
patch_file() {
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# byte_of FILE OFFSET: prints this byte as a number.
byte_of() {
	od -An -tu1 -j"$2" -N1 "$1" | tr -d ' '
}

# add_part FILE ADDRESS: appends the file to the disk, padded to whole blocks. lab/boot.S will load it
# to this address.
add_part() {
	[ "$parts_offset" -lt $parts_end ] ||
		fail "$kernel has more parts than lab/boot.S has room for: $(((parts_end - parts_start) / 8))"
	blocks=$((($(size_of "$1") + block - 1) / block))
	cat "$1" >>"$work/disk"
	disk_size=$((disk_size + blocks * block))
	truncate -s "$disk_size" "$work/disk"
	{ bytes 4 "$2"; bytes 4 "$blocks"; } | patch_file "$work/disk" "$parts_offset"
	parts_offset=$((parts_offset + 8))
}

# add_kernel SETUP_SIZE: appends the kernel's protected-mode part. If possible, this is the unpacked kernel,
# with lab/enter-kernel.S in front.
add_kernel() {
	if ! "$here/unpack-kernel" "$kernel" "$work/unpacked" >"$work/parts" 2>&7; then
		tail -c +$(($1 + 1)) "$kernel" >"$work/kernel"
		add_part "$work/kernel" $kernel_address
		return
	fi
	cp "$build/lab/enter-kernel" "$work/enter-kernel"
	bytes 8 "$(sed -n 's/^entry //p' "$work/parts")" |
		patch_file "$work/enter-kernel" $entry_offset
	add_part "$work/enter-kernel" $kernel_address
	while read -r address part; do
		[ "$address" = entry ] || add_part "$part" "$address"
	done <"$work/parts"
	rm -r "$work/unpacked"
}

# make_disk OPTIONS: writes a disk: the boot sector, the kernel's real-mode part with the fields that a boot
# loader fills in (Linux, Documentation/x86/boot.rst), its protected-mode part, and the initrd.
make_disk() {
	setup_size=$((($(byte_of "$kernel" 497) + 1) * 512))
	head -c "$setup_size" "$kernel" >"$work/setup"
	printf '\377' | patch_file "$work/setup" $((0x210)) # type_of_loader: unknown
	bytes 1 $(($(byte_of "$work/setup" $((0x211))) | 0x80)) |
		patch_file "$work/setup" $((0x211)) # loadflags: CAN_USE_HEAP
	{ bytes 4 $initrd_address; bytes 4 "$(size_of "$work/initrd")"; } |
		patch_file "$work/setup" $((0x218)) # ramdisk_image, ramdisk_size
	bytes 2 $((command_line_offset - 0x200)) |
		patch_file "$work/setup" $((0x224)) # heap_end_ptr
	bytes 4 $((setup_address + command_line_offset)) |
		patch_file "$work/setup" $((0x228)) # cmd_line_ptr
	printf '%s\0' "$1" | patch_file "$work/setup" $command_line_offset

	cat "$build/lab/boot" >"$work/disk"
	disk_size=512 parts_offset=$parts_start
	add_part "$work/setup" $setup_address
	add_kernel "$setup_size"
	add_part "$work/initrd" $initrd_address
	cylinders=$((disk_size / (heads * sectors * 512) + 1))
	truncate -s $((cylinders * heads * sectors * 512)) "$work/disk"
}

# The paths /dev/fd/N are the files that Bochs inherits as descriptors 3, 4, 5 and 7 (see
# emulator_start).
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
com1: enabled=1, mode=file, dev=/dev/fd/7
com2: enabled=1, mode=file, dev=/dev/fd/3
com3: enabled=1, mode=file, dev=/dev/fd/4
com4: enabled=1, mode=file, dev=/dev/fd/5
log: /dev/null
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
$bochs_lines
END
}

emulator_check() {
	command -v "$bochs" >/dev/null ||
		fail "no $bochs here; scripts/packages --install lab intel brings Bochs"
	[ -e "$build/lab/boot" ] || fail "no $build/lab/boot yet: run make"
	[ -z "$shell" ] || fail "--shell needs a real $vendor host"
	[ -z "$qemu_arguments" ] || fail "--qemu-arg is for QEMU; for Bochs there is --bochs-line"
	[ "$memory" -ge 512 ] ||
		fail "--memory must be at least 512, since much travels in the initrd"
	clock_options="$clock_options tsc_early_khz=$((bochs_ips / 1000))"
}

# Bochs has no option for its version, but prints a banner with it before it fails for lack of a
# configuration.
emulator_version() {
	timeout 10 "$bochs" -q -f "$work/no-bochsrc" </dev/null 2>&1 |
		sed -n 's/^ *Bochs x86 Emulator \([0-9.]*\).*/\1/p' | head -n 1
}

# The machine gets the files that the command needs in an initrd.
emulator_initrds() {
	program=$(command -v "$1") || program=
	set --
	case $program in
	/*) set -- "$program" ;;
	*/*) set -- "$PWD/$program" ;;
	esac
	eval "\"\$here/pack-files\" $firmware $vmms \"\$@\" $files"
}

# Bochs dies with this script, even if SIGKILL ends the script.
run_bochs() {
	export SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy BXSHARE=/usr/share/bochs
	exec setsid setpriv --pdeathsig KILL -- "$bochs" -q -f "$work/bochsrc" "$@" \
		</dev/null >&9 2>&1 9>&-
}

emulator_start() {
	make_disk "$1 $bochs_kernel_options"
	write_bochsrc >"$work/bochsrc"
	set --
	# A Bochs with a debugger would stop at a prompt.
	if timeout 10 "$bochs" --help 2>&1 </dev/null | grep -q '^ *-rc '; then
		echo c >"$work/debugger"
		set -- -rc "$work/debugger"
	fi
	# Bochs would truncate the log when it opens it, so it gets a pipe instead. Both ends are open
	# before the reader and Bochs start. So neither waits for the other, and the reader ends when
	# Bochs does, whether Bochs has opened the pipe or not.
	mkfifo "$work/kernel-log"
	exec 6<>"$work/kernel-log"
	cat <"$work/kernel-log" >&7 3>&- 4>&- 5>&- 6>&- 8<&- 9>&- &
	copiers="$copiers $!"
	run_bochs "$@" 7>"$work/kernel-log" 6>&- 8<&- &
	machine=$!
}

# Bochs prints nothing useful besides its banner.
emulator_output() {
	:
}

# Prints the reason that Bochs gives when it ends, or else its last line that is no part of its banner.
emulator_reason() {
	awk '
		/exiting with the following message/ { getline; sub(/^\[[^]]*\] */, ""); said = $0 }
		/^[^ =]/ { last = $0 }
		END { if (said) print "Bochs: " said; else if (last) print "Bochs: " last }'
}
