// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: QEMU's firmware configuration device (QEMU's docs/specs/fw_cfg.rst). See devices.c.
 *
 * A guest selects an item and reads it byte by byte. The device remembers how far it has come. A
 * string instruction reads many bytes at once: KVM fetches them before it updates the guest's
 * registers, and a broken KVM that is stopped in between loses or repeats some.
 *
 * The tests leave out the upper half of a DMA address: QEMU keeps it over a reset, and its firmware
 * then waits for ever (docs/findings.md, "QEMU: half a DMA address of fw_cfg survives a reset").
 */
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "string.h"
#include "x86/devices/devices.h"

#define SELECTOR  0x510
#define DATA	  0x511
#define SIGNATURE 0x0000
#define FILES	  0x0019

#define ENTRY_BYTES  64	  /* in FILES, after a count of four bytes */
#define NAME_AT	     8	  /* in an entry */
#define ENOUGH_BYTES 2000 /* KVM reads 1024 at once */
#define MOST_BYTES   2500

void fw_cfg_select(u16 item)
{
	outw(item, SELECTOR);
}

void fw_cfg_read(u8 *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = inb(DATA);
}

static void read_string(u8 *to, size_t count)
{
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(DATA) : "memory");
}

FEATURE(FW_CFG, "QEMU's fw_cfg device (port 0x510)")
{
	u8 bytes[4];

	fw_cfg_select(SIGNATURE);
	fw_cfg_read(bytes, sizeof(bytes));
	return !memcmp(bytes, "QEMU", sizeof(bytes));
}

/* Returns how many files there are. Their entries are read next. */
static u8 begin_files(void)
{
	u8 count[4];

	fw_cfg_select(FILES);
	fw_cfg_read(count, sizeof(count));
	return count[3];
}

static u16 item_of(const u8 *entry)
{
	return entry[4] << 8 | entry[5];
}

/* Returns the item of the longest file. SIZE is its length, or MOST_BYTES if that is less. */
static u16 longest_file(size_t *size)
{
	u8 entry[ENTRY_BYTES];
	u16 item = 0;

	*size = 0;
	for (u8 left = begin_files(); left; left--) {
		size_t bytes;

		fw_cfg_read(entry, sizeof(entry));
		bytes = entry[0] || entry[1] ? MOST_BYTES : entry[2] << 8 | entry[3];
		if (bytes <= *size)
			continue;
		*size = MIN(bytes, (size_t)MOST_BYTES);
		item = item_of(entry);
	}
	return item;
}

bool fw_cfg_find(const char *name, u16 *item)
{
	u8 entry[ENTRY_BYTES];

	if (!FW_CFG_present())
		return false;
	for (u8 left = begin_files(); left; left--) {
		fw_cfg_read(entry, sizeof(entry));
		*item = item_of(entry);
		if (!strcmp((const char *)entry + NAME_AT, name))
			return true;
	}
	return false;
}

FEATURE(FW_CFG_FILE, "a file of 2000 bytes in QEMU's fw_cfg device")
{
	size_t size = 0;

	if (FW_CFG_present())
		longest_file(&size);
	return size >= ENOUGH_BYTES;
}

TEST(fw_cfg_half_read, .needs = FW_CFG,
     .about = "an item of fw_cfg that was read in part goes on with its next byte after an action")
{
	u8 bytes[4];

	fw_cfg_select(SIGNATURE);
	fw_cfg_read(bytes, 2);
	migrate_quiet();
	fw_cfg_read(bytes + 2, 2);
	report(!memcmp(bytes, "QEMU", sizeof(bytes)),
	       "the signature \"QEMU\" reads %#x %#x before the action, and %#x %#x after it",
	       bytes[0], bytes[1], bytes[2], bytes[3]);
}

static u8 file[MOST_BYTES], again[MOST_BYTES];
static u16 file_item;
static size_t file_bytes, first_wrong;
static u32 turns, wrong_turns;
static u8 wrong_byte;

static void read_file_again(void)
{
	fw_cfg_select(file_item);
	read_string(again, file_bytes);
	turns++;
	if (!memcmp(again, file, file_bytes))
		return;
	wrong_turns++;
	for (first_wrong = 0; again[first_wrong] == file[first_wrong]; first_wrong++)
		;
	wrong_byte = again[first_wrong];
}

TEST(fw_cfg_string_read, .needs = FW_CFG_FILE,
     .about =
	     "a string instruction gets each byte of fw_cfg once, in order, while an action goes on")
{
	turns = wrong_turns = first_wrong = 0;
	file_item = longest_file(&file_bytes);
	fw_cfg_select(file_item);
	fw_cfg_read(file, file_bytes);
	migrate_quiet_while(read_file_again);
	report(!wrong_turns,
	       "%u of %u reads of %lu bytes are wrong, the last one from byte %lu on: %#x, and was %#x",
	       wrong_turns, turns, file_bytes, first_wrong, wrong_byte, file[first_wrong]);
}
