/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparing what was restored with what was saved. */
#ifndef VMM_STATE_CHECK_H
#define VMM_STATE_CHECK_H

#include "piece.h"

struct comparison {
	const struct state *before, *after;
	const struct state_value *old, *new; /* of one piece and vCPU */
	const char *piece;
	int cpu;
	uint64_t ns;	      /* at most this much time has passed between the two */
	unsigned differences; /* that no rule explains, in all pieces */
};

/* FIELD of the piece is another one, unless a rule says that it may be. Values of up to 8 bytes. */
void differs(struct comparison *comparison, const char *field, uint64_t old, uint64_t new);
/* Compares fields one by one, then the bytes in [0, SIZE) that no field names. */
void compare_fields(struct comparison *comparison, const struct field *fields, uint32_t size);
/* Compares one field, whose offset counts from OFFSET on. It has up to 16 bytes. */
void compare_field(struct comparison *comparison, const struct field *field, uint32_t offset);
/* Compares SIZE bytes from OFFSET on in words, which are called NAME+0xOFFSET. */
void compare_words(struct comparison *comparison, const char *name, uint32_t offset, uint32_t size);

#endif
