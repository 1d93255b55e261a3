/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes the boot CPU from the boot loader to C: the multiboot header (Multiboot Specification
 * 0.6.96, 3.1 and 3.2), the first page tables, and long mode (Intel SDM volume 3, "Initializing
 * IA-32e Mode"). The other CPUs come from trampoline.S to ap_start64.
 *
 * The assembler makes the page tables, since a loop over 2048 entries at boot takes a tenth of a
 * second on a host that emulates one instruction at a time.
 */
#include "boot.h"
#include "long-mode.h"

#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_MEMORY_INFO  0x2

#define CPUID_LM_NX    ((1 << 29) | (1 << 20))
#define COM1_DATA      0x3f8
#define DEBUG_EXIT     0xf4

/* Present, writable, accessed and dirty. PAGE_2M has the page size bit, too. */
#define PAGE_4K	       0x63
#define PAGE_2M	       0xe3
#define PAGE_UNCACHED  0x18
#define PAGE_NX	       0x8000000000000000
/* Present, writable, user: only the leaf entry restricts accesses. */
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

/* The console does not work yet: print the text and leave the guest. */
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
	/* boot_setup() returns the top of a stack with a guard page. */
	call	boot_setup
	mov	%rax, %rsp
	xor	%ebp, %ebp
	call	guest_main
4:	hlt
	jmp	4b

/*
 * An AP looks for its APIC id in boot_apic_ids[1..boot_cpus). The index is its number, which gives
 * its stack. An AP that is not in the table halts.
 */
	.globl	ap_start64
ap_start64:
	load_data_segments

	/* CPUID leaf 0xb has all 32 bits of the id in EDX; leaf 1 has 8 in EBX 31:24. */
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
 * These tables map 4 GiB as 2 MiB pages without execute permission. The lowest 2 MiB are small
 * pages, since page 0 is not mapped. The 2 MiB of the image are small pages, too. The last GiB
 * holds devices, and is uncached whatever the firmware has put into the MTRRs.
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
