/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enters an L2 and leaves it (Intel SDM volume 3, chapters 27 and 28). A VM entry and a VM exit
 * exchange RSP, RIP, RFLAGS and all else that is in the VMCS. This file exchanges the other general
 * registers.
 */
#include "nested/l2-entry.h"
#include "nested/vmx/vmx-defs.h"

/* These follow struct l2_registers: L2's RAX, and L1's RFLAGS as the exit has set them. */
#define L2_RAX	     0x70
#define EXIT_RFLAGS 0x78

	.text
/*
 * u64 vmx_enter(struct vmx_registers *registers, bool resume, u64 *host_rsp)
 *
 * Runs VMLAUNCH or VMRESUME with the current VMCS. Interrupts must be off. For an enlightened VMCS,
 * host_rsp points to its field HOST_RSP, and HOST_RIP has been written; otherwise host_rsp is NULL.
 * Returns 0 after an exit. Returns RFLAGS, with CF or ZF set, if the instruction failed.
 */
	.globl	vmx_enter
vmx_enter:
	save_l1_registers
	push	%rdi

	test	%rdx, %rdx
	jz	1f
	mov	%rsp, (%rdx)
	jmp	2f
1:	mov	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$VMCS_HOST_RIP, %eax
	mov	$vmx_exit, %ecx
	vmwrite	%rcx, %rax

2:	test	%sil, %sil
	mov	%rdi, %rsi
	mov	L2_RAX(%rsi), %rax
	load_l2_registers
	jnz	1f
	vmlaunch
	jmp	2f
1:	vmresume
	/* The instruction failed: the registers hold L2's values, the stack is L1's. */
2:	pushf
	pop	%rax
	pop	%rsi
	jmp	3f

	.globl	vmx_exit
vmx_exit:
	pushf
	push	%rsi
	mov	16(%rsp), %rsi
	mov	%rax, L2_RAX(%rsi)
	mov	8(%rsp), %rax
	mov	%rax, EXIT_RFLAGS(%rsi)
	pop	%rsi
	add	$8, %rsp
	save_l2_registers
	pop	%rsi
	xor	%eax, %eax

3:	return_to_l1

	l2_begin vmx_l2_begin, vmcall

	.section .note.GNU-stack, "", @progbits
