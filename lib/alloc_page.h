/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole pages of RAM, mapped where they are. All of these abort when there are
 * no more, so never return NULL. Blocks are the caller's until freed.
 */
#ifndef ALLOC_PAGE_H
#define ALLOC_PAGE_H

#include "libcflat.h"

#define MOST_PAGE_ORDER 18 /* 1 GiB */

/* 2^order pages, zeroed, contiguous and aligned to their size. */
void *alloc_pages(unsigned order);
void *alloc_page(void);
/* The same, with whatever was in them. */
void *alloc_pages_dirty(unsigned order);

/* A block of any order; aborts if it was not allocated, or was freed before. */
void free_pages(void *block);
void free_page(void *page);

/* Pages in use now. */
u64 allocated_pages(void);

/* For the library: RAM to give out. */
void page_alloc_init(void);

#endif
