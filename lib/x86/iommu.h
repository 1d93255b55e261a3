/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's IOMMU (Intel Virtualization Technology for Directed I/O, Architecture
 * Specification). It is off until it is enabled. Then every device of bus 0 that it is in front of
 * finds page P of RAM at P + IOMMU_OFFSET, and nothing else. A device's own interrupts go through
 * its table, too; those of the IOAPIC do not.
 */
#ifndef X86_IOMMU_H
#define X86_IOMMU_H

#include "libcflat.h"
#include "pci.h"

/* Far above RAM, so that an address that was not translated leads nowhere. Below 2^39. */
#define IOMMU_OFFSET (1ul << 37)

/* Does the machine have one, with all that this library uses? */
bool iommu_present(void);
/* Enables it, unless that was done. Aborts if there is none. */
void iommu_enable(void);
bool iommu_enabled(void);

/*
 * What devices find at the page `page` + IOMMU_OFFSET: other memory of the guest, or none (NULL).
 * Both are whole pages. The IOMMU knows when this returns.
 */
void iommu_map(const void *page, const void *memory);

/*
 * The message by which entry N of the device's MSI-X table, or its MSI (N = 0), interrupts a CPU
 * through the IOMMU's table.
 */
void iommu_message(pcidevaddr_t device, int n, int cpu, u8 vector, u32 *address, u32 *data);

/* ---- for tests of the IOMMU itself ---- */

/* Registers, by their offsets (chapter "Register Descriptions"). */
#define VTD_CAP	    0x08
#define VTD_ECAP    0x10
#define VTD_GCMD    0x18
#define VTD_GSTS    0x1c
#define VTD_RTADDR  0x20
#define VTD_FSTS    0x34
#define VTD_FECTL   0x38
#define VTD_FEDATA  0x3c
#define VTD_FEADDR  0x40
#define VTD_FEUADDR 0x44
#define VTD_IQH	    0x80
#define VTD_IQT	    0x88
#define VTD_IQA	    0x90
#define VTD_ICS	    0x9c
#define VTD_IECTL   0xa0
#define VTD_IEDATA  0xa4
#define VTD_IEADDR  0xa8
#define VTD_IEUADDR 0xac
#define VTD_IRTA    0xb8

#define VTD_FSTS_PPF BIT(1)  /* a fault is recorded */
#define VTD_FECTL_IM BIT(31) /* the fault event is masked */
#define VTD_FECTL_IP BIT(30) /* ... and pending */

u32 iommu_read(u32 offset);
u64 iommu_read64(u32 offset);
void iommu_write(u32 offset, u32 value);

/* The first fault recording register. */
struct iommu_fault {
	bool recorded;
	bool is_read;
	u8 reason;
	u16 source;  /* the device, as a pcidevaddr_t */
	u64 address; /* of the page */
};

struct iommu_fault iommu_fault(void);
/* Clears the record, and with it VTD_FSTS_PPF. */
void iommu_clear_fault(void);

#endif
