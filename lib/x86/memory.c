// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads RAM and the command line from the boot loader's information: Multiboot Specification
 * 0.6.96, 3.3 "Boot information format". What UEFI hands over is read by efi/efi.c.
 */
#include "memory.h"
#include "argument.h"
#include "boot.h"
#include "efi/efi.h"
#include "vm.h"

#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002
#define FLAG_MEM		   BIT(0)
#define FLAG_CMDLINE		   BIT(2)
#define FLAG_MMAP		   BIT(6)
#define MEMORY_AVAILABLE	   1

struct multiboot_information {
	u32 flags;
	u32 mem_lower, mem_upper; /* in KiB; mem_upper counts from 1 MiB on */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
} __packed;

struct mmap_entry {
	u32 size; /* of the members that follow */
	u64 base, length;
	u32 type;
} __packed;

struct memory_region memory_region[MOST_MEMORY_REGIONS];
int memory_regions;

void memory_add_region(u64 start, u64 end)
{
	start = ALIGN(MAX(start, ALIGN((u64)_end, PAGE_SIZE)), PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start < end && memory_regions < MOST_MEMORY_REGIONS)
		memory_region[memory_regions++] = (struct memory_region){ start, end };
}

static void multiboot_read(void)
{
	const struct multiboot_information *info = (const void *)(u64)multiboot_info;
	u64 at, end;

	if (multiboot_magic != MULTIBOOT_BOOTLOADER_MAGIC)
		report_abort("started by something that is no multiboot loader (0x%x)",
			     multiboot_magic);
	if (info->flags & FLAG_CMDLINE)
		arguments_read((const char *)(u64)info->cmdline);
	if (info->flags & FLAG_MMAP) {
		at = info->mmap_addr;
		end = at + info->mmap_length;
		while (at < end) {
			const struct mmap_entry *entry = (const void *)at;

			if (entry->type == MEMORY_AVAILABLE)
				memory_add_region(entry->base, entry->base + entry->length);
			at += entry->size + sizeof(entry->size);
		}
	} else if (info->flags & FLAG_MEM) {
		memory_add_region(1ul << 20, (1ul << 20) + (u64)info->mem_upper * 1024);
	}
}

void boot_information_read(void)
{
	if (efi_started())
		efi_read();
	else
		multiboot_read();
	if (!memory_regions)
		report_abort("the boot loader names no memory above the image");
}
