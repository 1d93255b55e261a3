/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of legacy-mode.h. legacy-mode.c copies what is between legacy_start and legacy_end to
 * LEGACY_CODE. There it is reached through flat segments at AT(label), and through CS with base
 * LEGACY_CODE at IN(label).
 */
#include "legacy-mode.h"

#define AT(label) (label - legacy_start + LEGACY_CODE)
#define IN(label) (label - legacy_start)

#define PG	     (1 << 31)
#define PE	     1
#define MSR_EFER     0xc0000080
#define LME	     (1 << 8)
	.section .text
	.code64
/* legacy_switch(): interrupts are off. Descriptor tables and segments are those of the mode when it
   returns, so the caller loads its own before it does anything else. */
	.globl	legacy_switch
legacy_switch:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, LEGACY_RSP
	lgdt	LEGACY_GDTR
	lidt	LEGACY_IDTR
	pushq	$LEGACY_FLAT_CODE
	pushq	$AT(leave_long_mode)
	lretq

legacy_back:
	mov	LEGACY_RSP, %rsp
	xor	%eax, %eax
	lldt	%ax
	mov	%eax, %fs
	mov	%eax, %gs
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .rodata
	.balign	16
	.globl	legacy_start, legacy_end, legacy_magic
	.globl	legacy_entry32, legacy_entry16, legacy_entry_real
legacy_start:
	.code32
leave_long_mode:
	mov	$LEGACY_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$LEGACY_LDT_SEL, %eax
	lldt	%ax
	cmpl	$0, LEGACY_STAY_LONG
	jne	1f
	mov	%cr0, %eax
	and	$~PG, %eax
	mov	%eax, %cr0
	mov	$MSR_EFER, %ecx
	rdmsr
	and	$~LME, %eax
	wrmsr
	mov	LEGACY_NEW_CR4, %eax
	mov	%eax, %cr4
	mov	LEGACY_NEW_CR3, %eax
	mov	%eax, %cr3
	mov	LEGACY_NEW_CR0, %eax
	mov	%eax, %cr0
1:	jmp	*LEGACY_ENTRY

/* The same for code of 16 and of 32 bits. ESI stays 0. */
	.macro	body
	pushl	$LEGACY_BITS_KEPT
	popfl
	movl	$0xb1b2b3b4, %ebx
	movl	$0xc1c2c3c4, %ecx
	movl	$0xd1d2d3d4, %edx
	movl	$0xe1e2e3e4, %edi
	movl	$0xf1f2f3f4, %ebp
	movl	$0, %esi
1:	incl	LEGACY_TURNS(%esi)
	pause
	testl	$1, LEGACY_LEAVE(%esi)
	jz	1b
	pushfl
	popl	LEGACY_FLAGS(%esi)
	movl	%ebx, LEGACY_EBX(%esi)
	movl	%ecx, LEGACY_ECX(%esi)
	movl	%edx, LEGACY_EDX(%esi)
	movl	%edi, LEGACY_EDI(%esi)
	movl	%ebp, LEGACY_EBP(%esi)
	movl	%esp, LEGACY_ESP(%esi)
	movl	%es:(%esi), %eax
	movl	%eax, LEGACY_ES(%esi)
	movl	%fs:(%esi), %eax
	movl	%eax, LEGACY_FS(%esi)
	movl	%gs:(%esi), %eax
	movl	%eax, LEGACY_GS(%esi)
	movl	%ss:(%esi), %eax
	movl	%eax, LEGACY_SS(%esi)
	movl	$IN(legacy_magic), %edi
	movl	%cs:(%edi), %eax
	movl	%eax, LEGACY_CS(%esi)
	movl	%cs, %eax
	movl	%eax, LEGACY_SELS(%esi)
	movl	%ds, %eax
	movl	%eax, LEGACY_SELS+4(%esi)
	movl	%es, %eax
	movl	%eax, LEGACY_SELS+8(%esi)
	movl	%fs, %eax
	movl	%eax, LEGACY_SELS+12(%esi)
	movl	%gs, %eax
	movl	%eax, LEGACY_SELS+16(%esi)
	movl	%ss, %eax
	movl	%eax, LEGACY_SELS+20(%esi)
	movl	%cr0, %eax
	movl	%eax, LEGACY_CR0(%esi)
	movl	%cr3, %eax
	movl	%eax, LEGACY_CR3(%esi)
	movl	%cr4, %eax
	movl	%eax, LEGACY_CR4(%esi)
	movl	$LEGACY_FAR_AT, %edi
	movl	%fs:(%edi), %eax
	movl	%eax, LEGACY_FAR(%esi)
	testl	$1, LEGACY_HAS_LDT(%esi)
	jz	2f
	sldt	%ax
	movw	%ax, LEGACY_LDTR(%esi)
	movl	$LEGACY_ES_SEL, %eax
	movl	%eax, %es
	movl	%es:(%esi), %eax
	movl	%eax, LEGACY_LDT_ES(%esi)
2:
	.endm

	.macro	load_segments stack
	mov	$LEGACY_ES_SEL, %eax
	mov	%eax, %es
	mov	$LEGACY_FS_SEL, %eax
	mov	%eax, %fs
	mov	$LEGACY_GS_SEL, %eax
	mov	%eax, %gs
	mov	$\stack, %eax
	mov	%eax, %ss
	mov	$LEGACY_SP, %esp
	mov	$LEGACY_DS_SEL, %eax
	mov	%eax, %ds
	.endm

legacy_entry32:
	load_segments LEGACY_SS32_SEL
	ljmp	$LEGACY_CODE32_SEL, $IN(body32)
body32:
	body
	ljmp	$LEGACY_FLAT_CODE, $AT(back)

legacy_entry16:
	load_segments LEGACY_SS16_SEL
	ljmp	$LEGACY_CODE16_SEL, $IN(body16)
	.code16
body16:
	body
	ljmpl	$LEGACY_FLAT_CODE, $AT(back)

/* FS and GS keep the bases and limits that they get in protected mode. */
	.code32
legacy_entry_real:
	load_segments LEGACY_SS16_SEL
	ljmp	$LEGACY_CODE16_SEL, $IN(1f)
	.code16
1:	movl	%cr0, %eax
	andl	$~PE, %eax
	movl	%eax, %cr0
	ljmp	$(LEGACY_CODE >> 4), $IN(body_real)
body_real:
	movw	$(LEGACY_DATA >> 4), %ax
	movw	%ax, %ds
	movw	$((LEGACY_DATA + 0x100) >> 4), %ax
	movw	%ax, %es
	movw	$((LEGACY_DATA + 0x400) >> 4), %ax
	movw	%ax, %ss
	movl	$LEGACY_SP, %esp
	body
	movl	%cr0, %eax
	orl	$PE, %eax
	movl	%eax, %cr0
	ljmpl	$LEGACY_FLAT_CODE, $AT(back)

	.code32
back:
	mov	$LEGACY_DATA32, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$LEGACY_STACK, %esp
	cmpl	$0, LEGACY_STAY_LONG
	jne	1f
	mov	%cr0, %eax
	and	$~PG, %eax
	mov	%eax, %cr0
	mov	LEGACY_OLD_CR4, %eax
	mov	%eax, %cr4
	mov	LEGACY_OLD_CR3, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	mov	LEGACY_OLD_EFER, %eax
	wrmsr
	mov	LEGACY_OLD_CR0, %eax
	mov	%eax, %cr0
1:	ljmp	$LEGACY_CODE64, $legacy_back
	.balign	4
legacy_magic:
	.long	0xc5c5c5c5
legacy_end:

	.section .note.GNU-stack, "", @progbits
