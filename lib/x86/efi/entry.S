/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's entry point for UEFI. The loader jumps here after ExitBootServices(), in 64-bit mode,
 * on the firmware's page tables (UEFI Specification 2.10, 2.3.4). This code goes back to 32-bit
 * mode without paging, as a multiboot loader leaves the CPU, and jumps to the usual entry point. So
 * nothing is left of the firmware's CR4, EFER and five-level paging.
 */
#include "handover.h"
#include "../boot.h"
#include "../long-mode.h"

#define CR0_PG (1 << 31)

	/* The loader finds this at GUEST_HEADER_OFFSET: x86/flat.lds. */
	.section .efi_header, "a"
	.quad	GUEST_HEADER_MAGIC
	.quad	_text, _end
	.quad	efi_start
	.quad	TRAMPOLINE_BASE

	.text
	.code64
efi_start:
	cli
	cld
	mov	%rdi, %rbx
	mov	$boot_stack_top, %rsp
	lgdt	gdt_pointer
	pushq	$0x08
	pushq	$without_paging
	lretq

	.code32
without_paging:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	xor	%eax, %eax
	xor	%edx, %edx
	wrmsr
	xor	%eax, %eax
	mov	%eax, %cr4
	lldt	%ax
	mov	$HANDOVER_MAGIC, %eax
	jmp	start

	.section .rodata
	.balign	16
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt

	.section .note.GNU-stack, "", @progbits
