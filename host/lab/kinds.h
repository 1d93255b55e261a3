/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of labs: which emulated machines there are, and what the runner has to know of each.
 * How a machine is made is the business of its script, lab/NAME.
 */
#ifndef FERRY_HOST_LAB_KINDS_H
#define FERRY_HOST_LAB_KINDS_H

#include <glib.h>

struct lab_kind {
	const char *name; /* of the script below lab/, and the word of --host */
	/* Needs (suite/needs.h) that the machine meets; the kernel in it has the last word. */
	const char *const *offers;
	/* What the lab's kernel can be told to keep time by: the words of --lab-clock. */
	const char *const *clocks;
	/* Why the lab cannot be started on this machine, whatever it is given, or NULL. */
	const char *(*missing)(void);
	/* What the script's --accel calls the emulator; "kvm" is what all know besides. */
	const char *emulator;
	/* Does this machine's KVM offer its guests the CPU of the lab? Then nothing is emulated. */
	gboolean (*is_hardware)(void);
	/* The emulated machine sees the host's files; else what it needs must be named. */
	gboolean shares_files;
	/* Seconds that may pass from the script's start until the runner inside speaks. */
	unsigned boot_seconds;
};

/*
 * All kinds in the order in which they are preferred: the first that offers what a case needs is
 * taken. The last has no name.
 */
extern const struct lab_kind lab_kinds[];

/* The kind NAME, or NULL if there is none. */
const struct lab_kind *lab_kind_find(const char *name);

/* Does the kind meet NEED? */
gboolean lab_kind_offers(const struct lab_kind *kind, const char *need);

/* The clocks that some kind can be started with, ended by NULL. */
const char *const *lab_clocks(void);

/* "auto, local, amd or intel": what --host can be told. The caller frees it. */
char *lab_kind_hosts(void);

#endif
