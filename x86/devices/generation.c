// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the VM generation ID (QEMU's docs/specs/vmgenid.txt and fw_cfg.rst, and Microsoft's
 * "Virtual Machine Generation ID"). See devices.c.
 *
 * A guest that was restored must not use its random numbers, keys and names once more, since
 * another copy of it may do so, too. So the VMM writes a GUID into the guest's memory and sends an
 * ACPI event, general-purpose event 5, which raises the system control interrupt. Firmware has told
 * the VMM by fw_cfg where the GUID belongs.
 *
 * A broken hypervisor forgets the address, or writes nothing, or sends no event, or loses the
 * interrupt, since it raises the line while it still loads the interrupt controllers. The test
 * gives the device a page of its own, fills it with other bytes, and looks at the page and at the
 * interrupt after each action. The host says whether another VM has taken the guest over. If not,
 * the page must be as it was. The GUID is the same in all VMs of a case, so the test cannot tell an
 * old GUID from a new one.
 */
#include "acpi.h"
#include "alloc_page.h"
#include "deadline.h"
#include "host.h"
#include "io.h"
#include "ioapic.h"
#include "isr.h"
#include "migrate.h"
#include "report.h"
#include "smp.h"
#include "string.h"
#include "vm.h"
#include "x86/devices/devices.h"

#define ACTIONS 2

#define ADDRESS_FILE "etc/vmgenid_addr" /* eight bytes, little endian */
#define GUID_FILE    "etc/vmgenid_guid" /* a page that has the GUID at GUID_AT */
#define GUID_AT	     40
#define GUID_BYTES   16

/* fw_cfg's DMA interface. All fields are big endian. */
#define FEATURES       0x0001
#define FEATURE_DMA    BIT(1)
#define DMA_ADDRESS    0x518 /* the lower half, which starts the transfer */
#define DMA_ERROR      BIT(0)
#define DMA_SELECT     BIT(3)
#define DMA_WRITE      BIT(4)
#define DMA_ITEM_SHIFT 16

struct dma_access {
	u32 control;
	u32 length;
	u64 address;
};

/* ICH9 data sheet, 13.8.3: GPE0_STS and GPE0_EN, of which only the first bytes matter here. */
#define GPE0_STATUS    0x20
#define GPE0_ENABLE    0x28
#define GPE_GENERATION BIT(5)
#define PM1_CONTROL    0x04
#define SCI_EN	       BIT(0)
#define SCI_VECTOR     0x68

/* What the page holds before the action. */
#define OTHER_BYTE(byte) ((u8)(0x80 | ((byte)*7 + 3)))

static u16 address_item, guid_item, base;
static u32 events;

FEATURE(GENERATION_ID, "QEMU's VM generation ID device")
{
	u8 features[4];

	if (!fw_cfg_find(ADDRESS_FILE, &address_item) || !fw_cfg_find(GUID_FILE, &guid_item))
		return false;
	fw_cfg_select(FEATURES);
	fw_cfg_read(features, sizeof(features));
	return features[0] & FEATURE_DMA;
}

static u64 device_address(void)
{
	u64 address;

	fw_cfg_select(address_item);
	fw_cfg_read((u8 *)&address, sizeof(address));
	return address;
}

/* Tells the device where the GUID belongs. 0: nowhere. */
static void set_device_address(u64 address)
{
	static u64 value;
	static volatile struct dma_access access;
	u32 control = address_item << DMA_ITEM_SHIFT | DMA_SELECT | DMA_WRITE;

	value = address;
	access.length = __builtin_bswap32(sizeof(value));
	access.address = __builtin_bswap64(virt_to_phys(&value));
	access.control = __builtin_bswap32(control);
	outl(__builtin_bswap32(virt_to_phys((const void *)&access)), DMA_ADDRESS);
	wait_for(!(__builtin_bswap32(access.control) & ~DMA_ERROR), ANSWER_MS, "fw_cfg's DMA");
	report_if_failed(!access.control && device_address() == address,
			 "fw_cfg took the address 0x%lx with control %#x, and holds 0x%lx", address,
			 __builtin_bswap32(access.control), device_address());
}

/* The line is high until the status is cleared, by writing 1. */
static void on_sci(isr_regs_t *regs)
{
	if (!(inb(base + GPE0_STATUS) & GPE_GENERATION))
		return;
	outb(GPE_GENERATION, base + GPE0_STATUS);
	WRITE_ONCE(events, events + 1);
}

static void enable_acpi(const struct acpi_fadt *fadt)
{
	if (!(inw(base + PM1_CONTROL) & SCI_EN) && fadt->smi_cmd && fadt->acpi_enable)
		outb(fadt->acpi_enable, fadt->smi_cmd);
}

/* The first byte that is not as it must be, or PAGE_SIZE. */
static u32 first_wrong(const u8 *page, const u8 *guid)
{
	u32 at = 0;

	while (at < PAGE_SIZE &&
	       page[at] == (guid && at >= GUID_AT && at < GUID_AT + GUID_BYTES ? guid[at - GUID_AT]
									       : OTHER_BYTE(at)))
		at++;
	return at;
}

static void check_page(const u8 *page, bool restored)
{
	u8 file[GUID_AT + GUID_BYTES];
	const u8 *guid = file + GUID_AT;
	u32 wrong;

	fw_cfg_select(guid_item);
	fw_cfg_read(file, sizeof(file));
	wrong = first_wrong(page, restored ? guid : NULL);
	if (wrong == PAGE_SIZE)
		report_pass("the page at 0x%lx is as it must be", virt_to_phys(page));
	else
		report_fail(
			"byte %u of the page at 0x%lx is %#x after %s; it was %#x, the GUID begins at byte %d with %#x %#x, and the device has the address 0x%lx",
			wrong, virt_to_phys(page), page[wrong],
			restored ? "another VM has taken the guest over"
				 : "an action in which no other VM has taken the guest over",
			OTHER_BYTE(wrong), GUID_AT, guid[0], guid[1], device_address());
}

static void look_at_action(u8 *page)
{
	/* A restore after this question counts, and only the request below ensures one. */
	u64 before = host_restores();
	bool restored;
	u32 seen;

	for (u32 i = 0; i < PAGE_SIZE; i++)
		page[i] = OTHER_BYTE(i);
	seen = READ_ONCE(events);
	migrate_quiet();
	restored = host_restores() != before;
	check_page(page, restored);
	if (restored)
		report(wait_until(READ_ONCE(events) != seen, ANSWER_MS),
		       "another VM has taken the guest over: %u SCIs for event 5 came, GPE0_STS is %#x, GPE0_EN %#x",
		       READ_ONCE(events) - seen, inb(base + GPE0_STATUS), inb(base + GPE0_ENABLE));
}

TEST(generation_id, .needs = ALL_OF(GENERATION_ID, ICH9),
     .about = "a guest that was restored finds the VM generation ID in its memory, and gets an SCI")
{
	const struct acpi_fadt *fadt = acpi_table("FACP");
	u64 address_before;
	u8 enabled, *page;

	base = pm_base();
	if (!base || !fadt) {
		report_skip("firmware has not given power management an address, or has no FADT");
		return;
	}
	page = alloc_page();
	address_before = device_address();
	enabled = inb(base + GPE0_ENABLE);
	enable_acpi(fadt);
	handle_irq_eoi(SCI_VECTOR, on_sci);
	outb(GPE_GENERATION, base + GPE0_STATUS);
	outb(GPE_GENERATION, base + GPE0_ENABLE);
	ioapic_route_level(fadt->sci_int, smp_id(), SCI_VECTOR);
	set_device_address(virt_to_phys(page) + GUID_AT);
	for (int action = 0; action < ACTIONS; action++)
		look_at_action(page);
	set_device_address(address_before);
	ioapic_mask(fadt->sci_int);
	outb(enabled, base + GPE0_ENABLE);
	unhandle_irq(SCI_VECTOR);
	free_page(page);
}
