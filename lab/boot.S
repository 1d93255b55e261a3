// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The boot sector of the intel lab's disk, so that the lab needs neither a boot loader nor an ISO.
 * Bochs' BIOS loads this sector. This code loads the kernel and the initrd by programmed I/O from
 * the first ATA disk (ATA/ATAPI-6, READ SECTORS with 28-bit addresses), and enters the kernel's
 * real-mode code (Linux, Documentation/x86/boot.rst, "Running the kernel").
 *
 * lab/bochs.sh writes the disk: the parts come after this sector, each padded to a whole number of
 * blocks, and `parts` below says where in memory each one goes.
 */
#define ATA_COUNT	0x1f2
#define ATA_DATA	0x1f0
#define ATA_STATUS	0x1f7	/* the status if it is read, the command if it is written */
#define ATA_BUSY	0x80
#define ATA_DATA_READY	0x08
#define ATA_FIRST_LBA	0xe0	/* device 0, LBA */
#define READ_SECTORS	0x20
#define BLOCK_SECTORS	128
#define SECTOR_LONGS	128

#define SYSTEM_PORT_A	0x92
#define A20_ON		0x02
#define FLAT		8

/* Four bytes of memory. The kernel does not use the first 64 KiB, so they survive its reboot. */
#define BOOTED_BEFORE	0x600
#define MAGIC		0x79727265

/* The segment of the kernel's real-mode part: lab/bochs.sh, setup_address. */
#define SETUP_SEGMENT	0x8000
#define SETUP_STACK	0xe000

	.code16
	.globl _start
_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$_start, %sp

	/* If this runs a second time, the kernel has rebooted. Then the machine ends. */
	cmpl	$MAGIC, BOOTED_BEFORE
	je	triple_fault
	movl	$MAGIC, BOOTED_BEFORE

	inb	$SYSTEM_PORT_A, %al
	orb	$A20_ON, %al
	outb	%al, $SYSTEM_PORT_A

	/* ES gets a limit of 4 GiB in protected mode, and keeps it in real mode. */
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$FLAT, %bx
	movw	%bx, %es
	andb	$0xfe, %al
	movl	%eax, %cr0

	movl	$1, %ebp		/* the next sector */
	movw	$parts, %si
next_part:
	movl	(%si), %edi
	movw	4(%si), %bx		/* blocks to go */
	addw	$8, %si
	testw	%bx, %bx
	jz	enter_kernel
next_block:
	movw	$ATA_STATUS, %dx
1:	inb	%dx, %al
	testb	$ATA_BUSY, %al
	jnz	1b
	movw	$ATA_COUNT, %dx
	movb	$BLOCK_SECTORS, %al
	outb	%al, %dx
	movl	%ebp, %eax
	incw	%dx			/* three registers have eight address bits each */
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	shrl	$8, %eax
	incw	%dx
	outb	%al, %dx
	movb	%ah, %al
	orb	$ATA_FIRST_LBA, %al
	incw	%dx
	outb	%al, %dx
	movb	$READ_SECTORS, %al
	incw	%dx
	outb	%al, %dx
	movw	$BLOCK_SECTORS, %cx
next_sector:
	pushw	%cx
	movw	$ATA_STATUS, %dx
1:	inb	%dx, %al
	andb	$ATA_BUSY | ATA_DATA_READY, %al
	cmpb	$ATA_DATA_READY, %al
	jne	1b
	movw	$ATA_DATA, %dx
	movl	$SECTOR_LONGS, %ecx
	rep insl %dx, %es:(%edi)
	popw	%cx
	loop	next_sector
	addl	$BLOCK_SECTORS, %ebp
	decw	%bx
	jnz	next_block
	jmp	next_part

enter_kernel:
	movw	$SETUP_SEGMENT, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movw	$SETUP_STACK, %sp
	ljmp	$SETUP_SEGMENT + 0x20, $0

triple_fault:
	lidtl	no_idt
	int3
no_idt:
	.word	0
	.long	0

	.balign 8
gdt:
	.quad	0
	.quad	0x00cf92000000ffff	/* data, base 0, limit 4 GiB */
gdt_pointer:
	.word	15
	.long	gdt

	/*
	 * Each entry is an address (4 bytes), a count of blocks (2 bytes) and 0 (2 bytes). A count of
	 * 0 ends the table.
	 */
	.org	400
parts:
	.org	510
	.word	0xaa55
