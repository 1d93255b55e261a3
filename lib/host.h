/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the runner (docs/protocol.md, "Questions"). Any CPU may ask; others wait. */
#ifndef HOST_H
#define HOST_H

#include "libcflat.h"

/* Whether questions are answered at all: `runner=ferry` on the command line. */
bool host_answers(void);

struct host_time {
	u64 realtime;		  /* CLOCK_REALTIME, ns */
	u64 monotonic;		  /* CLOCK_MONOTONIC, ns */
	u64 moves;		  /* actions that have ended since the boot */
	u64 restores;		  /* how often another VM has taken the guest over since then */
	u64 pause_min, pause_max; /* in ns: bounds of the time for which they stopped the guest */
	bool cycles;		  /* the VMM also saves and restores the guest by itself */
};

/*
 * Gets the host's time at the moment of its answer. Returns the question's sequence number, or 0 if
 * no runner answers questions; then the time is all 0. With break=host the host's clock stands
 * still.
 */
u64 host_time(struct host_time *time);

/* Asks how often another VM has taken the guest over since the boot; 0 without such a runner. */
u64 host_restores(void);

#define HOST_TEST_NAME 64

/* Which boot this is: a guest may be reset. */
struct host_boot {
	u64 number; /* counted from 1 */
	/* The test that the last boot was interrupted in, and its CPU; "" if there was none. */
	char test[HOST_TEST_NAME];
	int cpu;
	/* The test that has shortened the waits in an earlier boot (patience.h), or "". */
	char impatient[HOST_TEST_NAME];
	bool state; /* the host asks for the registers (machine-state.h) */
};

/* Without a runner that answers, this is the first boot. */
void host_boot(struct host_boot *boot);

/* Whether the plan wants the tests to run once more. */
bool host_wants_more(void);

/*
 * Asks for `what`. Puts the answer's KEY=VALUE words into `answer`, cut to `size` bytes. Returns
 * the question's sequence number, or 0 if no runner answers. Aborts if no answer comes within ten
 * minutes times timescale, or if the answer is to another question.
 */
u64 host_ask(const char *what, char *answer, size_t size);
/* The number after `key=` in an answer. Aborts if there is none. */
u64 answer_number(const char *answer, const char *key);
/* The word after `key=`, cut to `size` bytes, or "". */
void answer_word(const char *answer, const char *key, char *word, size_t size);

/*
 * For the library: waits for a byte from the host, and calls `meanwhile` (or NULL) again and again
 * until it has come. Aborts after ten minutes times timescale, and says that it waited for `what`.
 */
u8 host_byte(void (*meanwhile)(void), const char *what);
/* For the library: hold this lock from a question to its answer, so that CPUs do not mix theirs. */
void host_lock(void);
void host_unlock(void);
/* For the library: whether some CPU waits for the host. */
bool host_is_asked(void);

#endif
