/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that the test `dense` of x86/dirty/pages.c watches. This recognizes them by their contents,
 * so filtering-qemu finds a page to damage without knowing its address, and can name it.
 */
#ifndef FERRY_TESTS_WATCHED_PAGE_H
#define FERRY_TESTS_WATCHED_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES 4096

/*
 * The byte to change. It is in the word that a CPU checks last, so that even a CPU that is checking
 * the page right now notices the change.
 */
#define CHANGED_BYTE (PAGE_BYTES - 16)

struct watched_page {
	uint64_t generation;
	unsigned cpu, number; /* the CPU that writes the page, and which of its pages it is */
};

/*
 * Returns FALSE if BYTES are no such page, or a half-written one. Pages of the boot CPU do not
 * count: its first page consists of zeroes at first, like a page that never came.
 */
bool watched_page_read(const uint8_t *bytes, struct watched_page *page);

/* Sets BYTES to what the guest writes for PAGE. */
void watched_page_write(uint8_t *bytes, const struct watched_page *page);

#endif
