/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which physical memory is RAM, as the boot loader says (Multiboot 3.3, or UEFI). */
#ifndef X86_MEMORY_H
#define X86_MEMORY_H

#include "libcflat.h"

struct memory_region {
	phys_addr_t start, end;
};

#define MOST_MEMORY_REGIONS 16

/* RAM above 1 MiB and after the image, in whole pages. `end` is exclusive. */
extern struct memory_region memory_region[MOST_MEMORY_REGIONS];
extern int memory_regions;

/* For the library: reads the boot information, whose memory may be used afterwards. */
void boot_information_read(void);
/* For the readers of boot information: adds the part of this RAM that is after the image. */
void memory_add_region(u64 start, u64 end);

#endif
