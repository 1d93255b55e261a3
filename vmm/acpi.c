// SPDX-License-Identifier: GPL-2.0-or-later
/* See acpi.h. */
#include <string.h>

#include "acpi.h"
#include "layout.h"
#include "message.h"

/* The RSDP is searched on 16-byte boundaries from 0xe0000 on (5.2.5.1). */
#define RSDP_ADDRESS 0xe0000
#define TABLES_BEGIN 0xe0040
#define TABLES_END   0xf0000

#define MADT_PCAT_COMPAT  1 /* there are 8259s, too */
#define MADT_LOCAL_APIC	  0
#define MADT_IO_APIC	  1
#define MADT_OVERRIDE	  2
#define MADT_LOCAL_X2APIC 9
#define MADT_ENABLED	  1
#define FIRST_X2APIC_ID	  255	    /* smaller ids have the older structure */
#define FADT_TMR_VAL_EXT  (1u << 8) /* the PM timer has 32 bits */
#define FADT_WITHOUT_SMI  0
#define IRQ_OF_SCI	  9

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
} __attribute__((packed));

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdt {
	struct header header;
	uint32_t entries[2];
} __attribute__((packed));

/* ACPI 1.0's FADT, up to the last member that guests read. */
struct fadt {
	struct header header;
	uint32_t firmware_ctrl, dsdt;
	uint8_t model, preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
	uint32_t gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	uint8_t gpe0_blk_len, gpe1_blk_len, gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved;
	uint32_t flags;
} __attribute__((packed));

struct madt {
	struct header header;
	uint32_t local_apic_address, flags;
} __attribute__((packed));

struct io_apic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

struct override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct local_apic {
	uint8_t type, length, processor, id;
	uint32_t flags;
} __attribute__((packed));

struct local_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t id, flags, processor;
} __attribute__((packed));

/* Where tables are written, one after another. */
struct area {
	uint8_t *memory; /* of TABLES_BEGIN */
	uint32_t used;
};

/* Appends LENGTH bytes, and returns where they are. */
static void *append(struct area *area, const void *bytes, uint32_t length)
{
	uint8_t *target = area->memory + area->used;

	if (TABLES_BEGIN + area->used + length > TABLES_END)
		die(STATUS_SETUP, "the ACPI tables of so many vCPUs do not fit below 1 MiB");
	memcpy(target, bytes, length);
	area->used += length;
	return target;
}

static uint32_t address_of(const struct area *area, const void *table)
{
	return TABLES_BEGIN + ((const uint8_t *)table - area->memory);
}

static struct header new_header(const char *signature, uint32_t length)
{
	struct header header = { .length = length, .revision = 1, .oem_revision = 1 };

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, "FERRY ", sizeof(header.oem_id));
	memcpy(header.oem_table_id, "FERRYVMM", sizeof(header.oem_table_id));
	memcpy(header.creator_id, "FRRY", sizeof(header.creator_id));
	header.creator_revision = 1;
	return header;
}

/* With the checksum, the sum of all bytes is 0. */
static uint8_t checksum(const void *table, uint32_t length)
{
	const uint8_t *at = table;
	uint8_t sum = 0;

	while (length--)
		sum -= *at++;
	return sum;
}

static void finish(struct area *area, struct header *header)
{
	header->length = area->memory + area->used - (uint8_t *)header;
	header->checksum = checksum(header, header->length);
	/* The next table begins on a boundary of 16. */
	area->used = (area->used + 15) & ~15u;
}

static uint32_t write_fadt(struct area *area)
{
	struct fadt *fadt = append(area,
				   &(struct fadt){
					   .header = new_header("FACP", sizeof(struct fadt)),
					   .sci_int = IRQ_OF_SCI,
					   .smi_cmd = FADT_WITHOUT_SMI,
					   .pm_tmr_blk = PM_TIMER_PORT,
					   .pm_tmr_len = 4,
					   .flags = FADT_TMR_VAL_EXT,
				   },
				   sizeof(struct fadt));

	finish(area, &fadt->header);
	return address_of(area, fadt);
}

static void add_local_apic(struct area *area, unsigned id)
{
	struct local_x2apic wide = {
		.type = MADT_LOCAL_X2APIC,
		.length = sizeof(wide),
		.id = id,
		.flags = MADT_ENABLED,
		.processor = id,
	};
	struct local_apic narrow = {
		.type = MADT_LOCAL_APIC,
		.length = sizeof(narrow),
		.processor = id,
		.id = id,
		.flags = MADT_ENABLED,
	};

	if (id < FIRST_X2APIC_ID)
		append(area, &narrow, sizeof(narrow));
	else
		append(area, &wide, sizeof(wide));
}

static uint32_t write_madt(struct area *area, const struct vm_shape *shape)
{
	struct io_apic io_apic = {
		.type = MADT_IO_APIC,
		.length = sizeof(io_apic),
		.address = IO_APIC_ADDRESS,
	};
	struct override pit = {
		.type = MADT_OVERRIDE,
		.length = sizeof(pit),
		.source = IRQ_OF_PIT,
		.gsi = PIN_OF_PIT,
	};
	bool has_chips = shape->irqchip == IRQCHIP_KERNEL;
	struct madt *madt = append(area,
				   &(struct madt){
					   .header = new_header("APIC", sizeof(struct madt)),
					   .local_apic_address = LOCAL_APIC_ADDRESS,
					   .flags = has_chips ? MADT_PCAT_COMPAT : 0,
				   },
				   sizeof(struct madt));

	for (unsigned id = 0; id < shape->cpus; id++)
		add_local_apic(area, id);
	if (has_chips) {
		append(area, &io_apic, sizeof(io_apic));
		append(area, &pit, sizeof(pit));
	}
	finish(area, &madt->header);
	return address_of(area, madt);
}

void acpi_write(const struct memory *memory, const struct vm_shape *shape)
{
	struct rsdp *rsdp = memory_to_write(memory, RSDP_ADDRESS, sizeof(*rsdp));
	struct area area = {
		.memory = memory_to_write(memory, TABLES_BEGIN, TABLES_END - TABLES_BEGIN),
	};
	uint32_t fadt = write_fadt(&area), madt = write_madt(&area, shape);
	struct rsdt *rsdt = append(&area,
				   &(struct rsdt){
					   .header = new_header("RSDT", sizeof(struct rsdt)),
					   .entries = { fadt, madt },
				   },
				   sizeof(struct rsdt));

	finish(&area, &rsdt->header);
	*rsdp = (struct rsdp){ .rsdt_address = address_of(&area, rsdt) };
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, "FERRY ", sizeof(rsdp->oem_id));
	rsdp->checksum = checksum(rsdp, sizeof(*rsdp));
	memory_wrote(memory, rsdp, sizeof(*rsdp));
	memory_wrote(memory, area.memory, TABLES_END - TABLES_BEGIN);
}
