/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of after-init.h. smp_start_at() copies what is between after_init_code and
 * after_init_end to TRAMPOLINE_BASE. CS is the only segment that the SIPI has set, so it stores
 * through CS at SLOT(number), or with flat segments at FLAT_SLOT(number). It has to have stored a
 * register before it changes it.
 */
#include "after-init.h"
#include "long-mode.h"

#define CR0_EM_TS     ((1 << 3) | (1 << 2))
#define CR0_CD_NW     ((1 << 30) | (1 << 29))
#define CR4_OSFXSR    (1 << 9)
#define STACK	      0x7f0

#define IN(label)	  (label - after_init_code)
#define AT(label)	  (IN(label) + TRAMPOLINE_BASE)
#define SLOT(number)	  (AFTER_INIT_SLOTS + 8 * (number))
#define FLAT_SLOT(number) (TRAMPOLINE_BASE + SLOT(number))

	.macro	store_through segment number
	movl	%\segment:AT(magic), %eax
	movl	%eax, %cs:SLOT(AFTER_INIT_THROUGH + \number)
	.endm

	.macro	store_control register slot
	movl	%\register, %eax
	movl	%eax, %cs:SLOT(\slot)
	.endm

	.section .text
	.code64
	.globl	after_init_spin
after_init_spin:
	mov	$0xa1a2a3a4a5a6a7a8, %rax
	lea	1(%rax), %rbx
	lea	2(%rax), %rcx
	lea	3(%rax), %rdx
	lea	4(%rax), %rsi
	lea	5(%rax), %rbp
	lea	6(%rax), %r8
	lea	7(%rax), %r9
	lea	8(%rax), %r10
	lea	9(%rax), %r11
	lea	10(%rax), %r12
	lea	11(%rax), %r13
	lea	12(%rax), %r14
	lea	13(%rax), %r15
1:	incl	(%rdi)
	pause
	jmp	1b

	.section .rodata
	.balign	16
	.globl	after_init_code, after_init_end
	.code16
after_init_code:
	movl	%eax, %cs:SLOT(AFTER_INIT_GENERAL + 0)
	movl	%ecx, %cs:SLOT(AFTER_INIT_GENERAL + 1)
	movl	%edx, %cs:SLOT(AFTER_INIT_GENERAL + 2)
	movl	%ebx, %cs:SLOT(AFTER_INIT_GENERAL + 3)
	movl	%esp, %cs:SLOT(AFTER_INIT_GENERAL + 4)
	movl	%ebp, %cs:SLOT(AFTER_INIT_GENERAL + 5)
	movl	%esi, %cs:SLOT(AFTER_INIT_GENERAL + 6)
	movl	%edi, %cs:SLOT(AFTER_INIT_GENERAL + 7)
	movw	%cs, %cs:SLOT(AFTER_INIT_SELECTORS + 0)
	movw	%ds, %cs:SLOT(AFTER_INIT_SELECTORS + 1)
	movw	%es, %cs:SLOT(AFTER_INIT_SELECTORS + 2)
	movw	%fs, %cs:SLOT(AFTER_INIT_SELECTORS + 3)
	movw	%gs, %cs:SLOT(AFTER_INIT_SELECTORS + 4)
	movw	%ss, %cs:SLOT(AFTER_INIT_SELECTORS + 5)
	movl	%cs:IN(magic), %eax
	movl	%eax, %cs:SLOT(AFTER_INIT_THROUGH + 0)
	store_through ds 1
	store_through es 2
	store_through fs 3
	store_through gs 4
	store_through ss 5
	store_control cr0 AFTER_INIT_CR0
	store_control cr2 AFTER_INIT_CR2
	store_control cr3 AFTER_INIT_CR3
	store_control cr4 AFTER_INIT_CR4
	store_control dr0 AFTER_INIT_DR0
	store_control dr1 AFTER_INIT_DR0+1
	store_control dr2 AFTER_INIT_DR0+2
	store_control dr3 AFTER_INIT_DR0+3
	store_control dr6 AFTER_INIT_DR6
	store_control dr7 AFTER_INIT_DR7
	sgdtl	%cs:SLOT(AFTER_INIT_GDTR)
	sidtl	%cs:SLOT(AFTER_INIT_IDTR)
	movl	$MSR_EFER, %ecx
	rdmsr
	movl	%eax, %cs:SLOT(AFTER_INIT_EFER)
	movl	%edx, %cs:SLOT(AFTER_INIT_EFER) + 4
	/* No instruction so far has changed a flag. */
	movw	%cs, %ax
	movw	%ax, %ss
	movl	$STACK, %esp
	pushfl
	popl	%cs:SLOT(AFTER_INIT_FLAGS)

	cli
	cld
	lgdtl	%cs:IN(gdt_pointer)
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	/* A broken hypervisor may have left EM or TS set. */
	andl	$~(CR0_CD_NW | CR0_EM_TS), %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $AT(protected)

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	sldt	FLAT_SLOT(AFTER_INIT_LDTR)
	str	FLAT_SLOT(AFTER_INIT_TR)
	mov	%cr4, %eax
	or	$CR4_OSFXSR, %eax
	mov	%eax, %cr4
	turn_on_long_mode
	ljmp	$0x08, $AT(long)

	.code64
long:
	.irp	number, 8, 9, 10, 11, 12, 13, 14, 15
	mov	%r\number, FLAT_SLOT(AFTER_INIT_GENERAL + \number)
	.endr
	mov	%cr8, %rax
	mov	%rax, FLAT_SLOT(AFTER_INIT_CR8)
	fxsave	TRAMPOLINE_BASE + AFTER_INIT_FXSAVE
	mov	$ap_start64, %eax
	jmp	*%rax

	.balign	16
gdt:
	.quad	0
	.quad	0x00af9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x00cf9b000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	AT(gdt)
	.balign	4
magic:
	.long	AFTER_INIT_MAGIC
after_init_end:

	.section .note.GNU-stack, "", @progbits
