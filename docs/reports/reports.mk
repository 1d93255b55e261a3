# SPDX-License-Identifier: GPL-2.0-or-later
# The reproducers that are sent with reports. They must compile for those who get them, so "make check"
# builds them. They do not depend on Ferry, and are linked statically, so that any host and any lab runs them.

reproducers := $(patsubst docs/reports/%.c,$(build)/reports/%,$(wildcard docs/reports/*.c))
REPORTS_CFLAGS := -std=gnu11 -O2 -g $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
reports_command := $(CC) $(REPORTS_CFLAGS)
$(eval $(call remember,reports,reports_command))

reports: $(reproducers)

$(reproducers): $(build)/reports/%: docs/reports/%.c docs/reports/repro.h docs/reports/repro-vmx.h \
		docs/reports/reports.mk $(build)/reports.flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(quiet)$(CC) $(REPORTS_CFLAGS) $(LDFLAGS) -static -o $@ $<

.PHONY: reports
