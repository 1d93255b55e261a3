// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A UEFI application that holds the image of a guest and starts it. It is linked with gnu-efi. The
 * image is the one that a multiboot loader would start, so it has to be where it was linked. The
 * loader copies it there, leaves boot services (UEFI Specification 2.10, 7.4.6), and jumps.
 *
 * Any error ends the guest with status 127, as ABORT does (docs/protocol.md): firmware would
 * otherwise wait at its menu.
 */
#include <efi.h>
#include <efilib.h>

#include "lib/x86/efi/handover.h"
#include "fw-cfg.h"

#define DEBUG_EXIT	0xf4
#define STATUS_ABORTED	127
#define BELOW_4_GIB	0xffffffff
#define LAST_ASCII	0x7e
#define MOST_MAP_TRIALS 8

extern const char guest_image[], guest_image_end[];

static void __attribute__((noreturn)) leave(void)
{
	for (;;)
		asm volatile("outb %%al, %%dx" : : "a"(STATUS_ABORTED), "d"(DEBUG_EXIT));
}

static void __attribute__((noreturn)) give_up(const CHAR16 *what, EFI_STATUS status)
{
	Print((CHAR16 *)L"\nABORT: the UEFI loader cannot %s: %r\n", what, status);
	leave();
}

static void check(EFI_STATUS status, const CHAR16 *what)
{
	if (EFI_ERROR(status))
		give_up(what, status);
}

/* Reserves memory that the guest needs at this very address. */
static void claim(UINT64 start, UINT64 end, const CHAR16 *what)
{
	EFI_PHYSICAL_ADDRESS address = start;

	check(uefi_call_wrapper(BS->AllocatePages, 4, AllocateAddress, EfiLoaderCode,
				EFI_SIZE_TO_PAGES(end - start), &address),
	      what);
}

static void *find_rsdp(EFI_SYSTEM_TABLE *system_table)
{
	static EFI_GUID guids[] = { ACPI_20_TABLE_GUID, ACPI_TABLE_GUID };

	for (UINTN kind = 0; kind < sizeof(guids) / sizeof(guids[0]); kind++) {
		for (UINTN i = 0; i < system_table->NumberOfTableEntries; i++) {
			EFI_CONFIGURATION_TABLE *table = &system_table->ConfigurationTable[i];

			if (!CompareGuid(&table->VendorGuid, &guids[kind]))
				return table->VendorTable;
		}
	}
	return NULL;
}

/* QEMU hands the command line over in fw_cfg if the loader came from a disk. */
static BOOLEAN find_command_line(char *to)
{
	UINTN size = fw_cfg_read(HANDOVER_COMMAND_LINE, to, MOST_COMMAND_LINE - 1);

	to[size] = '\0';
	return size > 0;
}

/* Load options are UCS-2, and may lack the NUL at their end (9.1, EFI_LOADED_IMAGE_PROTOCOL). */
static void copy_command_line(EFI_HANDLE image, char *to)
{
	EFI_LOADED_IMAGE *loaded;
	const CHAR16 *from;
	UINTN count;

	check(uefi_call_wrapper(BS->HandleProtocol, 3, image, &LoadedImageProtocol,
				(void **)&loaded),
	      L"find its command line");
	from = loaded->LoadOptions;
	count = from ? loaded->LoadOptionsSize / sizeof(*from) : 0;
	for (UINTN i = 0; i < count && i < MOST_COMMAND_LINE - 1 && from[i]; i++)
		*to++ = from[i] <= LAST_ASCII ? from[i] : '?';
	*to = '\0';
}

static void copy_guest(const struct guest_header *header)
{
	UINTN size = guest_image_end - guest_image;

	CopyMem((void *)header->start, guest_image, size);
	ZeroMem((void *)(header->start + size), header->end - header->start - size);
}

/* Fails if the map is too large or its descriptors are too small. */
static EFI_STATUS read_memory_map(struct handover *handover, UINTN *key)
{
	static char buffer[MOST_EFI_MEMORY * 64];
	UINTN size = sizeof(buffer), step;
	UINT32 version;
	EFI_STATUS status = uefi_call_wrapper(
		BS->GetMemoryMap, 5, &size, (EFI_MEMORY_DESCRIPTOR *)buffer, key, &step, &version);

	if (EFI_ERROR(status))
		return status;
	if (size / step > MOST_EFI_MEMORY || step < sizeof(struct efi_memory))
		return EFI_INCOMPATIBLE_VERSION;
	handover->memory_count = size / step;
	for (UINTN i = 0; i < handover->memory_count; i++)
		CopyMem(&handover->memory[i], buffer + i * step, sizeof(handover->memory[i]));
	return EFI_SUCCESS;
}

/* A timer event may change the map between the two calls. Then both are made again. */
static void leave_boot_services(EFI_HANDLE image, struct handover *handover)
{
	EFI_STATUS status = EFI_SUCCESS;
	UINTN key;

	for (int i = 0; i < MOST_MAP_TRIALS; i++) {
		status = read_memory_map(handover, &key);
		if (!EFI_ERROR(status))
			status = uefi_call_wrapper(BS->ExitBootServices, 2, image, key);
		if (!EFI_ERROR(status))
			return;
	}
	/* After the first ExitBootServices() the console may be gone. */
	leave();
}

/* gnu-efi's startup code calls this. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system_table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system_table)
{
	const struct guest_header *header = (const void *)(guest_image + GUEST_HEADER_OFFSET);
	EFI_PHYSICAL_ADDRESS address = BELOW_4_GIB;
	struct handover *handover;

	InitializeLib(image, system_table);
	if (header->magic != GUEST_HEADER_MAGIC)
		give_up(L"find a guest in itself", EFI_LOAD_ERROR);
	claim(header->start, header->end, L"have the guest's memory");
	claim(header->trampoline, header->trampoline + EFI_PAGE_SIZE, L"have the page for APs");
	check(uefi_call_wrapper(BS->AllocatePages, 4, AllocateMaxAddress, EfiLoaderData,
				EFI_SIZE_TO_PAGES(sizeof(*handover)), &address),
	      L"have memory for what it hands over");
	handover = (void *)address;
	handover->system_table = (UINT64)system_table;
	handover->rsdp = (UINT64)find_rsdp(system_table);
	if (!find_command_line(handover->command_line))
		copy_command_line(image, handover->command_line);
	copy_guest(header);
	leave_boot_services(image, handover);
	asm volatile("cli; jmp *%0" : : "r"(header->entry), "D"(handover) : "memory");
	__builtin_unreachable();
}
