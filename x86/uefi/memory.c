// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory that UEFI firmware keeps after ExitBootServices() (UEFI Specification 2.10, 7.2,
 * GetMemoryMap()): runtime services, ACPI's tables and NVS. It lies scattered in the guest's RAM,
 * beside what the guest uses.
 *
 * A broken hypervisor puts a page of the guest's where one of the firmware's belongs, when it
 * migrates, saves or restores RAM, or it loses such a page. The guest itself would notice only when
 * it next calls the firmware. The tests compare checksums of all this memory, and look in it for a
 * pattern that the guest has written to pages of its own. They cannot tell a page that was lost
 * from one that somebody has written to. Reserved memory is left out: devices and SMM may change it
 * at any time.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "boot.h"
#include "efi/efi.h"
#include "vm.h"
#include "words.h"

/* 1 MiB of the guest's own memory, written before the action. */
#define OWN_ORDER   8
#define OWN_PATTERN 0x6f776e206d656d21ul

static bool is_kept(const struct efi_memory *memory)
{
	return memory->type == EFI_RUNTIME_SERVICES_CODE ||
	       memory->type == EFI_RUNTIME_SERVICES_DATA || memory->type == EFI_ACPI_RECLAIM ||
	       memory->type == EFI_ACPI_NVS;
}

static const u64 *start_of(const struct efi_memory *memory)
{
	return phys_to_virt(memory->start);
}

static u64 words_of(const struct efi_memory *memory)
{
	return memory->pages * (PAGE_SIZE / sizeof(u64));
}

/* The order of the words counts. */
static u64 sum_of(const struct efi_memory *memory)
{
	const u64 *words = start_of(memory);
	u64 sum = 0;

	for (u64 i = 0; i < words_of(memory); i++)
		sum = (sum << 1 | sum >> 63) + READ_ONCE(words[i]);
	return sum;
}

static u64 count_pattern(const struct efi_memory *memory)
{
	const u64 *words = start_of(memory);
	u64 found = 0;

	for (u64 i = 0; i < words_of(memory); i++)
		found += READ_ONCE(words[i]) == OWN_PATTERN;
	return found;
}

static bool overlap(const struct efi_memory *memory, u64 start, u64 end)
{
	return memory->start < end && start < memory->start + memory->pages * PAGE_SIZE;
}

TEST(map_has_room, .needs = UEFI,
     .about =
	     "the entries of UEFI's memory map do not overlap, and no entry of the firmware's own has the guest's image")
{
	u64 image_start = (u64)_text, image_end = ALIGN((u64)_end, PAGE_SIZE);
	int overlaps = 0, taken = 0;

	for (int i = 0; i < efi_memory_count; i++) {
		const struct efi_memory *memory = &efi_memory[i];

		for (int j = 0; j < i; j++)
			overlaps += overlap(&efi_memory[j], memory->start,
					    memory->start + memory->pages * PAGE_SIZE);
		if (!efi_memory_is_free(memory->type))
			taken += overlap(memory, image_start, image_end) +
				 overlap(memory, TRAMPOLINE_BASE, TRAMPOLINE_BASE + PAGE_SIZE);
	}
	report(efi_memory_count > 0, "%d descriptors", efi_memory_count);
	report(!overlaps, "%d descriptors overlap", overlaps);
	report(!taken, "%d descriptors of the firmware's own overlap the guest's image", taken);
}

TEST(firmware_memory_kept, .needs = UEFI,
     .about =
	     "an action changes no byte of the memory that UEFI firmware keeps, and puts none of the guest's pages there")
{
	static u64 sums[MOST_EFI_MEMORY];
	u64 *own = alloc_pages_dirty(OWN_ORDER);
	u64 own_words = (PAGE_SIZE << OWN_ORDER) / sizeof(u64), pages = 0, strays = 0;
	int changed = 0, kept = 0;

	fill_words(own, own_words, OWN_PATTERN);
	for (int i = 0; i < efi_memory_count; i++)
		sums[i] = is_kept(&efi_memory[i]) ? sum_of(&efi_memory[i]) : 0;
	if (broken("map"))
		for (int i = 0; i < efi_memory_count; i++)
			if (efi_memory[i].type == EFI_RUNTIME_SERVICES_DATA)
				*(u64 *)start_of(&efi_memory[i]) = OWN_PATTERN;

	migrate();

	for (int i = 0; i < efi_memory_count; i++) {
		const struct efi_memory *memory = &efi_memory[i];

		if (!is_kept(memory))
			continue;
		kept++;
		pages += memory->pages;
		strays += count_pattern(memory);
		changed += !report_if_failed(sum_of(memory) == sums[i],
					     "%s at 0x%lx, %lu pages: the contents have changed",
					     efi_memory_name(memory->type), memory->start,
					     memory->pages);
	}
	report(kept && !changed,
	       "%d of %d pieces of the firmware's memory, %lu pages, have changed", changed, kept,
	       pages);
	report(!strays, "%lu words of the guest's own are in the firmware's memory", strays);
	report(!first_unlike(own, own_words, OWN_PATTERN), "the guest's own memory is as it was");
	free_pages(own);
}
