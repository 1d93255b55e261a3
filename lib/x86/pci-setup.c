// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives PCI devices addresses, as firmware does, and routes their interrupts, as an operating
 * system does (PCI Local Bus Specification 3.0, 6.2.5 and 6.8). See pci.h.
 */
#include "pci.h"
#include "apic.h"
#include "io.h"
#include "iommu.h"
#include "ioapic.h"
#include "smp.h"
#include "vm.h"

/*
 * Addresses that nothing else uses on a q35 with as little RAM as our guests have. The memory is
 * above RAM and the window of configuration space, and below the IOAPIC. The ports are above the
 * chipset's.
 */
#define MEMORY_WINDOW 0xe0000000ul
#define MEMORY_END    IOAPIC_PHYS_BASE
#define IO_WINDOW     0xc000ul
#define IO_END	      0x10000ul

#define FOUR_GIB (1ul << 32)

/* Intel SDM volume 3, "Message Signalled Interrupts": fixed delivery to one APIC id. */
#define MSI_ADDRESS	     0xfee00000u
#define MSI_ADDRESS_ID_SHIFT 12

/* The host bridge of QEMU's q35. */
#define Q35_VENDOR 0x8086
#define Q35_DEVICE 0x29c0

static u64 next_memory = MEMORY_WINDOW, next_io = IO_WINDOW;

static u64 take(u64 *next, u64 end, u64 size)
{
	u64 address = ALIGN(*next, size);

	assert_msg(address + size <= end, "no room for a BAR of 0x%lx bytes", size);
	*next = address + size;
	return address;
}

static void place(pcidevaddr_t device, int n, const struct pci_bar *bar)
{
	u8 offset = PCI_BASE_ADDRESS_0 + 4 * n;

	if (bar->is_io) {
		pci_config_writel(device, offset, take(&next_io, IO_END, bar->size));
		return;
	}
	pci_config_writel(device, offset, take(&next_memory, MEMORY_END, MAX(bar->size, 4096ul)));
	if (bar->is_64bit)
		pci_config_writel(device, offset + 4, 0);
}

void pci_enable(pcidevaddr_t device)
{
	u16 command = pci_config_readw(device, PCI_COMMAND);

	for (int n = 0; n < PCI_BAR_COUNT; n++) {
		struct pci_bar bar = pci_bar(device, n);

		if (bar.size && !bar.address)
			place(device, n, &bar);
		else if (bar.size && bar.address >= FOUR_GIB)
			map_range(phys_to_virt(bar.address), bar.address,
				  ALIGN(bar.size, PAGE_SIZE), PAGE_DEVICE);
		n += bar.is_64bit;
	}
	pci_config_writew(device, PCI_COMMAND,
			  command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

const char *pci_name(pcidevaddr_t device, char text[8])
{
	snprintf(text, 8, "%02x.%x", device >> 3 & 0x1f, device & 7);
	return text;
}

/* ---- interrupts ---- */

void pci_disable_intx(pcidevaddr_t device, bool disable)
{
	u16 command = pci_config_readw(device, PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE;

	pci_config_writew(device, PCI_COMMAND, command | (disable ? PCI_COMMAND_INTX_DISABLE : 0));
}

/* In QEMU, slots below 25 share PIRQ E to H, at pins 20 to 23 (hw/isa/lpc_ich9.c). */
int pci_intx_pin(pcidevaddr_t device)
{
	int slot = device >> 3 & 0x1f, pin = pci_config_readb(device, PCI_INTERRUPT_PIN);

	if (pci_config_readw(0, PCI_VENDOR_ID) != Q35_VENDOR ||
	    pci_config_readw(0, PCI_DEVICE_ID) != Q35_DEVICE || slot >= 25 || !pin)
		return -1;
	return 20 + (slot + pin - 1) % 4;
}

void pci_no_interrupts(pcidevaddr_t device)
{
	u8 msix = pci_find_cap(device, PCI_CAP_ID_MSIX), msi = pci_find_cap(device, PCI_CAP_ID_MSI);

	pci_disable_intx(device, true);
	if (pci_intx_pin(device) >= 0)
		ioapic_mask(pci_intx_pin(device));
	if (msix)
		pci_config_writew(device, msix + PCI_MSIX_FLAGS, 0);
	if (msi)
		pci_config_writew(device, msi + PCI_MSI_FLAGS, 0);
}

static volatile u8 *msix_entry(pcidevaddr_t device, int entry)
{
	u8 at = pci_find_cap(device, PCI_CAP_ID_MSIX);
	u32 table = pci_config_readl(device, at + PCI_MSIX_TABLE);

	return (volatile u8 *)(pci_memory_bar(device, table & PCI_MSIX_TABLE_BIR) +
			       (table & ~PCI_MSIX_TABLE_BIR) + entry * PCI_MSIX_ENTRY_SIZE);
}

int pci_use_msix(pcidevaddr_t device)
{
	u8 at = pci_find_cap(device, PCI_CAP_ID_MSIX);
	volatile u8 *table;
	int entries;

	pci_no_interrupts(device);
	if (!at)
		return 0;
	entries = (pci_config_readw(device, at + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1;
	table = msix_entry(device, 0);
	for (int i = 0; i < entries; i++)
		writel(PCI_MSIX_ENTRY_CTRL_MASKBIT,
		       table + i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL);
	pci_config_writew(device, at + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
	return entries;
}

static void message(pcidevaddr_t device, int n, int cpu, u8 vector, u32 *address, u32 *data)
{
	if (iommu_enabled()) {
		iommu_message(device, n, cpu, vector, address, data);
		return;
	}
	*address = MSI_ADDRESS | cpu_apic_id(cpu) << MSI_ADDRESS_ID_SHIFT;
	*data = vector;
}

void pci_set_msix(pcidevaddr_t device, int n, int cpu, u8 vector)
{
	volatile u8 *entry = msix_entry(device, n);
	u32 address, data;

	message(device, n, cpu, vector, &address, &data);
	writel(address, entry + PCI_MSIX_ENTRY_LOWER_ADDR);
	writel(0, entry + PCI_MSIX_ENTRY_UPPER_ADDR);
	writel(data, entry + PCI_MSIX_ENTRY_DATA);
	writel(0, entry + PCI_MSIX_ENTRY_VECTOR_CTRL);
}

void pci_mask_msix(pcidevaddr_t device, int entry, bool mask)
{
	writel(mask ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0,
	       msix_entry(device, entry) + PCI_MSIX_ENTRY_VECTOR_CTRL);
}

bool pci_msix_pending(pcidevaddr_t device, int entry)
{
	u8 at = pci_find_cap(device, PCI_CAP_ID_MSIX);
	u32 pba = pci_config_readl(device, at + PCI_MSIX_PBA);
	phys_addr_t bits = pci_memory_bar(device, pba & PCI_MSIX_TABLE_BIR) +
			   (pba & ~PCI_MSIX_TABLE_BIR) + entry / 64 * 8;

	return readq((volatile void *)bits) >> entry % 64 & 1;
}

bool pci_use_msi(pcidevaddr_t device, int cpu, u8 vector)
{
	u8 at = pci_find_cap(device, PCI_CAP_ID_MSI);
	u32 address, data;
	u16 flags;

	pci_no_interrupts(device);
	if (!at)
		return false;
	flags = pci_config_readw(device, at + PCI_MSI_FLAGS);
	message(device, 0, cpu, vector, &address, &data);
	pci_config_writel(device, at + PCI_MSI_ADDRESS_LO, address);
	if (flags & PCI_MSI_FLAGS_64BIT)
		pci_config_writel(device, at + PCI_MSI_ADDRESS_HI, 0);
	pci_config_writew(device,
			  at + (flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32),
			  data);
	/* Use one message only. */
	pci_config_writew(device, at + PCI_MSI_FLAGS,
			  (flags & ~PCI_MSI_FLAGS_QSIZE) | PCI_MSI_FLAGS_ENABLE);
	return true;
}

bool pci_has_intx(pcidevaddr_t device)
{
	return pci_intx_pin(device) >= 0;
}

bool pci_use_intx(pcidevaddr_t device, int cpu, u8 vector)
{
	int pin = pci_intx_pin(device);

	pci_no_interrupts(device);
	if (pin < 0)
		return false;
	ioapic_route_level(pin, cpu, vector);
	pci_disable_intx(device, false);
	return true;
}
