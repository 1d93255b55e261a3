/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What boot.S, trampoline.S, flat.lds and the C that follows them share. */
#ifndef X86_BOOT_H
#define X86_BOOT_H

/* The image, with its zeroed data, has the 2 MiB from here for itself. */
#define IMAGE_BASE	0x400000
#define IMAGE_SIZE	0x200000
#define BOOT_STACK_SIZE 8192

/* Below 1 MiB, in a page that no firmware keeps: where SIPI sends the APs. */
#define TRAMPOLINE_BASE 0x8000

#define MAX_CPUS 255

#ifndef __ASSEMBLER__
#include "libcflat.h"

extern u32 multiboot_magic, multiboot_info;
extern u64 boot_pml4[512], boot_pt_image[512];
extern char trampoline_start[], trampoline_end[];
extern char _text[], _etext[], _rodata[], _erodata[], _data[], _end[];

/* Filled by smp_init() for the APs to find themselves. */
extern u32 boot_apic_ids[MAX_CPUS];
extern u32 boot_cpus;
extern u64 boot_stacks[MAX_CPUS];

/* Called from boot.S. */
u64 boot_setup(void);
void guest_main(void) __noreturn;
void ap_main(int cpu) __noreturn;
#endif

#endif
