/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole pages of RAM, identity mapped: a pointer is also a physical address. Allocations abort when
 * memory runs out, so they never return NULL. A block is the caller's until it is freed. Any CPU
 * may call these functions, also in an interrupt handler.
 */
#ifndef ALLOC_PAGE_H
#define ALLOC_PAGE_H

#include "libcflat.h"

#define MOST_PAGE_ORDER 18 /* 1 GiB */

/* The order of the smallest block that has room for so many bytes. */
unsigned page_order(size_t size);

/* 2^order pages, zeroed, contiguous and aligned to their size. */
void *alloc_pages(unsigned order);
void *alloc_page(void);
/* Like alloc_pages(), but not zeroed. */
void *alloc_pages_dirty(unsigned order);

/* Frees a block of any order, or NULL. Aborts if the block is not allocated. */
void free_pages(void *block);
void free_page(void *page);

/* How many pages are allocated now. */
u64 allocated_pages(void);

/* For the library: takes all RAM that memory.h lists. */
void page_alloc_init(void);
/* For the library, before other CPUs run: from now on the last region of RAM is used first. */
void page_alloc_from_top(void);

#endif
