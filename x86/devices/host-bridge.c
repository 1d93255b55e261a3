// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: how the host bridge and the LPC bridge map the address space. They decide whether memory
 * below 1 MiB is RAM (Intel 3 Series Express Chipset data sheet, 5.1.12 "PAM0" and on), where the
 * window to PCI configuration is (the same, 5.1.17 "PCIEXBAR"), and where the chipset's own
 * registers are (ICH9 data sheet, 10.1 and 13.1.35 "RCBA"). See devices.c.
 *
 * A broken VMM restores the contents of these registers, which test pci_registers checks, but not
 * their effect: a guest writes to its shadowed firmware and hits the ROM, or PCI configuration
 * reads all ones. The tests compare what an access does before and after an action. They do not
 * check it against the data sheet.
 */
#include "io.h"
#include "migrate.h"
#include "pam.h"
#include "report.h"
#include "vm.h"
#include "x86/devices/devices.h"

#define PCIEXBAR      0x60
#define PCIEXBAR_ON   BIT(0)
#define PCIEXBAR_BASE 0xf0000000u
#define D31IR	      0x3140 /* how the interrupts of device 31 are routed, four bits each */

/* ---- memory between 0xc0000 and 0xcffff ---- */

/* Each has another mode. */
#define SEGMENTS 4
#define WORD_AT	 0x1230 /* in each segment */

/* What accesses do: what is read, and what RAM holds after a write. */
struct effect {
	u64 read, written;
};

static volatile u64 *word_of(int segment)
{
	return pam_segment(segment) + WORD_AT;
}

static u64 in_ram(int n)
{
	return 0x5aa5c33c00000000 + n;
}

static u64 written_over(int n)
{
	return ~in_ram(n);
}

/* Puts a number into each segment's RAM. Each segment has another mode then. */
static void prepare(void)
{
	for (int n = 0; n < SEGMENTS; n++) {
		pam_set_mode(n, PAM_RAM);
		*word_of(n) = in_ram(n);
		pam_set_mode(n, n);
	}
}

static struct effect look(int n)
{
	volatile u64 *word = word_of(n);
	struct effect effect = { .read = *word };

	*word = written_over(n);
	pam_set_mode(n, PAM_RAM);
	effect.written = *word;
	return effect;
}

TEST(shadowed_memory, .needs = Q35,
     .about = "reads and writes below 1 MiB go to RAM or ROM after an action as they did before it")
{
	struct effect before[SEGMENTS], after;
	u8 modes[SEGMENTS];
	u64 words[SEGMENTS];

	for (int n = 0; n < SEGMENTS; n++) {
		modes[n] = pam_set_mode(n, PAM_RAM);
		words[n] = *word_of(n);
	}
	prepare();
	for (int n = 0; n < SEGMENTS; n++)
		before[n] = look(n);
	prepare();
	migrate_quiet();
	for (int n = 0; n < SEGMENTS; n++) {
		after = look(n);
		report(after.read == before[n].read && after.written == before[n].written,
		       "0x%x in mode %d: a read gives 0x%lx, and RAM holds 0x%lx after a write; before the action these were 0x%lx and 0x%lx",
		       (u32)(PAM_START + n * PAM_SEGMENT_SIZE), n, after.read, after.written,
		       before[n].read, before[n].written);
		*word_of(n) = words[n];
		pam_set_mode(n, modes[n]);
	}
}

/* ---- windows ---- */

TEST(pci_window, .needs = Q35,
     .about = "an action does not move the memory window to PCI configuration")
{
	u32 bar = pci_config_readl(MCH, PCIEXBAR), id = pci_config_readl(MCH, PCI_VENDOR_ID), is;
	volatile u8 *window = phys_to_virt(bar & PCIEXBAR_BASE);

	if (!(bar & PCIEXBAR_ON) || pci_config_readl(MCH, PCIEXBAR + 4)) {
		report_skip("firmware has put no window below 4 GiB");
		return;
	}
	is = readl(window + PCI_VENDOR_ID);
	report_if_failed(is == id, "the window has the id %#x, and port 0xcfc %#x", is, id);
	migrate_quiet();
	is = readl(window + PCI_VENDOR_ID);
	report(is == id, "after the action the window has the id %#x, and port 0xcfc had %#x", is,
	       id);
}

TEST(chipset_window, .needs = Q35,
     .about =
	     "an action does not move the window to the chipset's registers, nor change one of them")
{
	u32 base = pci_config_readl(LPC, RCBA);
	volatile u8 *registers;
	u16 own, routes = 0x0123, is;

	pci_config_writel(LPC, RCBA, RCBA_USUAL | RCBA_ON);
	if (pci_config_readl(LPC, RCBA) != (RCBA_USUAL | RCBA_ON)) {
		report_skip("the LPC bridge has no such registers");
		return;
	}
	registers = phys_to_virt(RCBA_USUAL);
	own = readw(registers + D31IR);
	writew(routes, registers + D31IR);
	routes = readw(registers + D31IR);
	migrate_quiet();
	is = readw(registers + D31IR);
	report(is == routes, "D31IR was %#x, and is %#x", routes, is);
	writew(own, registers + D31IR);
	pci_config_writel(LPC, RCBA, base);
}
