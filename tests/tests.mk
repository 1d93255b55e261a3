# SPDX-License-Identifier: GPL-2.0-or-later
#
# The project's own tests. "make check" builds and runs all of them:
#   unit-*.c	  one subject of host/ each, linked with the runner's objects
#   fake-qemu.c	  stands in for QEMU and acts out what goes wrong (see there)
#   damaging-qemu.c	  QEMU, but what it restores a guest from is damaged
#   faults.c	  runs build/ferry where things go wrong, and looks for what is left
#   check.sh	  runs these and the quick cases, and counts

tests_build := $(build)/tests
unit_programs := $(patsubst tests/%.c,$(tests_build)/%,$(wildcard tests/unit-*.c))
faults_sources := $(filter-out tests/unit-%.c tests/%-qemu.c,$(wildcard tests/*.c))
faults_objects := $(faults_sources:%.c=$(build)/%.o)
qemus := $(tests_build)/fake-qemu $(tests_build)/damaging-qemu
tests_objects := $(unit_programs:%=%.o) $(faults_objects) $(qemus:%=%.o)
# Rows of a table leave out what does not matter to them.
TESTS_CFLAGS := $(HOST_CFLAGS) -Wno-missing-field-initializers -Ihost
# The whole runner, with its main() out of the way.
host_parts := $(filter-out $(build)/host/main.o,$(host_objects)) $(tests_build)/ferry.o

check: all $(unit_programs) $(tests_build)/faults $(qemus)
	@tests/check.sh $(build)

$(unit_programs): %: %.o $(host_parts)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(tests_build)/ferry.o: $(build)/host/main.o tests/tests.mk
	@mkdir -p $(@D)
	$(quiet)$(OBJCOPY) --redefine-sym main=ferry_main $< $@

$(tests_build)/faults: $(faults_objects)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(qemus): %: %.o
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^

$(tests_objects): $(build)/%.o: %.c tests/tests.mk $(build)/config.mak
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(TESTS_CFLAGS) -MMD -MP -c -o $@ $<

-include $(tests_objects:.o=.d)

.PHONY: check
.SECONDARY: $(tests_objects)
