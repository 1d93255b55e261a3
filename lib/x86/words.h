/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills or searches many words with one string instruction. A host that emulates instructions
 * emulates it as a whole, which is far quicker than a loop.
 */
#ifndef X86_WORDS_H
#define X86_WORDS_H

#include "libcflat.h"

static inline void fill_words(u64 *at, u64 count, u64 value)
{
	asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(value) : "memory");
}

/* The first of COUNT words that is not VALUE, or NULL. COUNT is not 0. */
static inline const u64 *first_unlike(const u64 *at, u64 count, u64 value)
{
	bool equal;

	asm volatile("repe scasq" : "+D"(at), "+c"(count), "=@cce"(equal) : "a"(value) : "memory");
	return equal ? NULL : at - 1;
}

#endif
