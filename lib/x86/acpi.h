/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables (ACPI Specification 6.5, chapter 5), as the firmware has made them. */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include "libcflat.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	u32 creator_id;
	u32 creator_revision;
} __packed;

/*
 * The first table with this signature, such as "APIC", or NULL. It is the firmware's: do not write
 * to it.
 */
const void *acpi_table(const char *signature);

/* The FADT's fields that a guest needs: 5.2.9. */
struct acpi_fadt {
	struct acpi_header header;
	u32 firmware_ctrl; /* the FACS */
	u32 dsdt;
	u8 to_sci[46 - 44];
	u16 sci_int; /* a global system interrupt */
	u32 smi_cmd;
	u8 acpi_enable;
	u8 to_events[56 - 53];
	u32 pm1a_evt_blk;
	u8 to_control[64 - 60];
	u32 pm1a_cnt_blk;
	u8 to_pm_timer[76 - 68];
	u32 pm_tmr_blk;
	u8 to_event_length[88 - 80];
	u8 pm1_evt_len;
	u8 to_length[91 - 89];
	u8 pm_tmr_len;
	u8 to_flags[112 - 92];
	u32 flags;
	u8 to_x_pm_tmr_blk[208 - 116];
	struct {
		u8 address_space;
		u8 bit_width;
		u8 bit_offset;
		u8 access_size;
		u64 address;
	} __packed x_pm_tmr_blk;
} __packed;

#define ACPI_FADT_TMR_VAL_EXT BIT(8)

/* The FACS: 5.2.10. */
struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 firmware_waking_vector; /* where firmware goes after S3, in real mode */
	u32 global_lock;
	u32 flags;
	u64 x_firmware_waking_vector; /* from version 1 on; goes before the other one, if not 0 */
	u8 version;
	u8 reserved[31];
} __packed;

/* The MADT: 5.2.12. */
struct acpi_madt {
	struct acpi_header header;
	u32 local_apic_address;
	u32 flags;
	u8 entries[];
} __packed;

enum { MADT_LOCAL_APIC = 0, MADT_SOURCE_OVERRIDE = 2, MADT_LOCAL_X2APIC = 9 };
#define MADT_ENABLED BIT(0)

struct madt_local_apic {
	u8 type, length;
	u8 processor_uid;
	u8 apic_id;
	u32 flags;
} __packed;

struct madt_source_override {
	u8 type, length;
	u8 bus;
	u8 irq;
	u32 pin; /* a global system interrupt: those of the first IOAPIC begin with 0 */
	u16 flags;
} __packed;

struct madt_local_x2apic {
	u8 type, length;
	u16 reserved;
	u32 x2apic_id;
	u32 flags;
	u32 processor_uid;
} __packed;

/* The table of the HPET (IA-PC HPET Specification 1.0a, 3.2.4). */
struct acpi_hpet {
	struct acpi_header header;
	u32 event_timer_block_id;
	u8 address_space, bit_width, bit_offset, access_size;
	u64 address;
	u8 number;
	u16 minimum_tick;
	u8 page_protection;
} __packed;

#endif
