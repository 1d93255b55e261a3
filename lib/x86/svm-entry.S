/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Into a nested guest and out of it (AMD APM volume 2, 15.5 and 15.6). VMRUN and
 * #VMEXIT carry RAX, RSP, RIP, RFLAGS and what is in the VMCB; VMLOAD and VMSAVE
 * carry FS, GS, TR, LDTR and the system call registers; the rest is done here.
 */
#include "svm-defs.h"

/* struct l2_registers, in its order. */
#define RBX 0x00
#define RCX 0x08
#define RDX 0x10
#define RSI 0x18
#define RDI 0x20
#define RBP 0x28
#define R8  0x30
#define R9  0x38
#define R10 0x40
#define R11 0x48
#define R12 0x50
#define R13 0x58
#define R14 0x60
#define R15 0x68

	.text
/*
 * void svm_vmrun(u64 vmcb_pa, struct l2_registers *registers, u64 own_pa)
 *
 * GIF must be 0, and is 0 when it returns; own_pa is a VMCB for what VMSAVE saves
 * of the caller.
 */
	.globl	svm_vmrun
svm_vmrun:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	push	%rdx
	push	%rsi

	mov	%rdx, %rax
	vmsave	%rax
	mov	%rdi, %rax
	vmload	%rax

	mov	RBX(%rsi), %rbx
	mov	RCX(%rsi), %rcx
	mov	RDX(%rsi), %rdx
	mov	RDI(%rsi), %rdi
	mov	RBP(%rsi), %rbp
	mov	R8(%rsi), %r8
	mov	R9(%rsi), %r9
	mov	R10(%rsi), %r10
	mov	R11(%rsi), %r11
	mov	R12(%rsi), %r12
	mov	R13(%rsi), %r13
	mov	R14(%rsi), %r14
	mov	R15(%rsi), %r15
	mov	RSI(%rsi), %rsi
	.globl	svm_vmrun_instruction
svm_vmrun_instruction:
	vmrun	%rax

	/* RAX and RSP are what they were before VMRUN. */
	push	%rsi
	mov	8(%rsp), %rsi
	mov	%rbx, RBX(%rsi)
	mov	%rcx, RCX(%rsi)
	mov	%rdx, RDX(%rsi)
	mov	%rdi, RDI(%rsi)
	mov	%rbp, RBP(%rsi)
	mov	%r8, R8(%rsi)
	mov	%r9, R9(%rsi)
	mov	%r10, R10(%rsi)
	mov	%r11, R11(%rsi)
	mov	%r12, R12(%rsi)
	mov	%r13, R13(%rsi)
	mov	%r14, R14(%rsi)
	mov	%r15, R15(%rsi)
	pop	%rbx
	mov	%rbx, RSI(%rsi)

	pop	%rsi
	pop	%rdx
	pop	%rdi
	mov	%rdi, %rax
	vmsave	%rax
	mov	%rdx, %rax
	vmload	%rax

	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	cld
	ret

/*
 * Where a nested guest that svm.c has built begins: code in RBX, its argument in
 * RDI. When the code returns, VMMCALL with RAX = L2_RETURNED; again, if it is
 * entered again. An exit by VMMCALL stays before it, so behind it nobody ever comes who
 * is still in L2.
 */
	.globl	svm_l2_begin
svm_l2_begin:
	xor	%ebp, %ebp
	call	*%rbx
	xor	%eax, %eax
	vmmcall
	call	svm_l2_lost

	.section .note.GNU-stack, "", @progbits
