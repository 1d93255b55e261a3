# SPDX-License-Identifier: GPL-2.0-or-later
#
# Targets for developers: "make help", "make lint", "make tags", "make compile_commands.json".

define help_text
Targets:
  all (default)          guests, runner and what the labs need
  guests, host, lab      only this part of all
  reports                the reproducers of docs/reports
  man                    the man pages, made from the text of --help
  install                copy all that is needed to run Ferry to DESTDIR/PREFIX
  uninstall              remove the installed files
  check                  build and run the project's own tests
  check-units            the unit tests alone
  lint                   coding style, shell scripts, static analysis, layers of host/
  tags                   an index of all names, for an editor (needs ctags)
  compile_commands.json  how each file is compiled, for clangd and other tools
  clean                  remove all built files

Variables:
  O=DIR                  build into DIR (default: build)
  CC=, AR=, OBJCOPY=     the tools; ./configure -h tells more
  CROSS_COMPILE=PREFIX   put PREFIX in front of gcc, ar and objcopy
  WERROR=0               warnings are not errors
  V=1                    show whole commands
  PREFIX=DIR             where make install puts files (default: /usr/local), with BINDIR,
                         LIBDIR, DOCDIR, MANDIR, BASHDIR and ZSHDIR below it
  DESTDIR=DIR            goes in front of these, for packagers
endef
export help_text

help:
	@echo "$$help_text"

c_files = $(sort $(wildcard $(foreach folder,docs/reports host host/* host/*/* lab lib lib/* lib/*/* lib/*/*/* \
	tests tests/* vmm vmm/* x86 x86/*,$(folder)/*.[ch])))
scripts = $(sort configure run_tests.sh .ci/run $(shell grep -lE '^#!/bin/sh|shellcheck shell=(ba)?sh' \
	$(filter-out %.c %.h %.mk,$(wildcard lab/* scripts/* scripts/completion/* corpus/*/* tests/* tests/*/*)) /dev/null 2>/dev/null))

# Each part runs even if an earlier one has failed.
lint_parts := lint-format lint-shell lint-c lint-layers lint-strings lint-docs
lint:
	$(quiet)$(MAKE) --no-print-directory -k $(lint_parts)

lint-format:
	$(say) FORMAT
	$(quiet)clang-format --dry-run -Werror $(c_files)

lint-shell:
	$(say) SHELL
	$(quiet)shellcheck -x $(scripts)

# scripts/cppcheck.suppressions has the reason of each exception.
CPPCHECK := cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
	    --inline-suppr --suppressions-list=scripts/cppcheck.suppressions -I.
lint-c:
	$(say) CPPCHECK
	$(quiet)$(CPPCHECK) --library=gtk -Ihost host lab tests docs/reports
	$(quiet)$(CPPCHECK) -Ivmm vmm
	$(quiet)$(CPPCHECK) -Ilib -Ilib/x86 lib x86

lint-layers:
	$(say) LAYERS
	$(quiet)scripts/check-layers

# The rows of tests/ hold data and commands, which may need a line each.
lint-strings:
	$(say) STRINGS
	$(quiet)scripts/check-strings $(filter-out tests/%,$(c_files))

lint-docs:
	$(say) DOCS
	$(quiet)scripts/check-docs

tags:
	ctags -R --exclude=$(build) .

# $(call compilation,FILE,COMMAND): one entry.
quote := "
define compilation
{ "directory": "$(CURDIR)", "file": "$(1)", "command": "$(subst $(quote),\$(quote),$(2)) -c $(1)" },

endef
guest_sources = $(filter lib/% x86/%,$(filter %.c,$(c_files)))
host_and_test_sources = $(filter host/% tests/%,$(filter %.c,$(c_files)))
compile_commands.json: FORCE
	$(say) WRITE $@
	$(file >$@,[)
	$(file >>$@,$(foreach file,$(guest_sources),$(call compilation,$(file),$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS))))
	$(file >>$@,$(foreach file,$(vmm_sources),$(call compilation,$(file),$(vmm_command))))
	$(file >>$@,$(foreach file,$(host_and_test_sources),$(call compilation,$(file),$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) -DSOURCE_FOLDER='"$(CURDIR)"')))
	$(file >>$@,{ "directory": "$(CURDIR)", "file": "lab/preforked.c", "command": "$(CC) $(subst $(quote),\$(quote),$(HOST_CPPFLAGS) $(HOST_CFLAGS)) -fPIC -c lab/preforked.c" }])

FORCE:
.PHONY: help lint $(lint_parts) tags FORCE
