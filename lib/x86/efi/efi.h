/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For a guest that UEFI firmware has started: the firmware's memory map and tables (UEFI
 * Specification 2.10). A guest that a multiboot loader has started has none of this.
 */
#ifndef X86_EFI_H
#define X86_EFI_H

#include "test.h"
#include "handover.h"

/* UEFI firmware has started this guest. */
DECLARE_FEATURE(UEFI);

/* Memory types: 7.2.1, EFI_MEMORY_TYPE. */
enum efi_memory_type {
	EFI_RESERVED,
	EFI_LOADER_CODE,
	EFI_LOADER_DATA,
	EFI_BOOT_SERVICES_CODE,
	EFI_BOOT_SERVICES_DATA,
	EFI_RUNTIME_SERVICES_CODE,
	EFI_RUNTIME_SERVICES_DATA,
	EFI_CONVENTIONAL,
	EFI_UNUSABLE,
	EFI_ACPI_RECLAIM,
	EFI_ACPI_NVS,
	EFI_MMIO,
	EFI_MMIO_PORT_SPACE,
	EFI_PAL_CODE,
	EFI_PERSISTENT,
};

/* Attributes: 7.2.3. The firmware needs this range at run time, too. */
#define EFI_MEMORY_RUNTIME BIT(63)

/* The memory map at ExitBootServices(), in the firmware's order; none without UEFI. */
extern struct efi_memory efi_memory[MOST_EFI_MEMORY];
extern int efi_memory_count;

/* "runtime services code" */
const char *efi_memory_name(u32 type);
/* May a guest use memory of this type after ExitBootServices()? ACPI's tables are left alone. */
bool efi_memory_is_free(u32 type);

/* For the library: whether HANDOVER_MAGIC is in multiboot_magic. */
bool efi_started(void);
/* For the library: reads the handover, whose memory may be used afterwards. */
void efi_read(void);
/* The firmware's RSDP, or NULL. */
const void *efi_rsdp(void);

#endif
