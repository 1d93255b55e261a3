# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds everything into build/. Each part of the tree brings its own rules:
# x86/guest.mk (guests and their library), host/host.mk (the runner),
# tests/tests.mk (the project's own tests).

build := build

all: guests host

# make reads this again after it has been made, by configure.
include $(build)/config.mak
$(build)/config.mak: configure
	./configure

WARNINGS := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes \
	    -Wmissing-prototypes -Wvla

# "make V=1" shows whole commands.
ifeq ($(V),1)
say := @:
quiet :=
else
say := @printf '  %-7s %s\n'
quiet := @
endif

include x86/guest.mk
include host/host.mk
-include tests/tests.mk

clean:
	rm -rf $(build)/x86 $(build)/lib $(build)/host $(build)/tests $(build)/lab $(build)/ferry

.PHONY: all clean
.DELETE_ON_ERROR:
