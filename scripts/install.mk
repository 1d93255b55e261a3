# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make install" copies all that is needed to run Ferry, but nothing that only its own tests use:
#
#   BINDIR/ferry           a link to LIBDIR/ferry/ferry
#   LIBDIR/ferry           built files: the runner, ferry-vmm, guests, the labs' programs
#   PREFIX/share/ferry     other files: configuration, the labs' scripts, the corpus
#   PREFIX/share/doc/ferry README and docs
#   BASHDIR, ZSHDIR        completion
#   PREFIX/share/man       man pages, which scripts/make-man makes from the text of --help
#
# The runner finds the second and third folder from its own path (host/util/paths.c), so LIBDIR has
# to be a folder of PREFIX. Guests keep their symbols and lines: backtraces need them.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
DOCDIR ?= $(PREFIX)/share/doc/ferry
MANDIR ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions

installed_lib := $(DESTDIR)$(LIBDIR)/ferry
installed_share := $(DESTDIR)$(PREFIX)/share/ferry
installed_doc := $(DESTDIR)$(DOCDIR)

# All of the labs' scripts, but no sources.
installed_lab_files := $(filter-out %.c %.S %.mk,$(wildcard lab/*))
installed_corpus_files := $(wildcard corpus/*/*)

INSTALL ?= install
install_program = $(INSTALL) -m 755
install_file = $(INSTALL) -m 644
# $(call install_each,FILES,FOLDER): copies each file to its own path below FOLDER; scripts stay executable.
install_each = for file in $(1); do \
	if [ -x "$$file" ]; then mode=755; else mode=644; fi && \
	$(INSTALL) -D -m $$mode "$$file" "$(2)/$$file" || exit; done

# The names of the other pages are known only when they are made, so ferry.1 stands for all of them.
man: $(build)/man/ferry.1
$(build)/man/ferry.1: $(build)/ferry scripts/make-man $(installed_lab_files)
	$(say) MAN $(@D)
	$(quiet)scripts/make-man $(build)/ferry $(@D)

install: all man
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(quiet)$(INSTALL) -d $(DESTDIR)$(BINDIR) $(installed_lib)/x86 $(installed_lib)/lab
	$(quiet)$(install_program) $(build)/ferry $(build)/ferry-vmm $(installed_lib)
	$(quiet)ln -sfr $(installed_lib)/ferry $(DESTDIR)$(BINDIR)/ferry
	$(quiet)$(install_file) $(guest_flats) $(guest_elfs) $(guest_efis) $(guest_secures) $(efi_certificate) $(installed_lib)/x86
	$(quiet)$(install_program) $(lab_programs) $(installed_lib)/lab
	$(quiet)$(install_file) $(lab_images) $(installed_lib)/lab
	$(quiet)$(call install_each,unittests.cfg known-issues.cfg durations.cfg corpus/quick \
		scripts/packages $(installed_lab_files) $(installed_corpus_files),$(installed_share))
	$(quiet)$(call install_each,README.md CONTRIBUTING.md corpus/README.md $(wildcard docs/*.md docs/reports/*.md docs/images/*.png),$(installed_doc))
	$(quiet)$(INSTALL) -d $(DESTDIR)$(MANDIR)/man1
	$(quiet)$(install_file) $(build)/man/*.1 $(DESTDIR)$(MANDIR)/man1
	$(quiet)$(INSTALL) -D -m 644 scripts/completion/ferry.bash $(DESTDIR)$(BASHDIR)/ferry
	$(quiet)$(INSTALL) -D -m 644 scripts/completion/_ferry $(DESTDIR)$(ZSHDIR)/_ferry

# Only ferry uses these folders.
uninstall:
	$(say) REMOVE $(DESTDIR)$(PREFIX)
	$(quiet)rm -rf $(installed_lib) $(installed_share) $(installed_doc)
	$(quiet)rm -f $(DESTDIR)$(BINDIR)/ferry $(DESTDIR)$(MANDIR)/man1/ferry.1 $(DESTDIR)$(MANDIR)/man1/ferry-*.1 \
		$(DESTDIR)$(BASHDIR)/ferry $(DESTDIR)$(ZSHDIR)/_ferry

.PHONY: man install uninstall
