/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment descriptors, the TSS and the IDT (Intel SDM volume 3, "Protected-Mode Memory Management"
 * and "Interrupt and Exception Handling"). Each CPU has a GDT and a TSS of its own. All CPUs share
 * one IDT.
 */
#ifndef X86_DESC_H
#define X86_DESC_H

#include "libcflat.h"

#define KERNEL_CS	0x08
#define KERNEL_DS	0x10
#define NP_SEL		0x18 /* a code segment that is not present */
#define KERNEL_CS32	0x20
#define KERNEL_CS16	0x28
#define KERNEL_DS16	0x30
#define USER_CS32	0x3b
#define USER_DS		0x43
#define USER_CS64	0x4b
#define FIRST_SPARE_SEL 0x50 /* free for tests up to 0x78 */
#define TSS_MAIN	0x80
#define GDT_ENTRIES	18

typedef struct {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7]; /* ist[n - 1] is ISTn */
	u64 reserved2;
	u16 reserved3;
	u16 io_bitmap;
} __packed tss64_t;

typedef struct {
	u16 offset0;
	u16 selector;
	u8 ist;
	u8 type_attributes;
	u16 offset1;
	u32 offset2;
	u32 reserved;
} __packed idt_entry_t;

/* The numbers of the IST stacks: these events need a good stack whatever was interrupted. */
#define IST_DF	1
#define IST_NMI 2
#define IST_MC	3

/* This CPU's GDT and TSS, and another CPU's TSS. */
u64 *this_gdt(void);
tss64_t *this_tss(void);
tss64_t *cpu_tss(int cpu);

/* Set a vector's handler address and DPL, or its IST stack (0: none), for all CPUs. */
void set_idt_entry(int vector, void *address, int dpl);
void set_idt_ist(int vector, int ist);

/* For the library: loads GDT, TSS, IDT and GS base on this CPU, whose number is `cpu`. */
void load_descriptors(int cpu);
void setup_idt(void);
/* Call this when all TSSs have their IST stacks. From then on #DF, NMI and #MC use these. */
void enable_ist(void);
#endif
