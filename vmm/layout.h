/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IOAPIC, and physical addresses that are no RAM, as on a PC. */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#define IO_APIC_ADDRESS	   0xfec00000
#define LOCAL_APIC_ADDRESS 0xfee00000
#define IOAPIC_PINS	   24
/* On a PC the PIT has this IRQ, and is wired to this pin of the IOAPIC. */
#define IRQ_OF_PIT 0
#define PIN_OF_PIT 2

/*
 * KVM without "unrestricted guest" needs three pages for a task state segment and one for an
 * identity map: KVM API documentation 4.34 and 4.40. They may be anywhere but in RAM.
 */
#define IDENTITY_MAP_ADDRESS 0xfeffc000
#define TSS_ADDRESS	     0xfeffd000

#endif
