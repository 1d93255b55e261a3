# SPDX-License-Identifier: GPL-2.0-or-later
# The runner: every .c file here, into build/ferry.

host_sources := $(wildcard host/*.c)
host_objects := $(host_sources:%.c=$(build)/%.o)
HOST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(HOST_LIBRARY_CFLAGS)

host: $(build)/ferry $(build)/lab/tsc-khz $(build)/lab/boot $(build)/lab/linked-once.so

# What a lab's script has to know of this machine.
$(build)/lab/tsc-khz: lab/tsc-khz.c host/host.mk $(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CFLAGS) -o $@ $<

# What the runner inside a lab has loaded into QEMU.
$(build)/lab/linked-once.so: lab/linked-once.c host/child.c host/child.h host/linked-once.h host/host.mk \
		$(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CFLAGS) -shared -fPIC -o $@ lab/linked-once.c host/child.c

# The boot sector of the intel lab's disk.
$(build)/lab/boot: lab/boot.S host/host.mk $(build)/config.mak
	@mkdir -p $(@D)
	$(say) AS $<
	$(quiet)$(CC) -nostdlib -static -Wl,-N,--no-warn-rwx-segments,--build-id=none,-Ttext=0x7c00 -o $@.elf $<
	$(quiet)$(OBJCOPY) -O binary -j .text $@.elf $@

$(build)/ferry: $(host_objects)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(build)/host/%.o: host/%.c host/host.mk $(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

-include $(host_objects:.o=.d)

.PHONY: host
