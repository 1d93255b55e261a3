/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This file is for svm-entry.S and vmx-entry.S. It has the code by which an entry into L2 and an
 * exit exchange the registers of L1 and L2, and the code at which an L2 begins.
 */
#ifndef X86_L2_ENTRY_H
#define X86_L2_ENTRY_H

/* clang-format off */

/* Offsets of struct l2_registers (l2.h). */
#define L2_RBX 0x00
#define L2_RCX 0x08
#define L2_RDX 0x10
#define L2_RSI 0x18
#define L2_RDI 0x20
#define L2_RBP 0x28
#define L2_R8  0x30
#define L2_R9  0x38
#define L2_R10 0x40
#define L2_R11 0x48
#define L2_R12 0x50
#define L2_R13 0x58
#define L2_R14 0x60
#define L2_R15 0x68

/* The registers that a C function must leave as they were. */
	.macro	save_l1_registers
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro	return_to_l1
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	cld
	ret
	.endm

/* Loads L2's registers from where RSI points, RSI itself last. Leaves the flags alone. */
	.macro	load_l2_registers
	mov	L2_RBX(%rsi), %rbx
	mov	L2_RCX(%rsi), %rcx
	mov	L2_RDX(%rsi), %rdx
	mov	L2_RDI(%rsi), %rdi
	mov	L2_RBP(%rsi), %rbp
	mov	L2_R8(%rsi), %r8
	mov	L2_R9(%rsi), %r9
	mov	L2_R10(%rsi), %r10
	mov	L2_R11(%rsi), %r11
	mov	L2_R12(%rsi), %r12
	mov	L2_R13(%rsi), %r13
	mov	L2_R14(%rsi), %r14
	mov	L2_R15(%rsi), %r15
	mov	L2_RSI(%rsi), %rsi
	.endm

/* Stores L2's registers where the pointer on top of the stack points, and puts it into RSI. */
	.macro	save_l2_registers
	push	%rsi
	mov	8(%rsp), %rsi
	mov	%rbx, L2_RBX(%rsi)
	mov	%rcx, L2_RCX(%rsi)
	mov	%rdx, L2_RDX(%rsi)
	mov	%rdi, L2_RDI(%rsi)
	mov	%rbp, L2_RBP(%rsi)
	mov	%r8, L2_R8(%rsi)
	mov	%r9, L2_R9(%rsi)
	mov	%r10, L2_R10(%rsi)
	mov	%r11, L2_R11(%rsi)
	mov	%r12, L2_R12(%rsi)
	mov	%r13, L2_R13(%rsi)
	mov	%r14, L2_R14(%rsi)
	mov	%r15, L2_R15(%rsi)
	pop	%rbx
	mov	%rbx, L2_RSI(%rsi)
	.endm

/*
 * An L2 that l2_start() has set up begins here, with its function in RBX and the argument in RDI.
 * When the function returns, L2 makes the call L2_RETURNED (RAX). The exit leaves RIP at the call,
 * so that an L2 that is entered again makes it again. The code after the call runs only if the
 * hypervisor has run the call without an exit.
 */
	.macro	l2_begin name, call
	.globl	\name
\name:
	xor	%ebp, %ebp
	call	*%rbx
	xor	%eax, %eax
	\call
	call	l2_lost
	.endm

#endif
