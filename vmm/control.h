/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's socket: a line protocol whose words docs/native-vmm.md explains ("The control
 * protocol"). A guest run by hand has no socket, and these functions do nothing.
 */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stdbool.h>

struct machine;

/* The parts of "3 cycle count=1". Valid until the function that gets it returns. */
struct request {
	char *number;	 /* as the runner wrote it; the reply repeats it */
	char *word;	 /* "cycle" */
	char *arguments; /* "count=1 ...", or "" */
	int file;	 /* that came with the line, or -1; whoever takes it sets this to -1 */
};

/*
 * Greets the runner through the socket FD, and from then on tells it of each die(). FD may be -1.
 */
void control_open(struct machine *machine, int fd);
/* The socket, or -1. */
int control_fd(void);
/*
 * Reads the runner's requests and carries them out. Returns false if this process is to end, since
 * the runner has said so or is gone.
 */
bool control_serve(struct machine *machine);
/* Sends the figures, as the last line for the runner. */
void control_close(struct machine *machine);

/* One line for the runner, which is not a reply: "event reset". */
void control_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The two replies. FORMAT of control_ok() gives further words, "cycles=4", or "". */
void control_ok(const struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void control_error(const struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The number that REQUEST gives as NAME=NUMBER, or USUAL if there is none. */
unsigned long control_number(const struct request *request, const char *name, unsigned long usual);

#endif
