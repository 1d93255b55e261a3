/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the boot loader to C: the multiboot header (Multiboot Specification
 * 0.6.96, 3.1 and 3.2), the first page tables, and the steps into long mode
 * (Intel SDM volume 3, "Initializing IA-32e Mode"). The other CPUs come from
 * trampoline.S and join at ap_start64.
 *
 * The page tables are made by the assembler and not by a loop at boot, since on
 * a host that emulates instructions one by one 2048 entries take a tenth of a
 * second.
 */
#include "boot.h"
#include "long-mode.h"

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_MEMORY_INFO  0x2

#define CPUID_LM_NX    ((1 << 29) | (1 << 20))
#define COM1_DATA      0x3f8
#define DEBUG_EXIT     0xf4

/* Present, writable, accessed, dirty; in a 2 MiB entry the size bit too. */
#define PAGE_4K	       0x63
#define PAGE_2M	       0xe3
#define PAGE_UNCACHED  0x18
#define PAGE_NX	       0x8000000000000000
/* Present, writable, user: what a leaf allows decides. */
#define TABLE	       0x67

	.section .multiboot, "a"
	.balign 4
	.long	MULTIBOOT_HEADER_MAGIC
	.long	MULTIBOOT_MEMORY_INFO
	.long	-(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_MEMORY_INFO)

	.text
	.code32
	.globl	start
start:
	cli
	cld
	mov	$boot_stack_top, %esp
	mov	%eax, multiboot_magic
	mov	%ebx, multiboot_info

	mov	$0x80000000, %eax
	cpuid
	cmp	$0x80000001, %eax
	jb	no_long_mode
	mov	$0x80000001, %eax
	cpuid
	and	$CPUID_LM_NX, %edx
	cmp	$CPUID_LM_NX, %edx
	jne	no_long_mode

	turn_on_long_mode
	lgdt	boot_gdt_pointer
	ljmp	$0x08, $start64

/* Nothing of the console works yet: say it and leave. */
no_long_mode:
	mov	$no_long_mode_text, %esi
	mov	$COM1_DATA, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	mov	$127, %al
	outb	%al, $DEBUG_EXIT
3:	hlt
	jmp	3b

	.code64
start64:
	load_data_segments
	mov	$boot_stack_top, %rsp
	xor	%ebp, %ebp
	/* It returns the top of a stack that has a guard page. */
	call	boot_setup
	mov	%rax, %rsp
	xor	%ebp, %ebp
	call	guest_main
4:	hlt
	jmp	4b

/*
 * An AP finds its number by its APIC id, in boot_apic_ids[1..boot_cpus), and
 * with it its stack. An AP that is not in the table stays down.
 */
	.globl	ap_start64
ap_start64:
	load_data_segments

	/* Leaf 0xb, EDX has all 32 bits of the id; leaf 1, EBX 31:24 has 8. */
	xor	%eax, %eax
	cpuid
	cmp	$0xb, %eax
	jb	1f
	mov	$0xb, %eax
	xor	%ecx, %ecx
	cpuid
	test	%bx, %bx
	jnz	2f
1:	mov	$1, %eax
	cpuid
	mov	%ebx, %edx
	shr	$24, %edx
2:	mov	$1, %edi
3:	cmp	boot_cpus, %edi
	jae	4f
	cmp	%edx, boot_apic_ids(, %rdi, 4)
	je	5f
	inc	%edi
	jmp	3b
4:	cli
	hlt
	jmp	4b
5:	mov	boot_stacks(, %rdi, 8), %rsp
	xor	%ebp, %ebp
	call	ap_main
	jmp	4b

	.section .rodata
no_long_mode_text:
	.ascii	"@1+0 hello protocol=1 program=unknown cpus=0 tests=0\n"
	.asciz	"This CPU has no long mode or no NX bit: the guest cannot run\n"

	.data
	.balign 16
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 0x08: 64-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: data */
boot_gdt_end:
boot_gdt_pointer:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt

	.globl	multiboot_magic, multiboot_info
multiboot_magic:
	.long	0
multiboot_info:
	.long	0

	.balign	4096
	.globl	boot_pml4, boot_pt_image
boot_pml4:
	.quad	boot_pdpt + TABLE
	.fill	511, 8, 0
boot_pdpt:
	.quad	boot_pd + TABLE
	.quad	boot_pd + 0x1000 + TABLE
	.quad	boot_pd + 0x2000 + TABLE
	.quad	boot_pd + 0x3000 + TABLE
	.fill	508, 8, 0
/*
 * 4 GiB of 2 MiB pages that do not execute. The lowest is in small pages, for
 * the sake of page 0 which is not there; so is the image's. The last GiB holds
 * devices and is not cached, whatever the firmware says in the MTRRs.
 */
boot_pd:
	.set	i, 0
	.rept	2048
	.if	i == 0
	.quad	boot_pt_low + TABLE
	.elseif	i == IMAGE_BASE >> 21
	.quad	boot_pt_image + TABLE
	.elseif	i >= 1536
	.quad	(i << 21) | PAGE_2M | PAGE_UNCACHED | PAGE_NX
	.else
	.quad	(i << 21) | PAGE_2M | PAGE_NX
	.endif
	.set	i, i + 1
	.endr
boot_pt_low:
	.quad	0
	.set	i, 1
	.rept	511
	.quad	(i << 12) | PAGE_4K
	.set	i, i + 1
	.endr
boot_pt_image:
	.set	i, 0
	.rept	512
	.quad	(IMAGE_BASE + (i << 12)) | PAGE_4K
	.set	i, i + 1
	.endr

	.bss
	.balign	16
	.fill	BOOT_STACK_SIZE
	.globl	boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
