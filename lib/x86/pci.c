// SPDX-License-Identifier: GPL-2.0-or-later
/* PCI configuration space. See pci.h. */
#include "pci.h"
#include "io.h"
#include "processor.h"
#include "spinlock.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define FUNCTIONS_PER_BUS 256

static struct spinlock lock;

/* Address and data are two ports, so only one CPU may use them at a time. */
static u64 select(pcidevaddr_t device, u8 offset)
{
	u64 flags = irq_save();

	spin_lock(&lock);
	outl(CONFIG_ENABLE | (u32)device << 8 | (offset & 0xfc), CONFIG_ADDRESS);
	return flags;
}

static void deselect(u64 flags)
{
	spin_unlock(&lock);
	irq_restore(flags);
}

#define BUILD_CONFIG_ACCESS(suffix, type, in, out)                                                 \
	type pci_config_read##suffix(pcidevaddr_t device, u8 offset)                               \
	{                                                                                          \
		u64 flags = select(device, offset);                                                \
		type value = in(CONFIG_DATA + offset % 4);                                         \
                                                                                                   \
		deselect(flags);                                                                   \
		return value;                                                                      \
	}                                                                                          \
	void pci_config_write##suffix(pcidevaddr_t device, u8 offset, type value)                  \
	{                                                                                          \
		u64 flags = select(device, offset);                                                \
                                                                                                   \
		out(value, CONFIG_DATA + offset % 4);                                              \
		deselect(flags);                                                                   \
	}

BUILD_CONFIG_ACCESS(b, u8, inb, outb)
BUILD_CONFIG_ACCESS(w, u16, inw, outw)
BUILD_CONFIG_ACCESS(l, u32, inl, outl)

bool pci_dev_exists(pcidevaddr_t device)
{
	return pci_config_readw(device, PCI_VENDOR_ID) != 0xffff;
}

pcidevaddr_t pci_next_dev(pcidevaddr_t previous)
{
	/* With PCIDEVADDR_INVALID it begins at 0, since the sum has 16 bits. */
	u32 device = (pcidevaddr_t)(previous + 1);

	while (device < FUNCTIONS_PER_BUS) {
		u32 first = device & ~7u;

		if (device != first &&
		    !(pci_config_readb(first, PCI_HEADER_TYPE) & PCI_HEADER_TYPE_MULTI_FUNCTION)) {
			device = first + 8;
			continue;
		}
		if (pci_dev_exists(device))
			return device;
		device = device == first ? first + 8 : device + 1;
	}
	return PCIDEVADDR_INVALID;
}

pcidevaddr_t pci_find_dev(u16 vendor, u16 device_id)
{
	pcidevaddr_t device = PCIDEVADDR_INVALID;

	while ((device = pci_next_dev(device)) != PCIDEVADDR_INVALID)
		if (pci_config_readw(device, PCI_VENDOR_ID) == vendor &&
		    pci_config_readw(device, PCI_DEVICE_ID) == device_id)
			break;
	return device;
}

u8 pci_next_cap(pcidevaddr_t device, u8 id, u8 previous)
{
	u8 at;

	if (!(pci_config_readw(device, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	at = previous ? previous + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST;
	at = pci_config_readb(device, at) & 0xfc;
	/* At most 48 capabilities fit, so a longer list is a ring. */
	for (int n = 0; at && n < 48; n++) {
		if (pci_config_readb(device, at) == id)
			return at;
		at = pci_config_readb(device, at + PCI_CAP_LIST_NEXT) & 0xfc;
	}
	return 0;
}

u8 pci_find_cap(pcidevaddr_t device, u8 id)
{
	return pci_next_cap(device, id, 0);
}

static bool is_64bit(u32 low)
{
	return (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

phys_addr_t pci_memory_bar(pcidevaddr_t device, int n)
{
	u8 offset = PCI_BASE_ADDRESS_0 + 4 * n;
	u32 low = pci_config_readl(device, offset);
	u64 high = is_64bit(low) ? pci_config_readl(device, offset + 4) : 0;

	return high << 32 | (low & PCI_BASE_ADDRESS_MEM_MASK);
}

/* What a BAR reads as after all ones have been written to it. */
static u32 probe(pcidevaddr_t device, u8 offset)
{
	u32 value = pci_config_readl(device, offset);
	u32 kept;

	pci_config_writel(device, offset, 0xffffffff);
	kept = pci_config_readl(device, offset);
	pci_config_writel(device, offset, value);
	return kept;
}

struct pci_bar pci_bar(pcidevaddr_t device, int n)
{
	u8 offset = PCI_BASE_ADDRESS_0 + 4 * n;
	u16 command = pci_config_readw(device, PCI_COMMAND);
	u32 low = pci_config_readl(device, offset);
	struct pci_bar bar = { .is_io = low & PCI_BASE_ADDRESS_SPACE_IO };
	u64 kept;

	pci_config_writew(device, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	kept = probe(device, offset);
	if (kept && bar.is_io) {
		bar.address = low & PCI_BASE_ADDRESS_IO_MASK;
		bar.size = (u16) - (kept & PCI_BASE_ADDRESS_IO_MASK);
	} else if (kept) {
		bar.address = pci_memory_bar(device, n);
		bar.is_64bit = is_64bit(low);
		kept = (kept & PCI_BASE_ADDRESS_MEM_MASK) | 0xffffffff00000000;
		if (bar.is_64bit)
			kept = (u32)kept | (u64)probe(device, offset + 4) << 32;
		bar.size = -kept;
	}
	pci_config_writew(device, PCI_COMMAND, command);
	return bar;
}
