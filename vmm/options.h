/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line says. */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include "carry.h"
#include "cycle.h"
#include "vm.h"

/* APIC ids have 8 bits where there is no x2APIC. */
#define MOST_CPUS 255

struct options {
	const char *image;	  /* NULL: a saved guest is restored */
	const char *command_line; /* the guest's; "" for none */
	const char *device;	  /* /dev/kvm */
	const char *cpu;	  /* in the words of cpu-features.h; "" for all there is */
	unsigned memory_mib;
	struct vm_shape shape;
	struct cycle_options cycle;
	enum carry_how carry;
	unsigned forget_dirty; /* leave out one dirty page in this many; 0: none */
	int control;	       /* file descriptor of the runner's socket, or -1 */
	const char *save;      /* by hand: the file to save the guest in; or NULL */
	const char *restore;   /* the file of a saved guest to restore; or NULL */
	int restore_fd;	       /* the same as an open file, or -1 */
};

/* Ends the process after --help, --version, or if the command line is wrong. */
void options_read(struct options *options, int argc, char **argv);

#endif
