// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In the intel lab this replaces a bzImage's protected-mode part, which would unpack the kernel and
 * enter it. lab/unpack-kernel has unpacked the kernel before the machine starts, and this code
 * enters it. The kernel's real-mode part enters this code in 32-bit mode with the address of
 * boot_params in ESI. This code enters the kernel as Linux' Documentation/x86/boot.rst, "64-bit Boot
 * Protocol", says: in 64-bit mode, with that address in RSI, and with identity-mapped page tables.
 */
#define CR0_PG		0x80000000
#define CR4_PAE		0x20
#define MSR_EFER	0xc0000080
#define EFER_LME	0x100

/* Entries of page tables: present and writable, and a page of 2 MiB. */
#define TABLE		3
#define LARGE_PAGE	0x83
#define LARGE_PAGE_SIZE	0x200000
#define ENTRIES		512

/* This many GiB are mapped. The kernel's first steps access nothing above. */
#define GIBS		4

/* The selectors of code and data that boot.rst asks for. */
#define BOOT_CS		0x10
#define BOOT_DS		0x18

	.code32
	.globl _start
_start:
	jmp	begin

	/* lab/bochs.sh writes the kernel's entry here. */
	.org	8
entry:
	.quad	0

begin:
	cli
	cld
	movl	$level4, %edi
	movl	$(tables_end - level4) / 4, %ecx
	xorl	%eax, %eax
	rep stosl

	movl	$level3 + TABLE, level4
	movl	$level3, %edi
	movl	$level2 + TABLE, %eax
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$ENTRIES * 8, %eax
	cmpl	$level3 + GIBS * 8, %edi
	jne	1b
	movl	$level2, %edi
	movl	$LARGE_PAGE, %eax
2:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$LARGE_PAGE_SIZE, %eax
	cmpl	$tables_end, %edi
	jne	2b

	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$level4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	lgdt	gdt_pointer
	movl	%cr0, %eax
	orl	$CR0_PG, %eax
	movl	%eax, %cr0
	ljmp	$BOOT_CS, $in_64_bit_mode

	.code64
in_64_bit_mode:
	movl	$BOOT_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%esi, %esi
	jmp	*entry(%rip)

	.balign 8
gdt:
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data */
gdt_pointer:
	.word	31
	.long	gdt

	/* These take no space in the file: the memory after it is free up to the kernel's start. */
	.bss
	.balign	4096
level4:
	.skip	ENTRIES * 8
level3:
	.skip	ENTRIES * 8
level2:
	.skip	GIBS * ENTRIES * 8
tables_end:
