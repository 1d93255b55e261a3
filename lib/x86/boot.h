/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What boot.S, trampoline.S, flat.lds and the C code after them share. */
#ifndef X86_BOOT_H
#define X86_BOOT_H

/* The image and its zeroed data have these 2 MiB for themselves. */
#define IMAGE_BASE	0x400000
#define IMAGE_SIZE	0x200000
#define BOOT_STACK_SIZE 8192

/* SIPI sends the APs here: a page below 1 MiB that no firmware needs any more. */
#define TRAMPOLINE_BASE 0x8000
/* The rest of the page is free for what such code stores. */
#define TRAMPOLINE_SIZE 0x800

#define MAX_CPUS 255

#ifndef __ASSEMBLER__
#include "libcflat.h"

extern u32 multiboot_magic, multiboot_info;
extern u64 boot_pml4[512], boot_pt_image[512];
extern char trampoline_start[], trampoline_end[];
extern char _text[], _etext[], _rodata[], _erodata[], _data[], _end[];

/* smp_init() fills these tables. An AP finds its number and its stack in them. */
extern u32 boot_apic_ids[MAX_CPUS];
extern u32 boot_cpus;
extern u64 boot_stacks[MAX_CPUS];

/* boot.S calls these. */
u64 boot_setup(void);
void guest_main(void) __noreturn;
void ap_main(int cpu) __noreturn;
#endif

#endif
