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

#define HOST_TEST_NAME 64

/* Which boot this is, for a guest that may be reset. */
struct host_boot {
	u64 number; /* counted from 1 */
	/* What the last boot did not end, "" if there was no such thing. */
	char test[HOST_TEST_NAME];
	int cpu;
	bool state; /* the host wants to know what the registers hold */
};

/* Without a runner that knows, or cares, it is the first boot. */
void host_boot(struct host_boot *boot);

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
/* The word behind `key=`, cut to `size`; "" if there is none. */
void answer_word(const char *answer, const char *key, char *word, size_t size);

/*
 * For the library: a byte that the host sends. While it waits it calls `meanwhile`
 * (which may be NULL), in turns of some microseconds. Aborts after ten minutes.
 */
u8 host_byte(void (*meanwhile)(void), const char *what);
/* One conversation at a time. */
void host_lock(void);
void host_unlock(void);

#endif
