/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware waking vector (ACPI Specification 6.5, 5.2.10): firmware comes here after S3, in
 * real mode with CS = vector >> 4. sleep.c copies this code to TRAMPOLINE_BASE. It first restores the
 * guest's image from a copy: sleep.h says why.
 */
#include "boot.h"
#include "sleep.h"
#include "long-mode.h"

#define CR0_CD_NW ((1 << 30) | (1 << 29))

#define AT(label) (label - waking_start + TRAMPOLINE_BASE)

	.section .rodata
	.balign	16
	.globl	waking_start, waking_end
	.code16
waking_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AT(waking_gdt_pointer)
	mov	%cr0, %eax
	or	$CR0_PE, %eax
	and	$~CR0_CD_NW, %eax
	mov	%eax, %cr0
	ljmpl	$0x18, $AT(waking32)

	.code32
waking32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	incl	WAKING_COUNT
	mov	WAKING_COPY, %esi
	mov	$IMAGE_BASE, %edi
	mov	WAKING_DWORDS, %ecx
	rep movsl
	turn_on_long_mode
	ljmp	$0x08, $waking64

	.balign	16
waking_gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cf9b000000ffff
waking_gdt_pointer:
	.word	. - waking_gdt - 1
	.long	AT(waking_gdt)
waking_end:

	.text
	.code64
waking64:
	load_data_segments
	mov	$waking_stack_top, %rsp
	xor	%ebp, %ebp
	call	s3_waken
1:	hlt
	jmp	1b

	.bss
	.balign	16
	.fill	BOOT_STACK_SIZE
waking_stack_top:

	.section .note.GNU-stack, "", @progbits
