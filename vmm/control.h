/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's socket: a line protocol whose words docs/native-vmm.md explains ("The control
 * protocol"). By hand there is no socket, and nothing here does anything.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stdbool.h>

struct machine;

/* "3 cycle count=1", taken apart. It is good until the function that got it returns. */
struct request {
	char *number;	 /* as the runner wrote it; the reply repeats it */
	char *word;	 /* "cycle" */
	char *arguments; /* "count=1 ...", or "" */
	int file;	 /* that came with the line, or -1; whoever takes it sets this to -1 */
};

/* The runner is told of us, through the socket FD; of each die(), too. FD may be -1. */
void control_open(struct machine *machine, int fd);
/* The socket, or -1. */
int control_fd(void);
/*
 * Reads what the runner wants and does it. Returns false if this process is to end, since the
 * runner has said so or is gone.
 */
bool control_serve(struct machine *machine);
/* Tells the figures, which is the last that the runner hears. */
void control_close(struct machine *machine);

/* One line for the runner, which is not a reply: "event reset". */
void control_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The two replies. FORMAT of the first is for further words, "cycles=4", or "". */
void control_ok(const struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void control_error(const struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The number that REQUEST has as NAME, or DEFAULT if it has none. */
unsigned long control_number(const struct request *request, const char *name,
			     unsigned long usual);

#endif
