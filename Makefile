# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds everything into build/, or into DIR with "make O=DIR"; "make help" lists the targets.
# Each part of the tree brings its own rules: x86/guest.mk (guests and their library),
# host/host.mk (the runner), vmm/vmm.mk (the native VMM), lab/lab.mk (what labs need),
# tests/tests.mk (the project's own tests), docs/reports/reports.mk (reproducers of reports),
# scripts/install.mk, scripts/develop.mk (lint, tags and the like).

build := $(or $(O),build)

all: guests host vmm lab

# make reads this again after it has been made, by configure.
include $(build)/config.mak
$(build)/config.mak: configure
	./configure $(build)

# On the command line it counts for a folder that was configured without it, too.
ifeq ($(origin CROSS_COMPILE),command line)
CC := $(CROSS_COMPILE)gcc
AR := $(CROSS_COMPILE)ar
OBJCOPY := $(CROSS_COMPILE)objcopy
endif

WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes -Wvla

# Warnings are errors for us. Packagers, whose compilers we have not seen, say "make WERROR=0".
WERROR ?= 1
ifneq ($(WERROR),0)
WARNINGS += -Werror
endif

# "make V=1" shows whole commands.
ifeq ($(V),1)
say := @:
quiet :=
else
say := @printf '  %-7s %s\n'
quiet := @
endif

# $(call remember,NAME,VARIABLE): the file $(build)/NAME.flags, which changes when the variable
# does. What is made with these flags depends on it, and so is made again. GNU make 4.3 sometimes
# keeps the newline at the end of what it reads, so white space does not count.
define remember
remembered := $$(file <$$(build)/$(1).flags)
ifneq ($$(strip $$(remembered)),$$(strip $$($(2))))
$$(shell mkdir -p $$(build))
$$(file >$$(build)/$(1).flags,$$($(2)))
endif
endef

include x86/guest.mk
include host/host.mk
include vmm/vmm.mk
include lab/lab.mk
include tests/tests.mk
include docs/reports/reports.mk
include scripts/install.mk
include scripts/develop.mk

clean:
	rm -rf $(build)/x86 $(build)/lib $(build)/host $(build)/vmm $(build)/tests $(build)/lab $(build)/man $(build)/reports \
		$(build)/ferry $(build)/ferry-vmm

.PHONY: all clean
.DELETE_ON_ERROR:
