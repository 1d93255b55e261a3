/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the test `dense` of x86/dirty/pages.c watches, known by what they hold. Whoever
 * damages one finds it without being told where it is, and can tell which page it was.
 */
#ifndef FERRY_TESTS_WATCHED_PAGE_H
#define FERRY_TESTS_WATCHED_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES 4096

/*
 * The byte to change. It is in the word that a CPU looks at last, so that even a CPU that is just
 * looking at the page sees it.
 */
#define CHANGED_BYTE (PAGE_BYTES - 16)

struct watched_page {
	uint64_t generation;
	unsigned cpu, number; /* the CPU that writes the page, and which of its pages it is */
};

/*
 * Returns FALSE if BYTES are no such page, or a page that is half written. Pages of the boot CPU do
 * not count: its first one begins as zeroes, like a page that never came.
 */
bool watched_page_read(const uint8_t *bytes, struct watched_page *page);

/* Sets BYTES to what the guest writes for PAGE. */
void watched_page_write(uint8_t *bytes, const struct watched_page *page);

#endif
