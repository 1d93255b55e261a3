/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The entries of all 256 vectors. An entry has 16 bytes, so that the IDT can be computed. It makes
 * the stack look like struct ex_regs for each vector. For the vectors that push an error code see
 * Intel SDM volume 3, table "Protected-Mode Exceptions and Interrupts", and for 28 to 30 AMD APM
 * volume 2, 8.1.
 */
	.text
	.globl	exception_entries
	.balign	16
exception_entries:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || \
		  vector == 21 || vector == 29 || vector == 30)
	pushq	$0
	.endif
	pushq	$vector
	jmp	exception_common
	.set	vector, vector + 1
	.endr

exception_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	/* Make a stack frame, so that a backtrace continues in the interrupted code. */
	pushq	17 * 8(%rdi)
	push	%rbp
	mov	%rsp, %rbp
	call	exception_entry
	add	$16, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
