// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flash in which UEFI firmware keeps its variables (Intel StrataFlash data sheet, "Command
 * Definitions"; JEDEC JESD68.01 "Common Flash Memory Interface"). A write to the flash is a
 * command, and says what reads return from then on: the array, the status register, or the chip's
 * identity. Firmware that stores a variable reads the status until the flash is ready.
 *
 * A broken VMM maps a restored flash as plain memory although it was in another mode. Then firmware
 * that is migrated while it stores a variable reads the array in place of the status. The test puts
 * the flash into each mode, and looks at what it reads before and after an action. It cannot tell a
 * mode that was lost from a mapping that is wrong.
 *
 * With Secure Boot the flash takes commands in SMM only, so the test is skipped.
 */
#include "efi/efi-runtime.h"
#include "efi/efi.h"
#include "io.h"
#include "migrate.h"
#include "vm.h"

#define READ_ARRAY    0xff
#define READ_STATUS   0x70
#define READ_IDENTITY 0x90
#define READ_QUERY    0x98
#define STATUS_READY  0x80

/* Where the chip's answer begins: 'Q' 'R' 'Y' in query mode. */
#define QUERY_AT 0x10

static volatile u8 *flash;

static u8 answer(u8 command)
{
	writeb(command, flash);
	return readb(flash + QUERY_AT);
}

FEATURE(FLASH, "a flash that takes commands, in the memory map of UEFI's runtime services")
{
	if (!efi_runtime())
		return false;
	for (int i = 0; i < efi_memory_count; i++) {
		const struct efi_memory *memory = &efi_memory[i];
		u8 status;

		/* The local APIC and others are there, too. */
		if (memory->type != EFI_MMIO || memory->start < 0xff000000 ||
		    memory->start >= 1ul << 32)
			continue;
		flash = phys_to_virt(memory->start);
		status = answer(READ_STATUS);
		if (answer(READ_ARRAY) != status && status == STATUS_READY)
			return true;
	}
	return false;
}

TEST(flash_mode, .needs = ALL_OF(UEFI, FLASH),
     .about =
	     "a flash that is not in the mode for reading its array is in the same mode after an action")
{
	static const struct {
		const char *name;
		u8 command;
	} modes[] = {
		{ "status", READ_STATUS },
		{ "query", READ_QUERY },
		{ "identity", READ_IDENTITY },
	};
	u8 array = answer(READ_ARRAY);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		u8 before = answer(modes[i].command), after;

		migrate_quiet();
		after = readb(flash + QUERY_AT);
		report(after == before,
		       "in the mode %s the flash reads as %#x, and was %#x before%s", modes[i].name,
		       after, before,
		       after == array && after != before ? ": that is its array" : "");
		after = answer(READ_ARRAY);
		report(after == array, "the array holds %#x, and held %#x before", after, array);
	}
}
