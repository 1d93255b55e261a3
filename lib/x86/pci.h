/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space by ports 0xcf8 and 0xcfc (PCI Local Bus Specification 3.0, 3.2.2.3.2 and
 * chapter 6). A pcidevaddr_t is bus << 8 | device << 3 | function.
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
#define PCI_STATUS_INTERRUPT	       0x0008
#define PCI_STATUS_CAP_LIST	       0x0010
#define PCI_CLASS_REVISION	       0x08
#define PCI_HEADER_TYPE		       0x0e
#define PCI_HEADER_TYPE_MULTI_FUNCTION 0x80
#define PCI_BASE_ADDRESS_0	       0x10
#define PCI_BASE_ADDRESS_SPACE_IO      0x1
#define PCI_BASE_ADDRESS_MEM_TYPE_MASK 0x6
#define PCI_BASE_ADDRESS_MEM_TYPE_64   0x4
#define PCI_BASE_ADDRESS_IO_MASK       (~0x3u)
#define PCI_BASE_ADDRESS_MEM_MASK      (~0xfu)
#define PCI_SUBSYSTEM_ID	       0x2e
#define PCI_CAPABILITY_LIST	       0x34
#define PCI_CAP_LIST_NEXT	       1
#define PCI_INTERRUPT_PIN	       0x3d
#define PCI_BAR_COUNT		       6

/* Capability ids, and the registers of MSI and MSI-X (6.8). */
#define PCI_CAP_ID_MSI		    0x05
#define PCI_CAP_ID_VNDR		    0x09
#define PCI_CAP_ID_MSIX		    0x11
#define PCI_MSI_FLAGS		    2
#define PCI_MSI_FLAGS_ENABLE	    0x0001
#define PCI_MSI_FLAGS_QSIZE	    0x0070
#define PCI_MSI_FLAGS_64BIT	    0x0080
#define PCI_MSI_ADDRESS_LO	    4
#define PCI_MSI_ADDRESS_HI	    8
#define PCI_MSI_DATA_32		    8
#define PCI_MSI_DATA_64		    12
#define PCI_MSIX_FLAGS		    2
#define PCI_MSIX_FLAGS_QSIZE	    0x07ff
#define PCI_MSIX_FLAGS_MASKALL	    0x4000
#define PCI_MSIX_FLAGS_ENABLE	    0x8000
#define PCI_MSIX_TABLE		    4
#define PCI_MSIX_PBA		    8
#define PCI_MSIX_TABLE_BIR	    0x7
#define PCI_MSIX_ENTRY_SIZE	    16
#define PCI_MSIX_ENTRY_LOWER_ADDR   0
#define PCI_MSIX_ENTRY_UPPER_ADDR   4
#define PCI_MSIX_ENTRY_DATA	    8
#define PCI_MSIX_ENTRY_VECTOR_CTRL  12
#define PCI_MSIX_ENTRY_CTRL_MASKBIT 0x1

u8 pci_config_readb(pcidevaddr_t device, u8 offset);
u16 pci_config_readw(pcidevaddr_t device, u8 offset);
u32 pci_config_readl(pcidevaddr_t device, u8 offset);
void pci_config_writeb(pcidevaddr_t device, u8 offset, u8 value);
void pci_config_writew(pcidevaddr_t device, u8 offset, u16 value);
void pci_config_writel(pcidevaddr_t device, u8 offset, u32 value);

bool pci_dev_exists(pcidevaddr_t device);
/* The next function on bus 0. `previous` is PCIDEVADDR_INVALID for the first. */
pcidevaddr_t pci_next_dev(pcidevaddr_t previous);
/* The first function on bus 0 with these ids, or PCIDEVADDR_INVALID. */
pcidevaddr_t pci_find_dev(u16 vendor, u16 device);
/* The offset of the first capability with this id (PCI Code and ID Assignment), or 0. */
u8 pci_find_cap(pcidevaddr_t device, u8 id);
/* The offset of the next capability with this id, or 0. `previous` is 0 for the first. */
u8 pci_next_cap(pcidevaddr_t device, u8 id, u8 previous);

struct pci_bar {
	bool is_io, is_64bit;
	phys_addr_t address; /* its present value: a port or a physical address */
	u64 size;	     /* in bytes; 0 if there is no such BAR */
};

/* Describes a BAR. The device does not decode its addresses while the size is measured. */
struct pci_bar pci_bar(pcidevaddr_t device, int n);

/*
 * Gives addresses to BARs that have none from the firmware (qboot gives none at all), and enables
 * decoding and bus mastering. Memory BARs get addresses below 4 GiB, where everything is mapped. A
 * BAR that firmware has put above 4 GiB, as UEFI's does, stays there, and is mapped.
 */
void pci_enable(pcidevaddr_t device);

/* The address of an enabled device's memory BAR, without measuring its size. */
phys_addr_t pci_memory_bar(pcidevaddr_t device, int n);

/* Device and function as "02.0", for messages. */
const char *pci_name(pcidevaddr_t device, char text[8]);

/*
 * A device uses the kind of interrupts that was turned on last, and none after pci_no_interrupts().
 * pci_use_msix() masks all entries of the table and returns their number. pci_use_msi() returns
 * false if there is no such capability. They send `vector` to the CPU with number `cpu`.
 */
void pci_no_interrupts(pcidevaddr_t device);
int pci_use_msix(pcidevaddr_t device);
void pci_set_msix(pcidevaddr_t device, int entry, int cpu, u8 vector);
/* Masks or unmasks an entry of MSI-X. An interrupt that comes while it is masked is pending. */
void pci_mask_msix(pcidevaddr_t device, int entry, bool mask);
bool pci_msix_pending(pcidevaddr_t device, int entry);
bool pci_use_msi(pcidevaddr_t device, int cpu, u8 vector);
/*
 * INTx: the interrupt line of the device's pin, through the IOAPIC. pci_has_intx() and
 * pci_use_intx() return false if the machine is not QEMU's q35, since only its lines are known
 * here.
 */
bool pci_has_intx(pcidevaddr_t device);
/* The pin of the IOAPIC to which the device's line leads, or -1. */
int pci_intx_pin(pcidevaddr_t device);
void pci_disable_intx(pcidevaddr_t device, bool disable);
bool pci_use_intx(pcidevaddr_t device, int cpu, u8 vector);

#endif
