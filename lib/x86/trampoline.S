/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An AP begins here after SIPI, in real mode with CS = vector << 8 and IP = 0 (Intel SDM volume 3,
 * "Multiple-Processor Initialization"). smp.c copies this code to TRAMPOLINE_BASE.
 */
#include "boot.h"
#include "long-mode.h"

#define CR0_CD_NW ((1 << 30) | (1 << 29))

#define AT(label) (label - trampoline_start + TRAMPOLINE_BASE)

	.section .rodata
	.balign	16
	.globl	trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AT(trampoline_gdt_pointer)
	mov	%cr0, %eax
	or	$CR0_PE, %eax
	/* INIT leaves CD and NW set: turn the caches on. */
	and	$~CR0_CD_NW, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $AT(trampoline32)

	.code32
trampoline32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	turn_on_long_mode
	ljmp	$0x08, $ap_start64

	.balign	16
trampoline_gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cf9b000000ffff
trampoline_gdt_pointer:
	.word	. - trampoline_gdt - 1
	.long	AT(trampoline_gdt)
trampoline_end:

	.section .note.GNU-stack, "", @progbits
