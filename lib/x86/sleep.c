// SPDX-License-Identifier: GPL-2.0-or-later
/* Suspend to RAM. See sleep.h. */
#include "sleep.h"
#include "acpi.h"
#include "alloc_page.h"
#include "apic.h"
#include "boot.h"
#include "deadline.h"
#include "desc.h"
#include "io.h"
#include "pci.h"
#include "setjmp.h"
#include "smp.h"
#include "uart.h"
#include "vm.h"

#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK  0x1c00
#define PM1_SLP_EN	  BIT(13)

/* AML: ACPI Specification 6.5, 20.2. */
#define AML_NAME	0x08
#define AML_PACKAGE	0x12
#define AML_ZERO	0x00
#define AML_ONE		0x01
#define AML_BYTE_PREFIX 0x0a

#define IMAGE_ORDER 9 /* IMAGE_SIZE */

extern char waking_start[], waking_end[];

static struct {
	u64 cr0, cr3, cr4, efer;
	bool has_lpc;
	u32 pm_base;
	u8 acpi_control;
	jmp_buf registers;
} kept;
static u8 *image_copy;
static u16 waking_status;

static volatile u32 *word_at(u32 address)
{
	return (volatile u32 *)(u64)address;
}

static const struct acpi_fadt *fadt(void)
{
	return acpi_table("FACP");
}

static struct acpi_facs *facs(void)
{
	return (struct acpi_facs *)(u64)fadt()->firmware_ctrl;
}

/* The first element of the package \_S3 is the value for PM1a_CNT.SLP_TYP. -1: there is none. */
static int sleep_type(void)
{
	const struct acpi_header *dsdt = (const void *)(u64)fadt()->dsdt;
	const u8 *at = (const u8 *)(dsdt + 1), *end = (const u8 *)dsdt + dsdt->length;

	for (; at + 10 < end; at++) {
		/* A package this small has one byte of length, and one that counts its elements. */
		if (at[0] != AML_NAME || memcmp(at + 1, "_S3_", 4) || at[5] != AML_PACKAGE)
			continue;
		if (at[8] == AML_ZERO || at[8] == AML_ONE)
			return at[8];
		return at[8] == AML_BYTE_PREFIX ? at[9] : -1;
	}
	return -1;
}

FEATURE(S3, "suspend to RAM (ACPI's S3) on a machine with one CPU")
{
	return cpu_count() == 1 && fadt() && fadt()->pm1a_cnt_blk && fadt()->pm1a_evt_blk &&
	       fadt()->firmware_ctrl && fadt()->dsdt && sleep_type() >= 0;
}

u16 pm1_status(void)
{
	return inw(fadt()->pm1a_evt_blk);
}

void pm1_clear_status(u16 bits)
{
	outw(bits, fadt()->pm1a_evt_blk);
}

static u16 enable_port(void)
{
	return fadt()->pm1a_evt_blk + fadt()->pm1_evt_len / 2;
}

u16 pm1_enable(void)
{
	return inw(enable_port());
}

void pm1_set_enable(u16 bits)
{
	outw(bits, enable_port());
}

u32 s3_wakings(void)
{
	return *word_at(WAKING_COUNT);
}

u16 s3_waking_status(void)
{
	return waking_status;
}

/*
 * The base of the ports of power management (ICH9 data sheet, 13.1.13 and 13.1.14). In the real
 * chipset it survives S3. QEMU resets it, and not every SeaBIOS sets it again.
 */
#define LPC	     PCI_DEVADDR(0, 31, 0)
#define LPC_ICH9     0x29188086
#define LPC_PMBASE   0x40
#define LPC_ACPI_CNT 0x44

static void keep_power_management(void)
{
	kept.has_lpc = pci_config_readl(LPC, PCI_VENDOR_ID) == LPC_ICH9;
	kept.pm_base = pci_config_readl(LPC, LPC_PMBASE);
	kept.acpi_control = pci_config_readb(LPC, LPC_ACPI_CNT);
}

static void restore_power_management(void)
{
	if (!kept.has_lpc)
		return;
	pci_config_writel(LPC, LPC_PMBASE, kept.pm_base);
	pci_config_writeb(LPC, LPC_ACPI_CNT, kept.acpi_control);
}

/* waking.S calls this, with the page tables of the boot. */
void s3_waken(void);
void s3_waken(void)
{
	restore_power_management();
	waking_status = pm1_status();
	wrmsr(MSR_EFER, kept.efer);
	write_cr4(kept.cr4);
	write_cr3(kept.cr3);
	write_cr0(kept.cr0);
	load_descriptors(0);
	asm volatile("fninit");
	longjmp(kept.registers, 1);
}

/* What the image's variables hold from now on is lost if the machine sleeps. */
static void copy_image(void)
{
	u64 size = ALIGN((u64)_end, PAGE_SIZE) - IMAGE_BASE;

	*word_at(WAKING_COPY) = (u64)image_copy;
	*word_at(WAKING_DWORDS) = size / sizeof(u32);
	*word_at(WAKING_COUNT) = 0;
	memcpy(image_copy, (void *)IMAGE_BASE, size);
}

static void fall_asleep(void)
{
	u16 control = inw(fadt()->pm1a_cnt_blk) & ~PM1_SLP_TYP_MASK;

	control |= sleep_type() << PM1_SLP_TYP_SHIFT;
	outw(control, fadt()->pm1a_cnt_blk);
	outw(control | PM1_SLP_EN, fadt()->pm1a_cnt_blk);
}

bool s3_sleep(u64 milliseconds)
{
	bool x2apic = is_x2apic_enabled();
	struct deadline deadline;

	assert(cpu_count() == 1);
	if (!image_copy)
		image_copy = alloc_pages_dirty(IMAGE_ORDER);
	memcpy((void *)TRAMPOLINE_BASE, waking_start, waking_end - waking_start);
	facs()->firmware_waking_vector = TRAMPOLINE_BASE;
	if (facs()->version >= 1)
		facs()->x_firmware_waking_vector = 0;
	kept.cr0 = read_cr0();
	kept.cr3 = read_cr3();
	kept.cr4 = read_cr4();
	kept.efer = rdmsr(MSR_EFER);
	keep_power_management();
	uart_drain();
	if (setjmp(kept.registers)) {
		uart_init();
		mask_pic_interrupts();
		if (x2apic)
			enable_x2apic();
		else
			enable_xapic();
		return true;
	}
	/*
	 * The machine may take a moment to fall asleep. What goes on for longer does not sleep,
	 * or has been woken in another way than through the waking vector.
	 */
	deadline_start(&deadline, milliseconds);
	copy_image();
	fall_asleep();
	while (!deadline_passed(&deadline))
		;
	return false;
}
