/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which physical memory is RAM, from the boot loader (Multiboot 3.3). */
#ifndef X86_MEMORY_H
#define X86_MEMORY_H

#include "libcflat.h"

struct memory_region {
	phys_addr_t start, end;
};

#define MOST_MEMORY_REGIONS 16

/* Above 1 MiB, behind the image, in whole pages. */
extern struct memory_region memory_region[MOST_MEMORY_REGIONS];
extern int memory_regions;

/* Reads the boot information, of which nothing is needed afterwards. */
void multiboot_read(void);

#endif
