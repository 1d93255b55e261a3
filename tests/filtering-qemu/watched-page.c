// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The form of a page of `dense`: stamp() and body() in x86/dirty/dirty.c, write_whole() in
 * x86/dirty/pages.c.
 */
#include <string.h>

#include "watched-page.h"

#define WORDS	  (PAGE_BYTES / sizeof(uint64_t))
#define LAST_WORD (WORDS - 1)

#define CPU_SHIFT	 16
#define GENERATION_SHIFT 24

/* No test has more CPUs or reaches more generations. */
#define MOST_CPUS	 8
#define MOST_GENERATIONS (1 << 24)

static uint64_t scramble(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

bool watched_page_read(const uint8_t *bytes, struct watched_page *page)
{
	uint64_t words[WORDS];

	memcpy(words, bytes, PAGE_BYTES);
	if (words[LAST_WORD] != words[0])
		return false;
	for (unsigned i = 1; i < LAST_WORD; i++)
		if (words[i] != scramble(words[0]))
			return false;
	page->generation = words[0] >> GENERATION_SHIFT;
	page->cpu = (uint8_t)(words[0] >> CPU_SHIFT);
	page->number = (uint16_t)words[0];
	return page->cpu > 0 && page->cpu < MOST_CPUS && page->generation < MOST_GENERATIONS;
}

void watched_page_write(uint8_t *bytes, const struct watched_page *page)
{
	uint64_t words[WORDS];

	words[0] = page->generation << GENERATION_SHIFT | (uint64_t)page->cpu << CPU_SHIFT |
		   page->number;
	words[LAST_WORD] = words[0];
	for (unsigned i = 1; i < LAST_WORD; i++)
		words[i] = scramble(words[0]);
	memcpy(bytes, words, PAGE_BYTES);
}
