/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enters an L2 and leaves it (AMD APM volume 2, 15.5 and 15.6). VMRUN and #VMEXIT exchange RAX,
 * RSP, RIP, RFLAGS and most of what is in the VMCB. VMLOAD and VMSAVE exchange FS, GS, TR, LDTR
 * and the registers of SYSCALL and SYSENTER. This file exchanges the other general registers.
 */
#include "nested/l2-entry.h"

	.text
/*
 * void svm_vmrun(u64 vmcb_pa, struct l2_registers *registers, u64 own_pa)
 *
 * GIF must be 0, and is 0 when it returns. own_pa is the address of a VMCB in which VMSAVE keeps
 * L1's state.
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

	/* #VMEXIT has restored L1's RAX and RSP. */
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
