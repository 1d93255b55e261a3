# SPDX-License-Identifier: GPL-2.0-or-later
#
# The project's own tests. "make check" builds and runs all of them:
#   unit-*.c	  one subject of host/ each, linked with the runner's objects
#   fake-qemu.c	  stands in for QEMU and acts out what goes wrong (see there)
#   filtering-qemu.c	  QEMU, but a page of its guest's memory goes wrong (with
#			  migration-stream.c and watched-page.c)
#   faults.c	  runs build/ferry where things go wrong, and looks for what is left
#   lab.sh	  lab/intel around a Bochs that only acts
#   packages.sh	  scripts/packages on distributions that are only acted
#   check.sh	  runs these and the quick cases, and counts

tests_build := $(build)/tests
unit_programs := $(patsubst tests/%.c,$(tests_build)/%,$(wildcard tests/unit-*.c))
filtering_sources := tests/filtering-qemu.c tests/migration-stream.c tests/watched-page.c
faults_sources := $(filter-out tests/unit-%.c tests/%-qemu.c $(filtering_sources),$(wildcard tests/*.c))
faults_objects := $(faults_sources:%.c=$(build)/%.o)
filtering_objects := $(filtering_sources:%.c=$(build)/%.o)
qemus := $(tests_build)/fake-qemu $(tests_build)/filtering-qemu
tests_objects := $(unit_programs:%=%.o) $(faults_objects) $(filtering_objects) \
	$(tests_build)/fake-qemu.o
# Rows of a table leave out what does not matter to them.
TESTS_CFLAGS := $(HOST_CPPFLAGS) $(HOST_CFLAGS) -Wno-missing-field-initializers
# The whole runner, with its main() out of the way.
host_parts := $(filter-out $(build)/host/cli/main.o,$(host_objects)) $(tests_build)/ferry.o

check: all $(unit_programs) $(tests_build)/faults $(qemus)
	@tests/check.sh $(build)

$(unit_programs): %: %.o $(host_parts)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(tests_build)/ferry.o: $(build)/host/cli/main.o tests/tests.mk
	@mkdir -p $(@D)
	$(quiet)$(OBJCOPY) --redefine-sym main=ferry_main $< $@

$(tests_build)/faults: $(faults_objects)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(tests_build)/fake-qemu: $(tests_build)/fake-qemu.o
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^

$(tests_build)/filtering-qemu: $(filtering_objects)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(tests_objects): $(build)/%.o: %.c tests/tests.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(TESTS_CFLAGS) -MMD -MP -c -o $@ $<

-include $(tests_objects:.o=.d)

.PHONY: check
.SECONDARY: $(tests_objects)
