/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the test `dense` of x86/dirty/pages.c watches, known by what they hold: who damages one
 * on purpose can tell which page it was, and has not to be told where it is.
 */
#ifndef FERRY_TESTS_WATCHED_PAGE_H
#define FERRY_TESTS_WATCHED_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES 4096

/*
 * The byte to change: in the word that is looked at last, so that even the CPU which is just
 * looking at the page, and will then write it anew, comes to it.
 */
#define CHANGED_BYTE (PAGE_BYTES - 16)

struct watched_page {
	uint64_t generation;
	unsigned cpu, number; /* whose page it is, and which of these */
};

/*
 * FALSE if BYTES are no such page, or half of one. The boot CPU's are not among them: one is all
 * zeroes at first, as is one that never came.
 */
bool watched_page_read(const uint8_t *bytes, struct watched_page *page);

/* What the guest writes to make it PAGE. */
void watched_page_write(uint8_t *bytes, const struct watched_page *page);

#endif
