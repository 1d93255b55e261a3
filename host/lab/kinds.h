/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of labs: which emulated machines there are, and what the runner has to know of each.
 * The script lab/NAME makes the machine.
 */
#ifndef FERRY_HOST_LAB_KINDS_H
#define FERRY_HOST_LAB_KINDS_H

#include <glib.h>

/* As a host, this means the first kind that offers what the case needs. */
#define ANY_LAB "lab"

/* All members have to be set but `no_uefi`, `uefi_note` and `emulates_like`. */
struct lab_kind {
	const char *name; /* of the script below lab/, and the word of --host */
	/* Needs (suite/needs.h) that the machine can meet. The runner inside checks them again. */
	const char *const *offers;
	/* The clock sources that the lab's kernel can be told to use: the words of --lab-clock. */
	const char *const *clocks;
	/* Returns why the lab cannot be started on this machine at all, or NULL. */
	const char *(*missing)(void);
	/* The script's --accel for its emulator. Every script also takes "kvm". */
	const char *emulator;
	/* Does this machine's KVM offer its guests the CPU of the lab? Then no CPU is emulated. */
	gboolean (*is_hardware)(void);
	/* The CPUs that the script gives the machine: this many vCPUs of guests run at a time. */
	unsigned cpus;
	/* The lab sees the host's files. If not, each file that it needs must be named. */
	gboolean shares_files;
	/* Seconds that may pass from the script's start to the first line of the runner inside. */
	unsigned boot_seconds;
	/* Why it cannot run UEFI firmware where its CPU is emulated, or NULL. */
	const char *no_uefi;
	/* What one has to know if it can, or NULL. */
	const char *uefi_note;
	/*
	 * How many times longer a case takes than on this machine's KVM where the CPU is emulated.
	 * A rough guess, for cases that have not run there yet.
	 */
	double slowness;
	/*
	 * Another lab with the same emulated CPU, whose known issues also hold for this lab. NULL
	 * if there is none.
	 */
	const char *emulates_like;
};

/*
 * All kinds in the order in which they are preferred: the first that offers what a case needs is
 * taken. The last has no name.
 */
extern const struct lab_kind lab_kinds[];

/* The words for kernels that lab/find-kernel finds or makes, ended by NULL. */
extern const char *const lab_kernel_words[];

/* The kind NAME, or NULL if there is none. */
const struct lab_kind *lab_kind_find(const char *name);

/* For tests: lab_kind_find() also finds KIND, which is not in the table. NULL: no more. */
void lab_kind_pretend(const struct lab_kind *kind);

/* Does the kind meet NEED? */
gboolean lab_kind_offers(const struct lab_kind *kind, const char *need);

/* The clocks that at least one kind can be started with, ended by NULL. */
const char *const *lab_clocks(void);

/* "amd or intel": all labs. The caller frees it. */
char *lab_kind_names(void);

/* "auto, local, lab, amd or intel": what --host can be told. The caller frees it. */
char *lab_kind_hosts(void);

/* Is HOST one of lab_kind_hosts()? NULL is as good as auto. FALSE and ERROR if not. */
gboolean lab_kind_check_host(const char *host, GError **error);

#endif
