/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps into long mode that the boot CPU (boot.S) and the other CPUs (trampoline.S) have in
 * common: Intel SDM volume 3, "Initializing IA-32e Mode". This file is for assembly.
 */
#ifndef X86_LONG_MODE_H
#define X86_LONG_MODE_H

#define CR0_PE	     (1 << 0)
#define CR0_PG_WP    ((1 << 31) | (1 << 16))
#define CR4_PAE	     (1 << 5)
#define MSR_EFER     0xc0000080
#define EFER_LME_NXE ((1 << 8) | (1 << 11))

/* clang-format off */

/* Turns paging on, with boot_pml4. The CPU is in compatibility mode until the next far jump. */
	.macro	turn_on_long_mode
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME_NXE, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG_WP, %eax
	mov	%eax, %cr0
	.endm

/* Loads the flat data segment into DS, ES and SS, and null selectors into FS and GS. */
	.macro	load_data_segments
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	.endm

#endif
