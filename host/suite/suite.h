/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A suite: the programs that a unittests.cfg describes. The file format is kvm-unit-tests' (their
 * docs/unittests.md), so that their suite can be read too. docs/writing-a-test.md tells what Ferry
 * adds.
 */
#ifndef FERRY_HOST_SUITE_H
#define FERRY_HOST_SUITE_H

#include <glib.h>

/* One stanza of unittests.cfg with one of its counts of vCPUs. Only test_args may be NULL. */
struct program {
	char *name;	    /* the stanza's NAME, or NAME_up: with one vCPU of several */
	char *file;	    /* path of the flat binary */
	unsigned smp;	    /* vCPUs, 1 to 255 */
	unsigned timeout;   /* seconds on a fast host; 0 means no limit */
	char **groups;	    /* words */
	char *arch;	    /* "" or an architecture's name */
	char *accel;	    /* "", "kvm" or "tcg": the only accelerator that it runs on */
	char *machine;	    /* "" or the QEMU machine type */
	char **checks;	    /* PATH=VALUE: host files that must hold these values */
	char *test_args;    /* NULL, or the guest's command line */
	char **qemu_params; /* QEMU arguments */
	char **needs;	    /* names of host features, see needs.h */
	char **plans;	    /* names of plans; empty means the suite's default */
	unsigned disk;	    /* MiB of the disk that the guest gets; 0 for none */
	unsigned line;	    /* where the stanza begins */
};

/* The end of the name of a program with one vCPU, if its stanza names more counts. */
#define ONE_VCPU "_up"

/*
 * "NAME" for the programs NAME and NAME_up, which have the same tests. NAME_smp2 stays as it is.
 * The caller frees it.
 */
char *program_family(const char *name);

struct suite {
	char *path;		 /* of the unittests.cfg */
	gboolean kvm_unit_tests; /* another project's suite (--suite) */
	GPtrArray *programs;	 /* of struct program, in the file's order */
	char *warnings; /* lines "FILE:LINE: ..." of what was ignored; NULL if nothing was */
};

/*
 * Reads a unittests.cfg; the flat binaries are in BINDIR. Every complaint in the file is gathered
 * into one error, each a line "FILE:LINE: what is wrong and what to do". Whether plans and needs
 * are known is for the caller to check. An unknown key in another project's suite is only a
 * warning, since kvm-unit-tests adds keys now and then.
 */
struct suite *suite_load(const char *path, const char *bindir, gboolean kvm_unit_tests,
			 GError **error);
void suite_free(struct suite *suite);

#endif
