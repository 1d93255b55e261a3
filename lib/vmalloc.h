/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual memory. An area's pages are scattered in RAM, and the pages around it are not mapped.
 * Addresses are never used twice, so a use after vfree() faults. Allocations abort when memory
 * runs out.
 */
#ifndef VMALLOC_H
#define VMALLOC_H

#include "libcflat.h"

/* Reserves addresses, with nothing mapped there. They cannot be given back. */
void *alloc_vpages(size_t pages);
void *alloc_vpage(void);

/* Returns zeroed memory in whole pages. The caller owns it until vfree(). */
void *vmalloc(size_t size);
/* Takes what vmalloc() returned, or NULL; aborts for anything else. */
void vfree(void *memory);

/*
 * vmap() maps `size` bytes of physical memory. ioremap() maps a device's registers, uncached.
 * `physical` need not be aligned. vunmap() takes the address that either returned, and the same
 * size.
 */
void *vmap(phys_addr_t physical, size_t size);
void *ioremap(phys_addr_t physical, size_t size);
void vunmap(void *address, size_t size);

#endif
