// SPDX-License-Identifier: GPL-2.0-or-later
/* dma: QEMU's edu device (QEMU, docs/specs/edu). A part of the program dma: see dma.c. */
#include "alloc_page.h"
#include "atomic.h"
#include "io.h"
#include "isr.h"
#include "random.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

/* QEMU, docs/specs/edu */
#define EDU_VENDOR	  0x1234
#define EDU_DEVICE	  0x11e8
#define EDU_IRQ_STATUS	  0x24
#define EDU_IRQ_ACK	  0x64
#define EDU_DMA_SOURCE	  0x80
#define EDU_DMA_TARGET	  0x88
#define EDU_DMA_COUNT	  0x90
#define EDU_DMA_COMMAND	  0x98
#define EDU_DMA_RUN	  1
#define EDU_DMA_TO_MEMORY 2
#define EDU_DMA_INTERRUPT 4
/* The device's memory has 4 KiB. In QEMU 7.2 no transfer may reach its last byte. */
#define EDU_BUFFER 0x40000
#define EDU_BYTES  2048

/* A transfer takes 100 ms of the guest's time. */
#define EDU_PAGES 4

FEATURE(EDU, "QEMU's edu device")
{
	return pci_find_dev(EDU_VENDOR, EDU_DEVICE) != PCIDEVADDR_INVALID;
}

static struct {
	pcidevaddr_t pci;
	volatile u8 *registers;
	u64 *source, *targets[EDU_PAGES];
	unsigned page;	/* the one that is being transferred */
	bool to_memory; /* the second half of a transfer: from the device to memory */
	bool running;
	unsigned transfers, forgotten;
	int interrupts_seen;
} edu;

static atomic_t edu_interrupts;

static void on_edu(isr_regs_t *regs)
{
	atomic_inc(&edu_interrupts);
}

static u64 edu_word(unsigned page)
{
	return scramble(0xed0000 + page);
}

static volatile u8 *edu_register(unsigned offset)
{
	return edu.registers + offset;
}

static bool edu_is_there(void)
{
	return pci_memory_bar(edu.pci, 0) == (u64)edu.registers &&
	       pci_config_readw(edu.pci, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

/* QEMU does not migrate the edu device. The destination has a new one, without address or data. */
static bool edu_forgot(void)
{
	u8 msi = pci_find_cap(edu.pci, PCI_CAP_ID_MSI);

	return !edu_is_there() || !(pci_config_readw(edu.pci, PCI_COMMAND) & PCI_COMMAND_MASTER) ||
	       !(pci_config_readw(edu.pci, msi + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE);
}

/*
 * A device that was reset may go on with an old transfer as soon as it is a bus master again. So
 * this makes it one only when it has nothing to do. The guest may be migrated at any point. Then
 * the device has forgotten its settings, and the caller finds that out.
 */
static void edu_begin(void)
{
	u16 command;

	if (edu.registers)
		pci_config_writel(edu.pci, PCI_BASE_ADDRESS_0, (u64)edu.registers);
	pci_enable(edu.pci);
	if (!edu.registers)
		edu.registers = (volatile u8 *)(u64)pci_memory_bar(edu.pci, 0);
	command = pci_config_readw(edu.pci, PCI_COMMAND);
	pci_config_writew(edu.pci, PCI_COMMAND, command & ~PCI_COMMAND_MASTER);
	wait_for(!(readl(edu_register(EDU_DMA_COMMAND)) & EDU_DMA_RUN) || !edu_is_there(),
		 RETURN_MS, "edu to have nothing to do");
	pci_config_writew(edu.pci, PCI_COMMAND, command);
	pci_use_msi(edu.pci, 0, EDU_VECTOR);
}

static void edu_start(u64 source, u64 target, u32 command)
{
	edu.interrupts_seen = atomic_read(&edu_interrupts);
	writeq(source, edu_register(EDU_DMA_SOURCE));
	writeq(target, edu_register(EDU_DMA_TARGET));
	writeq(EDU_BYTES, edu_register(EDU_DMA_COUNT));
	writeq(command | EDU_DMA_INTERRUPT | EDU_DMA_RUN, edu_register(EDU_DMA_COMMAND));
	edu.running = true;
}

/* Transfers one page after the other, into the device and out of it again. */
static void edu_turn(void)
{
	bool done;

	if (edu.page == EDU_PAGES)
		return;
	if (!edu.running) {
		if (edu.to_memory) {
			edu_start(EDU_BUFFER, virt_to_phys(edu.targets[edu.page]),
				  EDU_DMA_TO_MEMORY);
		} else {
			fill_words(edu.source, EDU_BYTES / sizeof(u64), edu_word(edu.page));
			edu_start(virt_to_phys(edu.source), EDU_BUFFER, 0);
		}
		return;
	}
	done = !(readl(edu_register(EDU_DMA_COMMAND)) & EDU_DMA_RUN);
	if (edu_forgot()) {
		/* Begins the page again, since the device has also forgotten what it has read. */
		edu.forgotten++;
		edu.running = edu.to_memory = false;
		edu_begin();
		return;
	}
	if (!done)
		return;
	report_if_failed(
		wait_until(atomic_read(&edu_interrupts) != edu.interrupts_seen || edu_forgot(),
			   RETURN_MS),
		"edu: transfer %u is done, and its interrupt did not come", edu.transfers);
	writel(readl(edu_register(EDU_IRQ_STATUS)), edu_register(EDU_IRQ_ACK));
	edu.running = false;
	edu.transfers++;
	edu.page += edu.to_memory;
	edu.to_memory = !edu.to_memory;
}

/*
 * A broken hypervisor does not log what this device writes. Its transfers take long, and no CPU
 * touches their pages. Since the device is not migrated, a transfer may have to be begun again.
 */
TEST(edu_dma, .needs = EDU,
     .about = "pages that QEMU's edu device has written survive a migration as a whole")
{
	unsigned wrong = 0;
	char slot[8];

	memset(&edu, 0, sizeof(edu));
	edu.pci = pci_find_dev(EDU_VENDOR, EDU_DEVICE);
	edu.source = alloc_page();
	for (int i = 0; i < EDU_PAGES; i++) {
		edu.targets[i] = alloc_page();
		fill_words(edu.targets[i], CHUNK_WORDS, 0xdead000000000000ul | i);
	}
	handle_irq_eoi(EDU_VECTOR, on_edu);
	wait_for((edu_begin(), !edu_forgot()), RETURN_MS, "edu at slot %s",
		 pci_name(edu.pci, slot));
	migrate_quiet_while(edu_turn);
	wait_for((edu_turn(), edu.page == EDU_PAGES), RETURN_MS, "edu's page %u of %d", edu.page,
		 EDU_PAGES);
	migrate_quiet();
	for (unsigned i = 0; i < EDU_PAGES; i++) {
		u64 count = EDU_BYTES / sizeof(u64), behind = 0xdead000000000000ul | i;
		u64 wanted = edu_word(i);
		const u64 *at = first_unlike(edu.targets[i], count, wanted);

		if (!at) {
			wanted = behind;
			at = first_unlike(edu.targets[i] + count, CHUNK_WORDS - count, wanted);
		}
		if (broken("buffer") && !i)
			at = edu.targets[i];
		wrong += !!at;
		report_if_failed(
			!at, "edu: page %u, physical 0x%lx: held 0x%lx%s, may hold only 0x%lx", i,
			at ? virt_to_phys(at) : 0, at ? *at : 0,
			at && *at == behind ? ", as before: nothing was written here" : "", wanted);
	}
	report(!wrong,
	       "edu: %u transfers, begun again %u times because the device is not migrated: %u pages wrong",
	       edu.transfers, edu.forgotten, wrong);
	pci_no_interrupts(edu.pci);
	unhandle_irq(EDU_VECTOR);
	for (int i = 0; i < EDU_PAGES; i++)
		free_page(edu.targets[i]);
	free_page(edu.source);
}
