/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that was linked once and is forked for each start. QEMU needs some fifty libraries;
 * to look up its symbols in them is milliseconds on hardware, and half a second in a lab whose
 * CPU is interpreted, at every move.
 *
 * A library that is preloaded into the program (lab/preforked.c) stops it when everything is
 * linked, before anything of the program itself has run, and answers requests: for each it makes
 * a child that goes on to main(). It is the runner's child (CLONE_PARENT of clone(2)).
 */
#ifndef FERRY_HOST_PREFORKED_H
#define FERRY_HOST_PREFORKED_H

#include <stddef.h>
#include <sys/types.h>

/* In the environment of the program that is to wait: its end of a SOCK_SEQPACKET pair, a number. */
#define PREFORKED_SOCKET "FERRY_PREFORKED_SOCKET"

#define PREFORKED_FILES 8
/* Of arguments but the program's name, each with its final 0. */
#define PREFORKED_BYTES 16384

/* The file descriptors come with it. The answer is a pid_t, negative if it is an errno. */
struct preforked_request {
	pid_t runner;
	int high_priority; /* child_raise_priority() */
	unsigned files;
	int targets[PREFORKED_FILES]; /* what the child knows them as */
	char arguments[PREFORKED_BYTES];
};

/*
 * Starts the program ARGUMENTS[0], found like a shell finds it, with the other ARGUMENTS (NULL
 * behind the last), bound to the caller by child_bind() with SIGKILL, and with no open files but
 * the COUNT FILES that it knows as TARGETS. LIBRARY is the one to preload, with a slash in its
 * path. Returns the child, which the caller waits for, or 0 if the program cannot be started so;
 * then it has to be started in the usual way.
 */
pid_t preforked_start(const char *library, char **arguments, const int *files, const int *targets,
		      unsigned count, int high_priority);

/* Ends the programs that wait, not their children. */
void preforked_end(void);

#endif
