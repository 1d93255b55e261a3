# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the programs that the labs need.

lab_programs := $(build)/lab/tsc-khz
lab_images := $(addprefix $(build)/lab/,boot enter-kernel preforked.so)

lab: $(lab_programs) $(lab_images)

# lab/qemu.sh runs this program to learn the frequency of this machine's TSC.
$(build)/lab/tsc-khz: lab/tsc-khz.c lab/lab.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CFLAGS) $(LDFLAGS) -o $@ $<

# The runner inside an emulated lab preloads this library into QEMU (host/vmm/qemu/preforked.h).
$(build)/lab/preforked.so: lab/preforked.c host/util/child.c host/util/child.h \
		host/vmm/qemu/preforked.h lab/lab.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) $(LDFLAGS) -shared -fPIC -o $@ $(filter %.c,$^)

# Two programs for the intel lab: the boot sector of its disk, and the code that enters its kernel.
$(build)/lab/boot: address = 0x7c00
$(build)/lab/enter-kernel: address = 0x100000
$(build)/lab/boot $(build)/lab/enter-kernel: $(build)/lab/%: lab/%.S lab/lab.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) AS $<
	$(quiet)$(CC) -nostdlib -static -Wl,-N,--no-warn-rwx-segments,--build-id=none,-Ttext=$(address) -o $@.elf $<
	$(quiet)$(OBJCOPY) -O binary -j .text $@.elf $@

.PHONY: lab
