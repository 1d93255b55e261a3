/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IOAPIC (Intel 82093AA datasheet, 3.2) at the address of a PC's first one. All pins are masked
 * until they are routed. Pins are numbered from 0.
 */
#ifndef X86_IOAPIC_H
#define X86_IOAPIC_H

#include "libcflat.h"

#define IOAPIC_PHYS_BASE 0xfec00000ul

/*
 * Routes a pin to one CPU, with fixed delivery, level-triggered and active high, as QEMU's PCI
 * lines are.
 */
void ioapic_route_level(int pin, int cpu, u8 vector);
/* The same edge-triggered, as ISA interrupts are. */
void ioapic_route_edge(int pin, int cpu, u8 vector);
/* The pin of an ISA interrupt: the pin of the same number, unless the MADT overrides it. */
int ioapic_isa_pin(int irq);
void ioapic_mask(int pin);
void ioapic_unmask(int pin);

/*
 * The registers: IOREGSEL selects the one that IOWIN accesses. ioapic_read() and ioapic_write() do
 * both, under a lock.
 */
#define IOAPIC_IOREGSEL 0x00
#define IOAPIC_IOWIN	0x10
#define IOAPIC_VERSION	0x01 /* with the last pin's number in bits 23:16 */
#define IOAPIC_ENTRY	0x10 /* pin 0's lower half, then its upper half, and so on */
u32 ioapic_read(u8 index);
void ioapic_write(u8 index, u32 value);

/* The pin's entry in the redirection table. */
#define IOAPIC_REMOTE_IRR BIT(14)
#define IOAPIC_LEVEL	  BIT(15)
#define IOAPIC_MASKED	  BIT(16)
u64 ioapic_read_entry(int pin);

#endif
