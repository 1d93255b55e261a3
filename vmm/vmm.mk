# SPDX-License-Identifier: GPL-2.0-or-later
# ferry-vmm, the native VMM: every .c file below vmm/, into build/ferry-vmm. It needs nothing but
# libc, and is linked statically, so that a lab's initrd needs nothing else.

vmm_sources := $(wildcard vmm/*.c vmm/*/*.c)
vmm_objects := $(vmm_sources:%.c=$(build)/%.o)
VMM_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) -pthread $(CPPFLAGS) $(CFLAGS)
VMM_CPPFLAGS := -Ivmm
vmm_command := $(CC) $(VMM_CPPFLAGS) $(VMM_CFLAGS)
$(eval $(call remember,vmm,vmm_command))
vmm_flags := $(build)/vmm.flags

vmm: $(build)/ferry-vmm

# Linked again when a file was removed or renamed.
$(eval $(call remember,vmm-files,vmm_sources))

$(build)/ferry-vmm: $(vmm_objects) $(build)/vmm-files.flags
	$(say) LINK $@
	$(quiet)$(CC) $(LDFLAGS) -static -pthread -o $@ $(filter %.o,$^)

$(build)/vmm/%.o: vmm/%.c vmm/vmm.mk $(vmm_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(VMM_CPPFLAGS) $(VMM_CFLAGS) -MMD -MP -c -o $@ $<

-include $(vmm_objects:.o=.d)

.PHONY: vmm
