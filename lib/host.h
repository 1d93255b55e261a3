/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the runner: docs/protocol.md, "Questions". From any CPU. */
#ifndef HOST_H
#define HOST_H

#include "libcflat.h"

/* Whether questions are answered at all: `runner=ferry` on the command line. */
bool host_answers(void);

struct host_time {
	u64 realtime;		  /* CLOCK_REALTIME, ns */
	u64 monotonic;		  /* CLOCK_MONOTONIC, ns */
	u64 moves;		  /* ended since the boot */
	u64 pause_min, pause_max; /* ns that the guest stood still, over all of them */
};

/* The time at the moment of the answer. False: nobody who would answer. */
bool host_time(struct host_time *time);

/* Whether the plan wants the tests to be run once more. */
bool host_wants_more(void);

/*
 * Asks for `what`. `answer` gets the line's KEY=VALUE part, cut to `size`.
 * Returns the question's sequence number, 0 if nobody would answer. Aborts if an
 * answer does not come or belongs to another question.
 */
u64 host_ask(const char *what, char *answer, size_t size);
/* The number behind `key=` in an answer; aborts if there is none. */
u64 answer_number(const char *answer, const char *key);

/*
 * For the library: a byte that the host sends. While it waits it calls `meanwhile`
 * (which may be NULL), in turns of some microseconds. Aborts after ten minutes.
 */
u8 host_byte(void (*meanwhile)(void), const char *what);
/* One conversation at a time. */
void host_lock(void);
void host_unlock(void);

#endif
