/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface between the UEFI loader (loader/loader.c) and the guest. They are compiled
 * separately, with different types, so this file uses plain C types.
 */
#ifndef X86_EFI_HANDOVER_H
#define X86_EFI_HANDOVER_H

/* "ferryEFI": at GUEST_HEADER_OFFSET of the guest's image there is a struct guest_header. */
#define GUEST_HEADER_MAGIC  0x4946457972726566
#define GUEST_HEADER_OFFSET 16

/* In place of a multiboot loader's magic: the boot information is a struct handover. */
#define HANDOVER_MAGIC 0x45464921

#define MOST_COMMAND_LINE 4096
/* The command line as a file of QEMU's fw_cfg device, for an image that came from a disk. */
#define HANDOVER_COMMAND_LINE "opt/ferry/command-line"
/* OVMF has about 100 descriptors. */
#define MOST_EFI_MEMORY 512

#ifndef __ASSEMBLER__
struct guest_header {
	unsigned long magic;
	unsigned long start, end; /* of the memory that the image needs, with its zeroed data */
	unsigned long entry;	  /* called with the address of a struct handover in RDI */
	unsigned long trampoline; /* the page that APs begin in */
};

/* A descriptor of the memory map: UEFI Specification 2.10, 7.2.3, EFI_MEMORY_DESCRIPTOR. */
struct efi_memory {
	unsigned int type;
	unsigned int padding;
	unsigned long start, virtual_start;
	unsigned long pages;
	unsigned long attributes;
};

/* Lies below 4 GiB, in memory that the guest may use once it has read this. */
struct handover {
	unsigned long system_table; /* EFI_SYSTEM_TABLE */
	unsigned long rsdp;	    /* of ACPI; 0: the firmware has none */
	unsigned long memory_count;
	struct efi_memory memory[MOST_EFI_MEMORY];
	char command_line[MOST_COMMAND_LINE];
};
#endif

#endif
