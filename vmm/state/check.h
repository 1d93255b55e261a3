/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares a restored state with the saved one. */
#ifndef VMM_STATE_CHECK_H
#define VMM_STATE_CHECK_H

#include "piece.h"

#define LONGEST_DIFFERENCE 512

struct comparison {
	const struct state *before, *after;
	const struct state_value *old, *new; /* of one piece and vCPU */
	const char *piece;
	int cpu;
	uint64_t ns;			/* at most this much time has passed between the two */
	unsigned differences;		/* that no rule explains, in all pieces */
	char first[LONGEST_DIFFERENCE]; /* the first of these */
};

/* Notes that FIELD of the piece differs, unless a rule allows it. Values have up to 8 bytes. */
void differs(struct comparison *comparison, const char *field, uint64_t old, uint64_t new);
/*
 * Compares the SIZE bytes from BASE on. FIELDS, whose offsets count from BASE on, name what
 * differs; PREFIX stands before each name. Bytes that no field names are compared one by one.
 */
void compare_fields(struct comparison *comparison, const char *prefix, const struct field *fields,
		    uint32_t base, uint32_t size);

#endif
