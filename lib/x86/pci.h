/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space through ports 0xcf8 and 0xcfc (PCI Local Bus
 * Specification 3.0, 3.2.2.3.2 and chapter 6). A function is named by its
 * bus << 8 | device << 3 | function.
 */
#ifndef X86_PCI_H
#define X86_PCI_H

#include "libcflat.h"

typedef u16 pcidevaddr_t;

#define PCIDEVADDR_INVALID		   0xffff
#define PCI_DEVADDR(bus, device, function) ((pcidevaddr_t)((bus) << 8 | (device) << 3 | (function)))

#define PCI_VENDOR_ID		       0x00
#define PCI_DEVICE_ID		       0x02
#define PCI_COMMAND		       0x04
#define PCI_COMMAND_IO		       0x0001
#define PCI_COMMAND_MEMORY	       0x0002
#define PCI_COMMAND_MASTER	       0x0004
#define PCI_COMMAND_INTX_DISABLE       0x0400
#define PCI_STATUS		       0x06
#define PCI_STATUS_CAP_LIST	       0x0010
#define PCI_CLASS_REVISION	       0x08
#define PCI_HEADER_TYPE		       0x0e
#define PCI_HEADER_TYPE_MULTI_FUNCTION 0x80
#define PCI_BASE_ADDRESS_0	       0x10
#define PCI_BASE_ADDRESS_SPACE_IO      0x1
#define PCI_BASE_ADDRESS_MEM_TYPE_MASK 0x6
#define PCI_BASE_ADDRESS_MEM_TYPE_64   0x4
#define PCI_CAPABILITY_LIST	       0x34
#define PCI_BAR_COUNT		       6

u8 pci_config_readb(pcidevaddr_t device, u8 offset);
u16 pci_config_readw(pcidevaddr_t device, u8 offset);
u32 pci_config_readl(pcidevaddr_t device, u8 offset);
void pci_config_writeb(pcidevaddr_t device, u8 offset, u8 value);
void pci_config_writew(pcidevaddr_t device, u8 offset, u16 value);
void pci_config_writel(pcidevaddr_t device, u8 offset, u32 value);

bool pci_dev_exists(pcidevaddr_t device);
/* On bus 0; the one after `previous`, which is PCIDEVADDR_INVALID for the first. */
pcidevaddr_t pci_next_dev(pcidevaddr_t previous);
/* The first with these ids, or PCIDEVADDR_INVALID. */
pcidevaddr_t pci_find_dev(u16 vendor, u16 device);
/* Offset of a capability of this kind (PCI Code and ID Assignment), or 0. */
u8 pci_find_cap(pcidevaddr_t device, u8 id);

struct pci_bar {
	bool is_io, is_64bit;
	phys_addr_t address; /* as set now: a port, or a physical address */
	u64 size;	     /* in bytes; 0 if there is no such BAR */
};

/* Decoding is off for the moment that it takes to measure the size. */
struct pci_bar pci_bar(pcidevaddr_t device, int n);

#endif
