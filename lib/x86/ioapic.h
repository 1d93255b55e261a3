/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IOAPIC (Intel 82093AA datasheet, 3.2), at the one address at which every PC has
 * its first. All its pins are masked until one is routed.
 */
#ifndef X86_IOAPIC_H
#define X86_IOAPIC_H

#include "libcflat.h"

#define IOAPIC_PHYS_BASE 0xfec00000ul

/* Level-triggered and active high, as QEMU's PCI lines are: fixed delivery to one CPU. */
void ioapic_route_level(int pin, int cpu, u8 vector);
void ioapic_mask(int pin);
void ioapic_unmask(int pin);

/* The redirection table's entry. */
#define IOAPIC_REMOTE_IRR BIT(14)
#define IOAPIC_LEVEL	  BIT(15)
#define IOAPIC_MASKED	  BIT(16)
u64 ioapic_read_entry(int pin);

#endif
