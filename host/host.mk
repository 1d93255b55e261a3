# SPDX-License-Identifier: GPL-2.0-or-later
# The runner: every .c file below host/, into build/ferry.

host_sources := $(wildcard host/*/*.c host/*/*/*.c)
host_objects := $(host_sources:%.c=$(build)/%.o)
HOST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(HOST_LIBRARY_CFLAGS)
HOST_CPPFLAGS := -I. -Ihost
$(eval $(call remember,host,$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS)))
host_flags := $(build)/host.flags

host: $(build)/ferry

$(build)/ferry: $(host_objects)
	$(say) LINK $@
	$(quiet)$(CC) -o $@ $^ $(HOST_LIBRARY_LIBS)

$(build)/host/%.o: host/%.c host/host.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# Where the sources are: for a runner that was built outside them.
$(build)/host/util/paths.o: HOST_CPPFLAGS += -DSOURCE_FOLDER='"$(CURDIR)"'

-include $(host_objects:.o=.d)

.PHONY: host
