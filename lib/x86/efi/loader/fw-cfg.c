// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a file of QEMU's fw_cfg device by its two ports: QEMU's docs/specs/fw_cfg.rst. Firmware
 * passes no command line to an application that it starts from a disk, so QEMU has it here.
 */
#include <efi.h>
#include <efilib.h>

#include "fw-cfg.h"

#define SELECTOR_PORT 0x510
#define DATA_PORT     0x511
#define SIGNATURE     0x0000
#define DIRECTORY     0x0019
#define NAME_SIZE     56

static void select(UINT16 key)
{
	asm volatile("outw %0, %1" : : "a"(key), "Nd"((UINT16)SELECTOR_PORT));
}

static void read_bytes(void *to, UINTN count)
{
	UINT8 *byte = to;

	for (; count; count--, byte++)
		asm volatile("inb %1, %0" : "=a"(*byte) : "Nd"((UINT16)DATA_PORT));
}

/* fw_cfg's numbers are big-endian. */
static UINT32 read_number(UINTN bytes)
{
	UINT8 byte;
	UINT32 number = 0;

	for (; bytes; bytes--) {
		read_bytes(&byte, 1);
		number = number << 8 | byte;
	}
	return number;
}

UINTN fw_cfg_read(const char *name, char *to, UINTN most)
{
	char signature[4], entry_name[NAME_SIZE];
	UINT32 entries, size;
	UINT16 key;

	select(SIGNATURE);
	read_bytes(signature, sizeof(signature));
	if (CompareMem(signature, "QEMU", sizeof(signature)))
		return 0;
	select(DIRECTORY);
	for (entries = read_number(4); entries; entries--) {
		size = read_number(4);
		key = read_number(2);
		read_number(2); /* reserved */
		read_bytes(entry_name, NAME_SIZE);
		if (strncmpa((CHAR8 *)entry_name, (const CHAR8 *)name, NAME_SIZE))
			continue;
		size = size < most ? size : most;
		select(key);
		read_bytes(to, size);
		return size;
	}
	return 0;
}
