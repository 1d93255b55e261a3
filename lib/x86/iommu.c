// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Intel's IOMMU, VT-d. See iommu.h. Follows the architecture specification's chapters "DMA
 * Remapping", "Interrupt Remapping", "Queued Invalidation Interface", "BIOS Considerations" (the
 * DMAR table), "Translation Structure Formats" and "Register Descriptions". In later revisions
 * "second-level" is called "second-stage".
 */
#include "iommu.h"
#include "acpi.h"
#include "alloc_page.h"
#include "barrier.h"
#include "deadline.h"
#include "io.h"
#include "memory.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define ANSWER_MS 10000

/* ---- the DMAR table ---- */

struct dmar {
	struct acpi_header header;
	u8 width, flags;
	u8 reserved[10];
} __packed;

struct drhd {
	u16 type, length;
	u8 flags, size;
	u16 segment;
	u64 registers;
} __packed;

#define DMAR_DRHD 0

static volatile u8 *registers;

/* The first remapping unit. Our machines have no more. */
static volatile u8 *find_registers(void)
{
	const struct dmar *dmar = acpi_table("DMAR");
	const u8 *at = (const u8 *)(dmar + 1), *end = (const u8 *)dmar;

	if (!dmar)
		return NULL;
	for (end += dmar->header.length; at + sizeof(struct drhd) <= end;
	     at += ((const struct drhd *)at)->length) {
		const struct drhd *unit = (const void *)at;

		if (unit->type == DMAR_DRHD)
			return (volatile u8 *)unit->registers;
		if (!unit->length)
			break;
	}
	return NULL;
}

/* ---- registers ---- */

#define GCMD_TE	   BIT(31) /* translate */
#define GCMD_SRTP  BIT(30) /* take the root table */
#define GCMD_QIE   BIT(26) /* use the invalidation queue */
#define GCMD_IRE   BIT(25) /* remap interrupts */
#define GCMD_SIRTP BIT(24) /* take the interrupt table */
#define GCMD_CFI   BIT(23) /* let interrupts of the compatibility format pass */
/* The bits of the status that a command has to repeat. The others make something happen once. */
#define GCMD_LASTING (GCMD_TE | GCMD_QIE | GCMD_IRE | GCMD_CFI)

#define CAP_SAGAW_39 BIT(9)
#define CAP_SAGAW_48 BIT(10)
#define CAP_FRO(cap) (((cap) >> 24 & 0x3ff) * 16)
#define ECAP_C	     BIT(0) /* it sees what the CPU's caches have */
#define ECAP_QI	     BIT(1)
#define ECAP_IR	     BIT(3)

u32 iommu_read(u32 offset)
{
	return readl(registers + offset);
}

u64 iommu_read64(u32 offset)
{
	return readq(registers + offset);
}

void iommu_write(u32 offset, u32 value)
{
	writel(value, registers + offset);
}

static void write64(u32 offset, u64 value)
{
	writeq(value, registers + offset);
}

static void command(u32 bit)
{
	iommu_write(VTD_GCMD, (iommu_read(VTD_GSTS) & GCMD_LASTING) | bit);
	wait_for(iommu_read(VTD_GSTS) & bit, ANSWER_MS, "the IOMMU to carry out command 0x%x", bit);
}

bool iommu_present(void)
{
	u64 cap;

	if (!registers)
		registers = find_registers();
	if (!registers)
		return false;
	cap = iommu_read64(VTD_CAP);
	return cap & (CAP_SAGAW_39 | CAP_SAGAW_48) &&
	       (iommu_read64(VTD_ECAP) & (ECAP_QI | ECAP_IR)) == (ECAP_QI | ECAP_IR);
}

/* The IOMMU is to see these tables. */
static void publish(const void *from, size_t size)
{
	if (!(iommu_read64(VTD_ECAP) & ECAP_C))
		for (size_t at = 0; at < size; at += 16)
			clflush((const u8 *)from + at);
	smp_mb();
}

/* ---- the invalidation queue ---- */

/* Descriptors of 128 bits, one page of them. */
#define QUEUE_ENTRIES (PAGE_SIZE / 16)
#define QUEUE_SHIFT   4 /* of IQH and IQT */

#define INVALIDATE_CONTEXTS   (1 | 1 << 4) /* all of them; likewise for the others */
#define INVALIDATE_IOTLB      (2 | 1 << 4)
#define INVALIDATE_INTERRUPTS 4
#define WAIT_AND_WRITE	      (5 | 1 << 5)
#define WAIT_DATA_SHIFT	      32

static u64 (*queue)[2];
static u32 queue_tail, waited;

static void put(u64 low, u64 high)
{
	queue[queue_tail][0] = low;
	queue[queue_tail][1] = high;
	publish(queue[queue_tail], sizeof(queue[0]));
	queue_tail = (queue_tail + 1) % QUEUE_ENTRIES;
}

/* Returns when the IOMMU has forgotten what it had cached. */
static void invalidate(u64 what)
{
	static volatile u32 written;

	waited++;
	put(what, 0);
	put(WAIT_AND_WRITE | (u64)waited << WAIT_DATA_SHIFT, virt_to_phys((const void *)&written));
	iommu_write(VTD_IQT, queue_tail << QUEUE_SHIFT);
	wait_for(written == waited, ANSWER_MS,
		 "the IOMMU to invalidate (head 0x%lx, tail 0x%lx, fault status 0x%x)",
		 iommu_read64(VTD_IQH), iommu_read64(VTD_IQT), iommu_read(VTD_FSTS));
}

/* ---- translation ---- */

#define PRESENT			BIT(0)
#define READ_WRITE		(BIT(0) | BIT(1))
#define ENTRY_BITS		9
#define DOMAIN			1ul
#define CONTEXT_DOMAIN		(DOMAIN << 8)
#define WIDTH_OF_LEVELS(levels) ((levels)-2ul)

static u64 *translation;
static int levels;

/* The entry of the last level. Makes tables that are missing. */
static u64 *entry_of(u64 address)
{
	u64 *table = translation;

	for (int level = levels - 1;; level--) {
		u64 *entry = &table[address >> (PAGE_SHIFT + level * ENTRY_BITS) &
				    (BIT(ENTRY_BITS) - 1)];

		if (!level)
			return entry;
		if (!*entry) {
			*entry = virt_to_phys(alloc_page()) | READ_WRITE;
			publish(entry, sizeof(*entry));
		}
		table = phys_to_virt(*entry & PT_ADDR_MASK);
	}
}

static void set_entry(u64 address, const void *memory)
{
	u64 *entry = entry_of(address + IOMMU_OFFSET);

	*entry = memory ? virt_to_phys(memory) | READ_WRITE : 0;
	publish(entry, sizeof(*entry));
}

/* All of RAM, from the first page that may be in use to the last. */
static void translate_ram(void)
{
	u64 end = 0;

	for (int i = 0; i < memory_regions; i++)
		end = MAX(end, memory_region[i].end);
	for (u64 at = PAGE_SIZE; at < end; at += PAGE_SIZE)
		if (is_mapped(phys_to_virt(at)))
			set_entry(at, phys_to_virt(at));
}

static void set_root(void)
{
	u64(*root)[2] = alloc_page(), (*contexts)[2] = alloc_page();

	for (u64 i = 0; i < PAGE_SIZE / sizeof(contexts[0]); i++) {
		contexts[i][0] = virt_to_phys(translation) | PRESENT;
		contexts[i][1] = CONTEXT_DOMAIN | WIDTH_OF_LEVELS(levels);
	}
	/* Bus 0. */
	root[0][0] = virt_to_phys(contexts) | PRESENT;
	publish(contexts, PAGE_SIZE);
	publish(root, PAGE_SIZE);
	write64(VTD_RTADDR, virt_to_phys(root));
	command(GCMD_SRTP);
}

void iommu_map(const void *page, const void *memory)
{
	set_entry(virt_to_phys(page), memory);
	invalidate(INVALIDATE_IOTLB);
}

/* ---- interrupts ---- */

#define INTERRUPTS	   (PAGE_SIZE / 16)
#define IRTA_SIZE	   7 /* 2^(7 + 1) entries */
#define IRTE_VECTOR_SHIFT  16
#define IRTE_APIC_ID_SHIFT 40 /* not in x2APIC mode (IRTA.EIME) */
#define IRTE_VERIFY_SOURCE (1ul << 18)
#define MSI_BASE	   0xfee00000u
#define MSI_REMAPPABLE	   BIT(4)
#define MSI_HANDLE_SHIFT   5

static u64 (*interrupt_table)[2];

/* Who uses the entries of the table. */
static struct {
	pcidevaddr_t device;
	int n;
} users[INTERRUPTS];
static u32 used;

static u32 handle_of(pcidevaddr_t device, int n)
{
	for (u32 i = 0; i < used; i++)
		if (users[i].device == device && users[i].n == n)
			return i;
	assert_msg(used < INTERRUPTS, "%u MSI-X entries are in use", used);
	users[used].device = device;
	users[used].n = n;
	return used++;
}

void iommu_message(pcidevaddr_t device, int n, int cpu, u8 vector, u32 *address, u32 *data)
{
	u32 handle = handle_of(device, n);
	u64 *entry = interrupt_table[handle];

	entry[0] = 0;
	publish(entry, sizeof(interrupt_table[0]));
	entry[1] = device | IRTE_VERIFY_SOURCE;
	entry[0] = PRESENT | (u64)vector << IRTE_VECTOR_SHIFT |
		   (u64)cpu_apic_id(cpu) << IRTE_APIC_ID_SHIFT;
	publish(entry, sizeof(interrupt_table[0]));
	invalidate(INVALIDATE_INTERRUPTS);
	*address = MSI_BASE | MSI_REMAPPABLE | handle << MSI_HANDLE_SHIFT;
	*data = 0;
}

/*
 * What the IOAPIC sends has the compatibility format. QEMU lets it pass without GCMD_CFI, and older
 * ones do not report it in the status, so nobody waits for that.
 */
static void remap_interrupts(void)
{
	write64(VTD_IRTA, virt_to_phys(interrupt_table) | IRTA_SIZE);
	command(GCMD_SIRTP);
	invalidate(INVALIDATE_INTERRUPTS);
	iommu_write(VTD_GCMD, (iommu_read(VTD_GSTS) & GCMD_LASTING) | GCMD_CFI);
	command(GCMD_IRE);
}

/* ---- turning it on ---- */

bool iommu_enabled(void)
{
	return translation;
}

void iommu_enable(void)
{
	if (iommu_enabled())
		return;
	assert_msg(iommu_present(),
		   "there is no IOMMU with queued invalidation, and interrupt remapping");
	levels = iommu_read64(VTD_CAP) & CAP_SAGAW_39 ? 3 : 4;
	queue = alloc_page();
	interrupt_table = alloc_page();
	translation = alloc_page();
	publish(interrupt_table, PAGE_SIZE);
	publish(translation, PAGE_SIZE);
	translate_ram();
	set_root();
	write64(VTD_IQT, 0);
	write64(VTD_IQA, virt_to_phys(queue));
	command(GCMD_QIE);
	invalidate(INVALIDATE_CONTEXTS);
	invalidate(INVALIDATE_IOTLB);
	remap_interrupts();
	command(GCMD_TE);
}

/* ---- faults ---- */

#define FAULT_F		   BIT(63)
#define FAULT_READ	   BIT(62)
#define FAULT_REASON(high) ((high) >> 32 & 0xff)
#define FAULT_SOURCE	   GENMASK(15, 0)

static u32 fault_register(void)
{
	return CAP_FRO(iommu_read64(VTD_CAP));
}

struct iommu_fault iommu_fault(void)
{
	/* F, in the upper half, says that the rest is there. */
	u64 high = iommu_read64(fault_register() + 8), low = iommu_read64(fault_register());

	return (struct iommu_fault){ .recorded = high & FAULT_F,
				     .is_read = high & FAULT_READ,
				     .reason = FAULT_REASON(high),
				     .source = high & FAULT_SOURCE,
				     .address = low & PAGE_MASK };
}

void iommu_clear_fault(void)
{
	write64(fault_register() + 8, FAULT_F);
}
