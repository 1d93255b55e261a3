/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads a guest as a multiboot loader does: Multiboot Specification 0.6.96. */
#ifndef VMM_MULTIBOOT_H
#define VMM_MULTIBOOT_H

#include "memory.h"

/* What a multiboot kernel finds in EAX when it is entered. */
#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002

struct image {
	const char *path;
	uint8_t *bytes;
	uint64_t size;
};

struct entry {
	uint32_t address;     /* the first instruction */
	uint32_t information; /* address of the boot information, for EBX */
};

/* Reads the file PATH. Ends the process if it cannot, or if it is no multiboot image. */
void image_read(struct image *image, const char *path);
/*
 * Puts the image, its command line and the boot information into MEMORY. COMMAND_LINE may be "".
 * Ends the process if something does not fit.
 */
struct entry image_load(const struct image *image, const char *command_line,
			const struct memory *memory);

#endif
