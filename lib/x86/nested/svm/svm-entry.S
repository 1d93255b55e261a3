/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Into a nested guest and out of it (AMD APM volume 2, 15.5 and 15.6). VMRUN and
 * #VMEXIT carry RAX, RSP, RIP, RFLAGS and what is in the VMCB; VMLOAD and VMSAVE
 * carry FS, GS, TR, LDTR and the system call registers; the rest is done here.
 */
#include "nested/l2-entry.h"

	.text
/*
 * void svm_vmrun(u64 vmcb_pa, struct l2_registers *registers, u64 own_pa)
 *
 * GIF must be 0, and is 0 when it returns; own_pa is a VMCB for what VMSAVE saves
 * of the caller.
 */
	.globl	svm_vmrun
svm_vmrun:
	save_l1_registers
	push	%rdi
	push	%rdx
	push	%rsi

	mov	%rdx, %rax
	vmsave	%rax
	mov	%rdi, %rax
	vmload	%rax

	load_l2_registers
	.globl	svm_vmrun_instruction
svm_vmrun_instruction:
	vmrun	%rax

	/* RAX and RSP are what they were before VMRUN. */
	save_l2_registers

	pop	%rsi
	pop	%rdx
	pop	%rdi
	mov	%rdi, %rax
	vmsave	%rax
	mov	%rdx, %rax
	vmload	%rax

	return_to_l1

	l2_begin svm_l2_begin, vmmcall

	.section .note.GNU-stack, "", @progbits
