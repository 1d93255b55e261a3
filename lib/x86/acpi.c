// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds ACPI tables (ACPI Specification 6.5). The RSDP is in the first KiB of the EBDA or in
 * 0xe0000 to 0xfffff, on a 16-byte boundary (5.2.5.1), or UEFI says where it is (5.2.5.2). It leads
 * to the XSDT or the RSDT.
 */
#include "acpi.h"
#include "efi/efi.h"
#include "vm.h"

#define BIOS_AREA_START 0xe0000
#define BIOS_AREA_END	0x100000
#define EBDA_SEGMENT	0x40e /* in the BIOS data area; a segment */

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt_address;
	/* What follows exists from revision 2 on. */
	u32 length;
	u64 xsdt_address;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;

#define RSDP_1_LENGTH 20

static bool sum_is_zero(const void *table, size_t length)
{
	const u8 *at = table;
	u8 sum = 0;

	while (length--)
		sum += *at++;
	return sum == 0;
}

static const struct rsdp *find_rsdp(u64 from, u64 to)
{
	/* "RSD PTR " */
	const u64 signature = 0x2052545020445352;

	for (u64 at = ALIGN(from, 16); at + RSDP_1_LENGTH <= to; at += 16)
		if (*(const u64 *)at == signature && sum_is_zero((void *)at, RSDP_1_LENGTH))
			return (const struct rsdp *)at;
	return NULL;
}

static const struct rsdp *the_rsdp(void)
{
	const struct rsdp *rsdp;
	u64 ebda;

	if (efi_started())
		return efi_rsdp();
	rsdp = find_rsdp(BIOS_AREA_START, BIOS_AREA_END);
	if (rsdp)
		return rsdp;
	ebda = (u64)bios_data_area_u16(EBDA_SEGMENT) << 4;
	return ebda >= 0x80000 && ebda < 0xa0000 ? find_rsdp(ebda, ebda + 1024) : NULL;
}

static const struct acpi_header *root_entry(const struct acpi_header *root, bool wide, u32 n)
{
	const u8 *entry = (const u8 *)(root + 1) + n * (wide ? 8 : 4);
	u64 address = 0;

	memcpy(&address, entry, wide ? 8 : 4);
	return (const struct acpi_header *)address;
}

const void *acpi_table(const char *signature)
{
	static const struct rsdp *rsdp;
	static bool searched;
	const struct acpi_header *root;
	bool wide;

	if (!searched) {
		rsdp = the_rsdp();
		searched = true;
	}
	if (!rsdp)
		return NULL;
	wide = rsdp->revision >= 2 && rsdp->xsdt_address;
	root = (const void *)(wide ? rsdp->xsdt_address : rsdp->rsdt_address);
	for (u32 n = 0; n < (root->length - sizeof(*root)) / (wide ? 8 : 4); n++) {
		const struct acpi_header *table = root_entry(root, wide, n);

		if (table && !memcmp(table->signature, signature, 4))
			return table;
	}
	return NULL;
}
