# SPDX-License-Identifier: GPL-2.0-or-later
#
# The project's own tests. "make check" builds and runs all of them:
#   unit/		  one file for each subject of host/, linked with the runner's objects
#   faults/	  runs ferry where things go wrong, and checks what it says and leaves behind
#   fake-qemu/	  a fake QEMU that fails as a script says
#   fake-vmm/	  a fake ferry-vmm
#   filtering-qemu/ runs QEMU and damages a page of its guest's memory
#   lab.sh	  runs the labs with fake emulators
#   build-kernel.sh interrupts builds of a fake kernel
#   build-qemu.sh   builds the corpus's QEMUs from a fake source
#   find-kernel.sh  looks for kernels on fake machines
#   unpack-kernel.sh unpacks fake kernels
#   packages.sh	  runs scripts/packages on fake distributions
#   soak.sh	  runs scripts/soak with a fake runner
#   sweep.sh	  runs scripts/sweep with a fake runner
#   vmm.sh	  runs ferry-vmm by hand
#   bisect.sh	  bisects fake Linux and QEMU trees
#   bisect-kernel.sh, bisect-qemu.sh  bisect a real kernel, a real QEMU; not part of "make check", because they
#		  take long (bisect-real.sh has the code that they share)
#   formats.sh	  checks results of real runs with the usual readers of their formats
#   report.sh	  uses pages of `ferry report` in a browser, by page/driver.js; page/results.awk invents results
#   install.sh	  installs Ferry into a folder and uses it from there
#   install-deb.sh builds the Debian package and uses it in a minimal Debian; not part of "make check"
#   check.sh	  runs all of these and some quick cases, and counts the results
# Each file in unit/ is a program of its own; each of the other folders is one program.

tests_build := $(build)/tests
tests_objects_of = $(patsubst tests/%.c,$(tests_build)/objects/%.o,$(wildcard tests/$(1)/*.c))
unit_programs := $(patsubst tests/unit/%.c,$(tests_build)/unit-%,$(wildcard tests/unit/*.c))
folder_programs := $(addprefix $(tests_build)/,faults fake-qemu fake-vmm filtering-qemu)
tests_objects := $(call tests_objects_of,unit) $(call tests_objects_of,faults) \
	$(call tests_objects_of,fake-qemu) $(call tests_objects_of,fake-vmm) \
	$(call tests_objects_of,filtering-qemu)
# Rows of a table leave out members that they do not need.
TESTS_CFLAGS := $(HOST_CPPFLAGS) $(HOST_CFLAGS) -Wno-missing-field-initializers
# The whole runner, with its main() renamed so that a test can have its own.
host_parts := $(filter-out $(build)/host/cli/main.o,$(host_objects)) $(tests_build)/ferry.o

check: all reports $(unit_programs) $(folder_programs)
	@tests/check.sh $(build)

check-units: all $(unit_programs)
	@tests/check.sh $(build) units

$(unit_programs): $(tests_build)/unit-%: $(tests_build)/objects/unit/%.o $(host_parts)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

# These tests link some files of ferry-vmm, and use its headers.
$(tests_build)/unit-native: $(build)/vmm/quote.o
$(tests_build)/unit-vmm-acpi: $(build)/vmm/acpi.o
$(tests_build)/unit-vmm-rules: $(build)/vmm/state/rules.o
$(tests_build)/unit-vmm-state: $(addprefix $(build)/vmm/state/,state.o check.o rules.o fields.o forget.o)
$(addprefix $(tests_build)/objects/unit/,native.o vmm-acpi.o vmm-rules.o vmm-state.o): TESTS_CFLAGS += $(VMM_CPPFLAGS)

$(tests_build)/ferry.o: $(build)/host/cli/main.o tests/tests.mk
	@mkdir -p $(@D)
	$(quiet)$(OBJCOPY) --redefine-sym main=ferry_main $< $@

$(tests_build)/faults: $(call tests_objects_of,faults)
$(tests_build)/fake-qemu: $(call tests_objects_of,fake-qemu)
$(tests_build)/fake-vmm: $(call tests_objects_of,fake-vmm)
$(tests_build)/filtering-qemu: $(call tests_objects_of,filtering-qemu)
# These are started very often, so they are linked with the C library only.
$(tests_build)/fake-qemu $(tests_build)/fake-vmm: HOST_LIBRARY_LIBS :=
$(folder_programs):
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(tests_objects): $(tests_build)/objects/%.o: tests/%.c tests/tests.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(TESTS_CFLAGS) -MMD -MP -c -o $@ $<

-include $(tests_objects:.o=.d)

.PHONY: check check-units
.SECONDARY: $(tests_objects)
