/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts a program by forking a process in which it is already linked to its libraries. QEMU needs
 * some fifty libraries. Looking up its symbols in them takes milliseconds on hardware, and half a
 * second in a lab whose CPU is interpreted, for each migration.
 *
 * A library that is preloaded into the program (lab/preforked.c) stops it when everything is
 * linked, before any of the program's own code has run. It then answers requests: for each it makes
 * a child that goes on to main(). The child is the runner's (CLONE_PARENT of clone(2)).
 */
#ifndef FERRY_HOST_PREFORKED_H
#define FERRY_HOST_PREFORKED_H

#include <stddef.h>
#include <sys/types.h>

/* A variable in the environment of the waiting program: the number of its end of a SOCK_SEQPACKET
 * pair. */
#define PREFORKED_SOCKET "FERRY_PREFORKED_SOCKET"

#define PREFORKED_FILES 8
/* The most bytes of all arguments with their final zeroes, without the program's name. */
#define PREFORKED_BYTES 16384

/* The file descriptors come with the request. The answer is a pid_t; a negative one is an errno. */
struct preforked_request {
	pid_t runner;
	int high_priority; /* child_raise_priority() */
	unsigned files;
	int targets[PREFORKED_FILES]; /* the descriptors that they become in the child */
	char arguments[PREFORKED_BYTES];
};

/*
 * Starts the program ARGUMENTS[0], which is looked for as a shell does, with the other ARGUMENTS
 * (NULL after the last). It is bound to the caller by child_bind() with SIGKILL, and has no open
 * files but the COUNT FILES, as descriptors TARGETS. LIBRARY is the library to preload, with a
 * slash in its path. Returns the child, which the caller waits for. Returns 0 if the program cannot
 * be started like this; then the caller starts it in the usual way.
 */
pid_t preforked_start(const char *library, char **arguments, const int *files, const int *targets,
		      unsigned count, int high_priority);

/* Ends the waiting programs. Their children go on. */
void preforked_end(void);

#endif
