# SPDX-License-Identifier: GPL-2.0-or-later
# The runner: every .c file below host/, into build/ferry.

host_sources := $(wildcard host/*/*.c host/*/*/*.c)
host_objects := $(host_sources:%.c=$(build)/%.o)
# CPPFLAGS, CFLAGS and LDFLAGS are a packager's, and never for guests.
HOST_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(HOST_LIBRARY_CFLAGS) $(CPPFLAGS) $(CFLAGS)
HOST_CPPFLAGS := -I. -Ihost
host_command := $(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS)
$(eval $(call remember,host,host_command))
host_flags := $(build)/host.flags

host: $(build)/ferry

# Linked again when a file was removed or renamed.
$(eval $(call remember,host-files,host_sources))

$(build)/ferry: $(host_objects) $(build)/host-files.flags
	$(say) LINK $@
	$(quiet)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(HOST_LIBRARY_LIBS)

$(build)/host/%.o: host/%.c host/host.mk $(host_flags)
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

# A runner that is built outside the source tree must know where that is.
$(build)/host/util/paths.o: HOST_CPPFLAGS += -DSOURCE_FOLDER='"$(CURDIR)"'

# The assembler reads these files, so the compiler does not list them as dependencies.
$(build)/host/report/page-files.o: $(wildcard host/report/page/*)

# The release, and what git says of the sources, if they are a clone. Root may install what others
# have cloned. Results name the commit, or the release if there is none.
FERRY_RELEASE := $(file <VERSION)
FERRY_COMMIT := $(if $(wildcard .git),$(shell git -c safe.directory='*' describe --always --dirty 2>/dev/null))
version_flags = -DFERRY_RELEASE='"$(FERRY_RELEASE)"' -DFERRY_COMMIT='"$(FERRY_COMMIT)"'
$(eval $(call remember,version,version_flags))
$(build)/host/util/version.o: HOST_CPPFLAGS += $(version_flags)
$(build)/host/util/version.o: $(build)/version.flags

-include $(host_objects:.o=.d)

.PHONY: host
