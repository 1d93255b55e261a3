/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One group of known-issues.cfg: what known-issues-file.c (which reads it) and known-issues.c
 * (which compares results with it) share.
 */
#ifndef FERRY_HOST_KNOWN_ISSUE_H
#define FERRY_HOST_KNOWN_ISSUE_H

#include <glib.h>

struct known_issue {
	char *name;
	char **case_globs;     /* over program/plan */
	char **test_globs;     /* the failed test must match one; NULL: any */
	GRegex *failure;       /* the whole reason of the failure must match; NULL: any test's */
	GRegex *then;	       /* likewise, each further check that failed; NULL: `failure` */
	char **restored;       /* names of VMMs: only plans in which one restores; NULL: any plan */
	gboolean written_back; /* with `restored`: also if it writes back what it has read */
	char **hosts;	       /* globs over the names that host_names() lists */
	char **kernels;	       /* "6.1..6.4": versions of the host's kernel; NULL: any */
	char **qemus;	       /* versions of QEMU; NULL: any, and any other VMM */
	char **emulators;      /* versions of what emulates the CPU; NULL: any, and a real CPU */
	char *kvm;	       /* "npt=0,vgif=0": the parameters that KVM has; NULL: any */
	gboolean sometimes;    /* a pass needs no warning */
	char *reason, *evidence;
	gboolean strict; /* a pass where it is expected each time is a failure (--strict) */
	guint tried;	 /* results of this run in which it could have explained something */
	guint matched;	 /* ... and in which it did */
};

#endif
