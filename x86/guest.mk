# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the guests: every x86/NAME.c becomes build/x86/NAME.elf, which keeps its
# names and lines for people and for the runner, and build/x86/NAME.flat, which
# QEMU starts with -kernel. A new program is one new file in x86/. A hyphen in its name says
# that it is none, but what several programs share, or a part of one (guest_links, below).

guest_shared := $(patsubst x86/%.c,%,$(wildcard x86/*-*.c))
guest_programs := $(filter-out $(guest_shared),$(patsubst x86/%.c,%,$(wildcard x86/*.c)))
guest_flats := $(guest_programs:%=$(build)/x86/%.flat)
guest_library := $(build)/lib/libcflat.a
guest_objects := $(patsubst %,$(build)/%.o,$(basename $(wildcard lib/*.c lib/x86/*.[cS])))

# Nested guests have the same names on SVM and VMX: programs called svm_ and vmx_ get
# the one or the other, and the rest of the programs neither.
guest_l2_objects := $(filter $(addprefix $(build)/lib/x86/,l2%.o svm%.o vmx%.o),$(guest_objects))
guest_library_objects := $(filter-out $(guest_l2_objects),$(guest_objects))
$(filter $(build)/x86/svm_%,$(guest_programs:%=$(build)/x86/%.elf)): \
	$(filter-out $(build)/lib/x86/vmx%,$(guest_l2_objects))
$(filter $(build)/x86/vmx_%,$(guest_programs:%=$(build)/x86/%.elf)): \
	$(filter-out $(build)/lib/x86/svm%,$(guest_l2_objects))

# $(call guest_links,PROGRAMS,PATTERNS): with which of these files programs are linked.
guest_links = $(eval $(patsubst %,$(build)/x86/%.elf,$(1)): \
	$(patsubst %,$(build)/x86/%.o,$(filter $(2),$(guest_shared))))
$(call guest_links,svm_memory vmx_memory vmx_ept,l2-memory%)
$(call guest_links,svm_memory vmx_memory,l2-cr3)
$(call guest_links,vmx_memory vmx_ept,vmx-nesting)
$(call guest_links,svm_intercept vmx_exit,l2-instructions)
$(call guest_links,svm_intercept,svm-intercept%)
$(call guest_links,vmx_exit,vmx-exit%)
$(call guest_links,svm_state vmx_state,l2-state%)
$(call guest_links,svm_time vmx_time,l2-time%)
$(call guest_links,svm_hyperv vmx_hyperv,l2-hyperv)
$(call guest_links,vmx_order,vmx-monitor-trap)
$(call guest_links,svm_event,svm-event-%)
$(call guest_links,svm_event vmx_event,l2-interrupts)
$(call guest_links,svm_event vmx_order,l2-steps)
$(call guest_links,svm_event vmx_activity,l2-wake)

# No floating point and vector registers in the compiler's own code: an interrupt
# handler saves none, and a test that uses them in assembly finds them unchanged.
# Tests run in the order of their file, hence -fno-toplevel-reorder.
guest_compiler_include := $(shell $(CC) -print-file-name=include)
GUEST_CPPFLAGS := -nostdinc -isystem $(guest_compiler_include) -Ilib -Ilib/x86
GUEST_CFLAGS := -std=gnu11 -O2 -g -m64 -march=x86-64 -ffreestanding -fno-pic -fno-pie \
		-mno-red-zone -mno-mmx -mno-sse -mno-sse2 -mno-80387 -mgeneral-regs-only \
		-mcmodel=small -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-optimize-sibling-calls \
		-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
		-fno-common -fno-strict-aliasing -fno-toplevel-reorder $(WARNINGS)
GUEST_LDFLAGS := -m64 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-n \
		 -Wl,--fatal-warnings -Wl,-z,noexecstack

guests: $(guest_flats)

$(build)/x86/%.flat: $(build)/x86/%.elf
	$(say) OBJCOPY $@
	$(quiet)$(OBJCOPY) -S -O elf32-i386 $< $@

$(build)/x86/%.elf: $(build)/x86/%.o $(build)/x86/%.name.o $(guest_library) x86/flat.lds
	$(say) LD $@
	$(quiet)$(CC) $(GUEST_LDFLAGS) -Wl,-T,x86/flat.lds -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive $(guest_library) -Wl,--no-whole-archive

# The program's name, for the line that says hello.
$(build)/x86/%.name.o: x86/guest.mk
	@mkdir -p $(@D)
	$(quiet)echo 'extern const char program_name[]; const char program_name[] = "$*";' | \
		$(CC) $(GUEST_CFLAGS) -x c -c -o $@ -

$(guest_library): $(guest_library_objects)
	$(say) AR $@
	$(quiet)rm -f $@
	$(quiet)$(AR) rcs $@ $^

$(build)/x86/%.o: x86/%.c x86/guest.mk Makefile $(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(build)/lib/%.o: lib/%.c x86/guest.mk Makefile $(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(build)/lib/%.o: lib/%.S x86/guest.mk Makefile $(build)/config.mak
	@mkdir -p $(@D)
	$(say) AS $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) -g -m64 -MMD -MP -c -o $@ $<

-include $(guest_objects:.o=.d) $(patsubst %,$(build)/x86/%.d,$(guest_programs) $(guest_shared))

.PHONY: guests
.SECONDARY: $(guest_programs:%=$(build)/x86/%.elf) $(guest_programs:%=$(build)/x86/%.o) \
	    $(guest_programs:%=$(build)/x86/%.name.o)
