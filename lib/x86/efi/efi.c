// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what the UEFI loader hands over: the memory map (UEFI Specification 2.10, 7.2 "Memory
 * Allocation Services"), the command line, and where ACPI's tables are. See efi.h.
 */
#include "efi.h"
#include "argument.h"
#include "boot.h"
#include "efi-runtime.h"
#include "memory.h"
#include "vm.h"

struct efi_memory efi_memory[MOST_EFI_MEMORY];
int efi_memory_count;

static u64 rsdp;

FEATURE(UEFI, "UEFI firmware (--firmware uefi)")
{
	return efi_started();
}

bool efi_started(void)
{
	return multiboot_magic == HANDOVER_MAGIC;
}

const void *efi_rsdp(void)
{
	return (const void *)rsdp;
}

const char *efi_memory_name(u32 type)
{
	static const char *const names[] = {
		[EFI_RESERVED] = "reserved",
		[EFI_LOADER_CODE] = "loader code",
		[EFI_LOADER_DATA] = "loader data",
		[EFI_BOOT_SERVICES_CODE] = "boot services code",
		[EFI_BOOT_SERVICES_DATA] = "boot services data",
		[EFI_RUNTIME_SERVICES_CODE] = "runtime services code",
		[EFI_RUNTIME_SERVICES_DATA] = "runtime services data",
		[EFI_CONVENTIONAL] = "conventional memory",
		[EFI_UNUSABLE] = "unusable memory",
		[EFI_ACPI_RECLAIM] = "ACPI tables",
		[EFI_ACPI_NVS] = "ACPI NVS",
		[EFI_MMIO] = "memory-mapped I/O",
		[EFI_MMIO_PORT_SPACE] = "memory-mapped I/O ports",
		[EFI_PAL_CODE] = "PAL code",
		[EFI_PERSISTENT] = "persistent memory",
	};

	return type < ARRAY_SIZE(names) ? names[type] : "memory of an unknown type";
}

bool efi_memory_is_free(u32 type)
{
	return type == EFI_LOADER_CODE || type == EFI_LOADER_DATA ||
	       type == EFI_BOOT_SERVICES_CODE || type == EFI_BOOT_SERVICES_DATA ||
	       type == EFI_CONVENTIONAL;
}

/* 7.2.3 promises no order, but OVMF sorts the map. Adjacent free memory becomes one region. */
static void add_free_memory(void)
{
	u64 start = 0, end = 0;

	for (int i = 0; i < efi_memory_count; i++) {
		const struct efi_memory *memory = &efi_memory[i];

		if (!efi_memory_is_free(memory->type))
			continue;
		if (memory->start != end) {
			memory_add_region(start, end);
			start = memory->start;
		}
		end = memory->start + memory->pages * PAGE_SIZE;
	}
	memory_add_region(start, end);
}

void efi_read(void)
{
	const struct handover *handover = (const void *)(u64)multiboot_info;

	efi_memory_count = handover->memory_count;
	memcpy(efi_memory, handover->memory, efi_memory_count * sizeof(efi_memory[0]));
	rsdp = handover->rsdp;
	arguments_read(handover->command_line);
	efi_runtime_read(handover->system_table);
	add_free_memory();
}
