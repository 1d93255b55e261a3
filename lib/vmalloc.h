/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual memory: page by page from anywhere, between pages that are not mapped.
 * Addresses are never used twice, so that a use after vfree() faults.
 */
#ifndef VMALLOC_H
#define VMALLOC_H

#include "libcflat.h"

/* Addresses only; nothing is mapped there. */
void *alloc_vpages(size_t pages);
void *alloc_vpage(void);

/* Zeroed, in whole pages. Aborts when there is no memory. */
void *vmalloc(size_t size);
/* What vmalloc() returned, or NULL; anything else aborts. */
void vfree(void *memory);

/*
 * Maps physical memory, or a device's registers, wherever it is; `physical` need
 * not begin a page. vunmap() takes what vmap() or ioremap() returned, and its size.
 */
void *vmap(phys_addr_t physical, size_t size);
void *ioremap(phys_addr_t physical, size_t size);
void vunmap(void *address, size_t size);

#endif
