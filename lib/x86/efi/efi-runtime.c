// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Maps what UEFI's runtime services need (UEFI Specification 2.10, 2.3.4 "x64 Platforms": memory
 * whose attributes have EFI_MEMORY_RUNTIME). See efi-runtime.h.
 */
#include "efi-runtime.h"
#include "efi.h"
#include "vm.h"

/* Firmware keeps variables of its drivers beside their code. */
#define PAGE_FIRMWARE_CODE (PT_PRESENT_MASK | PT_WRITABLE_MASK)

/* 4.3, EFI_SYSTEM_TABLE */
#define SYSTEM_TABLE_RUNTIME_SERVICES 88

static const struct efi_runtime_services *services;

void efi_runtime_read(u64 system_table)
{
	services = *(const struct efi_runtime_services **)(system_table +
							   SYSTEM_TABLE_RUNTIME_SERVICES);
}

static void map_runtime_memory(void)
{
	for (int i = 0; i < efi_memory_count; i++) {
		const struct efi_memory *memory = &efi_memory[i];
		u64 bits = PAGE_DATA;

		if (!(memory->attributes & EFI_MEMORY_RUNTIME))
			continue;
		if (memory->type == EFI_RUNTIME_SERVICES_CODE)
			bits = PAGE_FIRMWARE_CODE;
		else if (memory->type == EFI_MMIO)
			bits = PAGE_DEVICE;
		map_range(phys_to_virt(memory->start), memory->start, memory->pages * PAGE_SIZE,
			  bits);
	}
}

const struct efi_runtime_services *efi_runtime(void)
{
	static bool mapped;

	if (services && !mapped) {
		map_runtime_memory();
		mapped = true;
	}
	return services;
}
