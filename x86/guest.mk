# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the guests. A program is one file, x86/NAME.c, or a folder x86/NAME/ whose .c files are
# all linked. It becomes build/x86/NAME.elf, which has symbols and lines for people and the runner,
# and build/x86/NAME.flat, which QEMU starts with -kernel.
#
# A program's folder may have a file program.mk, whose one line names what else is linked:
#
#	NAME_links := x86/nested/wake.c x86/nested/steps.c
#
# x86/nested/ has what several nested programs share. It is no program.

guest_folders := $(filter-out x86/nested,$(patsubst %/,%,$(sort $(dir $(wildcard x86/*/*.c)))))
guest_files := $(wildcard x86/*.c)
guest_programs := $(sort $(guest_files:x86/%.c=%) $(guest_folders:x86/%=%))
guest_flats := $(guest_programs:%=$(build)/x86/%.flat)
guest_elfs := $(guest_programs:%=$(build)/x86/%.elf)
include $(wildcard x86/*/program.mk)

# $(call objects,SOURCES): the object files of .c and .S files.
objects = $(patsubst %,$(build)/%.o,$(basename $(1)))

# The library has three archives: one for every program, one for L2s on SVM, one for L2s on VMX. The
# latter two define the same functions, so a program is linked with one of them, by its name.
guest_library_objects := $(call objects,$(wildcard lib/*.c lib/x86/*.[cS] lib/x86/efi/*.[cS]))
guest_svm_objects := $(call objects,$(wildcard lib/x86/nested/*.[cS] lib/x86/nested/svm/*.[cS]))
guest_vmx_objects := $(call objects,$(wildcard lib/x86/nested/*.[cS] lib/x86/nested/vmx/*.[cS]))
guest_library := $(build)/lib/libcflat.a
guest_svm_library := $(build)/lib/libsvm.a
guest_vmx_library := $(build)/lib/libvmx.a
guest_libraries := $(guest_library) $(guest_svm_library) $(guest_vmx_library)
guest_nested_objects := $(call objects,$(wildcard x86/nested/*.c))

# The compiler must not use floating-point and vector registers: interrupt handlers do not save
# them, and a test that uses them in assembly finds them unchanged.
guest_compiler_include := $(shell $(CC) -print-file-name=include)
GUEST_CPPFLAGS := -nostdinc -isystem $(guest_compiler_include) -I. -Ilib -Ilib/x86
GUEST_CFLAGS := -std=gnu11 -O2 -g -m64 -march=x86-64 -ffreestanding -fno-pic -fno-pie \
		-mno-red-zone -mno-mmx -mno-sse -mno-sse2 -mno-80387 -mgeneral-regs-only \
		-mcmodel=small -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-optimize-sibling-calls \
		-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
		-fno-common -fno-strict-aliasing $(WARNINGS) $(GUEST_COMPILER_CFLAGS)
GUEST_LDFLAGS := -m64 -nostdlib -static -Wl,--build-id=none -Wl,-n \
		 -Wl,--fatal-warnings -Wl,-z,noexecstack
guest_command := $(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) $(GUEST_LDFLAGS)
$(eval $(call remember,guest,guest_command))
guest_flags := $(build)/guest.flags

include x86/efi.mk

# Without the multiboot images the runner still needs this one, which measures the host.
ifeq ($(GUEST_TARGET),efi)
guest_flats := $(build)/x86/calibrate.flat
endif

guests: $(guest_flats) $(guest_efis) $(guest_secures) $(efi_certificate)

$(build)/x86/%.flat: $(build)/x86/%.elf
	$(say) OBJCOPY $@
	$(quiet)$(OBJCOPY) -S -O elf32-i386 $< $@

# A program is made of its own .c files, and of those that program.mk names.
define program_links
$(build)/x86/$(1).elf: $(call objects,$(wildcard x86/$(1).c x86/$(1)/*.c) $($(1)_links))
endef
$(foreach program,$(guest_programs),$(eval $(call program_links,$(program))))
$(filter $(build)/x86/svm_%,$(guest_elfs)): $(guest_svm_library)
$(filter $(build)/x86/vmx_%,$(guest_elfs)): $(guest_vmx_library)

# What was linked with a file that is removed or renamed is linked again.
guest_c_files := $(sort $(wildcard lib/*.c lib/*/*.[cS] lib/*/*/*.[cS] lib/*/*/*/*.[cS] \
	x86/*.c x86/*/*.c))
$(eval $(call remember,guest-files,guest_c_files))
$(guest_elfs) $(guest_libraries): $(build)/guest-files.flags

# Whole archives, since nobody calls a file that only has tests or handlers.
$(build)/x86/%.elf: $(build)/x86/%.name.o $(guest_library) x86/flat.lds
	$(say) LD $@
	$(quiet)$(CC) $(GUEST_LDFLAGS) -Wl,-T,x86/flat.lds -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive $(filter %.a,$^) -Wl,--no-whole-archive

# The program's name, for its `hello` line.
$(build)/x86/%.name.o: x86/guest.mk $(guest_flags)
	@mkdir -p $(@D)
	$(quiet)echo 'extern const char program_name[]; const char program_name[] = "$*";' | \
		$(CC) $(GUEST_CFLAGS) -x c -c -o $@ -

$(guest_library): $(guest_library_objects)
$(guest_svm_library): $(guest_svm_objects)
$(guest_vmx_library): $(guest_vmx_objects)
$(guest_libraries):
	$(say) AR $@
	$(quiet)rm -f $@
	$(quiet)$(AR) rcs $@ $(filter %.o,$^)

$(build)/x86/%.o: x86/%.c x86/guest.mk $(guest_flags)
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(build)/lib/%.o: lib/%.c x86/guest.mk $(guest_flags)
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(build)/lib/%.o: lib/%.S x86/guest.mk $(guest_flags)
	@mkdir -p $(@D)
	$(say) AS $@
	$(quiet)$(CC) $(GUEST_CPPFLAGS) -g -m64 -MMD -MP -c -o $@ $<

guest_objects := $(sort $(guest_library_objects) $(guest_svm_objects) $(guest_vmx_objects) \
	$(guest_nested_objects) $(call objects,$(guest_files) $(wildcard $(guest_folders:%=%/*.c))))
-include $(guest_objects:.o=.d)

.PHONY: guests
.SECONDARY: $(guest_elfs) $(guest_objects) $(guest_programs:%=$(build)/x86/%.name.o)
