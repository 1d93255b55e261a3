/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user may want of a run and of its guests. The command line fills this in, and all code
 * that carries out a wish reads it from here. The `ferry run` inside a lab gets the same settings
 * as arguments.
 */
#ifndef FERRY_HOST_SETTINGS_H
#define FERRY_HOST_SETTINGS_H

#include <glib.h>

#define DEFAULT_MOVES 20
/*
 * Each migration looks at all pages, so guests get little memory: in a lab, where the host is
 * emulated, 128 MiB take three times as long. All programs fit into it.
 */
#define DEFAULT_MEMORY_MIB 32
#define LEAST_MEMORY_MIB   32
/* The word of --known-issues that means no file. */
#define NO_KNOWN_ISSUES "none"

/* Strings belong to whoever filled them in. The types are those that GOption writes. */
struct settings {
	char *suite;	    /* path of another suite's unittests.cfg; NULL: the project's own */
	char *bindir;	    /* folder of that suite's flat binaries; NULL: beside its file */
	char *vmm;	    /* the name of a VMM; NULL: the default */
	char *accel;	    /* "kvm" or "tcg"; NULL: kvm, on this machine or in a lab */
	char *qemu;	    /* a program; NULL: the usual one */
	char *qemu_dst;	    /* the program that every second VM of a guest runs; NULL: the same */
	char *ferry_vmm;    /* a program; NULL: the one built with the runner */
	char *kvm;	    /* parameters of KVM's modules, "npt=0,vgif=0"; NULL: as they are */
	char *machine;	    /* a QEMU machine type; NULL: the suite's */
	char *firmware;	    /* a word of firmware.h; NULL: the usual */
	int memory_mib;	    /* RAM of each guest, LEAST_MEMORY_MIB or more */
	int repeat;	    /* how often each case runs, 1 or more */
	int moves;	    /* how many actions a continuous plan carries out at least, 1 or more */
	int retry;	    /* how often a case that fails runs again; 0: not at all */
	gboolean fail_fast; /* the first red case ends the run, and the first failed test its guest
			     */
	int timeout;	    /* seconds for each case; 0: as unittests.cfg says */
	double timescale;   /* deadlines are multiplied by it; 0: by what was measured */
	gint64 seed;	    /* of random choices, 0 to G_MAXUINT32 */
	gboolean verbose;   /* show what guests write as they write it */
	gboolean keep_ram;  /* compare the guest's memory at both ends, and keep what differs */
	char **known_issues; /* files in place of the project's; "none": no issue is known; NULL:
				the project's */
	char **args;	     /* further words of the guest's command line; may be NULL */
};

/* What is wanted where the user says nothing; the seed is 0. */
extern const struct settings default_settings;

/*
 * The arguments that give SETTINGS to the `ferry run` inside a lab, ended by NULL. Paths are
 * absolute, so that they are valid there, too. There is no --accel: labs are there for KVM. The
 * caller frees the array with g_strfreev().
 */
char **settings_to_arguments(const struct settings *settings);

#endif
