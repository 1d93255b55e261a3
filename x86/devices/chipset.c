// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: PCI configuration (PCI Local Bus Specification 3.0, 3.2.2.3.2) and the chipset's own
 * registers: routing of PCI interrupts, power management and reset control (ICH9 data sheet, 13.1,
 * 13.7.5 and 13.8). See devices.c.
 */
#include "io.h"
#include "migrate.h"
#include "pci.h"
#include "report.h"
#include "x86/devices/devices.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

FEATURE(PCI_BUS, "PCI configuration by port 0xcf8")
{
	outl(CONFIG_ENABLE, CONFIG_ADDRESS);
	return inl(CONFIG_ADDRESS) == CONFIG_ENABLE && pci_dev_exists(0);
}

TEST(pci_address, .needs = PCI_BUS,
     .about = "the PCI register that port 0xcf8 has selected is still selected after an action")
{
	u32 address = CONFIG_ENABLE | PCI_INTERRUPT_PIN, selected;
	u8 before = pci_config_readb(0, PCI_VENDOR_ID), after;

	/* The host bridge's vendor ID. A read of one byte shows which register is selected. */
	outl(CONFIG_ENABLE | PCI_VENDOR_ID, CONFIG_ADDRESS);
	migrate_quiet();
	after = inb(CONFIG_DATA);
	report(after == before, "the selected byte was %#x, and is %#x", before, after);
	outl(address & ~3u, CONFIG_ADDRESS);
	migrate_quiet();
	selected = inl(CONFIG_ADDRESS);
	report(selected == (address & ~3u), "the address was %#x, and is %#x", address & ~3u,
	       selected);
}

#define PCI_INTERRUPT_LINE 0x3c
#define MOST_FUNCTIONS	   32

TEST(pci_registers, .needs = PCI_BUS,
     .about = "what software wrote into the PCI configuration of each function survives an action")
{
	pcidevaddr_t functions[MOST_FUNCTIONS], function = PCIDEVADDR_INVALID;
	u8 lines[MOST_FUNCTIONS], expected[MOST_FUNCTIONS];
	u16 commands[MOST_FUNCTIONS];
	u32 bars[MOST_FUNCTIONS][PCI_BAR_COUNT];
	int count = 0;

	while (count < MOST_FUNCTIONS &&
	       (function = pci_next_dev(function)) != PCIDEVADDR_INVALID) {
		functions[count] = function;
		lines[count] = pci_config_readb(function, PCI_INTERRUPT_LINE);
		pci_config_writeb(function, PCI_INTERRUPT_LINE, 0xa0 + count);
		/* Some bridges have no such register. */
		expected[count] = pci_config_readb(function, PCI_INTERRUPT_LINE);
		commands[count] = pci_config_readw(function, PCI_COMMAND);
		for (int bar = 0; bar < PCI_BAR_COUNT; bar++)
			bars[count][bar] = pci_config_readl(function, PCI_BASE_ADDRESS_0 + 4 * bar);
		count++;
	}
	migrate_quiet();
	for (int i = 0; i < count; i++) {
		u8 line = pci_config_readb(functions[i], PCI_INTERRUPT_LINE);
		u16 command = pci_config_readw(functions[i], PCI_COMMAND);

		report_prefix_pushf("function %02x.%x", functions[i] >> 3, functions[i] & 7);
		report_if_failed(line == expected[i], "the interrupt line was %#x, and is %#x",
				 expected[i], line);
		report_if_failed(command == commands[i], "the command register was %#x, and is %#x",
				 commands[i], command);
		for (int bar = 0; bar < PCI_BAR_COUNT; bar++) {
			u32 is = pci_config_readl(functions[i], PCI_BASE_ADDRESS_0 + 4 * bar);

			report_if_failed(is == bars[i][bar], "BAR %d was %#x, and is %#x", bar,
					 bars[i][bar], is);
		}
		report_prefix_pop();
		pci_config_writeb(functions[i], PCI_INTERRUPT_LINE, lines[i]);
	}
	report(count, "%d functions were looked at", count);
}

#define LPC_VENDOR    0x8086
#define LPC_DEVICE    0x2918
#define PIRQ_A	      0x60 /* A to D, and E to H from 0x68 */
#define PIRQ_E	      0x68
#define PIRQS	      8
#define PIRQ_OFF      0x80
#define PM_BASE	      0x40
#define PM_BASE_MASK  0xff80
#define PM1_ENABLE    0x02
#define PM1_USED      0x0520 /* power button, global lock, clock */
#define GPE0_ENABLE   0x28
#define APM_STATUS    0xb3 /* a byte that software keeps there */
#define RESET_CONTROL 0xcf9
#define RESET_KIND    0x02

FEATURE(ICH9, "the ICH9's LPC bridge (PCI function 1f.0)")
{
	return PCI_BUS_present() && pci_config_readw(LPC, PCI_VENDOR_ID) == LPC_VENDOR &&
	       pci_config_readw(LPC, PCI_DEVICE_ID) == LPC_DEVICE;
}

u16 pm_base(void)
{
	return pci_config_readl(LPC, PM_BASE) & PM_BASE_MASK;
}

static u8 pirq_register(int pirq)
{
	return pirq < 4 ? PIRQ_A + pirq : PIRQ_E + pirq - 4;
}

TEST(pci_interrupt_routes, .needs = ICH9,
     .about = "the chipset's routing of PCI interrupts to the 8259A survives an action")
{
	u8 before[PIRQS];

	for (int pirq = 0; pirq < PIRQS; pirq++) {
		before[pirq] = pci_config_readb(LPC, pirq_register(pirq));
		pci_config_writeb(LPC, pirq_register(pirq), PIRQ_OFF | (3 + pirq));
	}
	migrate_quiet();
	for (int pirq = 0; pirq < PIRQS; pirq++) {
		u8 is = pci_config_readb(LPC, pirq_register(pirq));

		report(is == (PIRQ_OFF | (3 + pirq)), "the register of PIRQ%c was %#x, and is %#x",
		       'A' + pirq, PIRQ_OFF | (3 + pirq), is);
		pci_config_writeb(LPC, pirq_register(pirq), before[pirq]);
	}
}

TEST(power_management, .needs = ICH9,
     .about = "the chipset's power management and reset registers survive an action")
{
	u16 base = pm_base(), pm1, gpe;
	static const struct port_register registers[] = {
		{ "APM_STS", APM_STATUS, 0xff },
		{ "RST_CNT", RESET_CONTROL, RESET_KIND },
	};
	u16 pm1_before = inw(base + PM1_ENABLE), gpe_before = inw(base + GPE0_ENABLE);
	u8 apm_before = inb(APM_STATUS), reset_before = inb(RESET_CONTROL);

	if (!base) {
		report_skip("firmware has not given power management an address");
		return;
	}
	outw(PM1_USED, base + PM1_ENABLE);
	outw(0x0006, base + GPE0_ENABLE);
	gpe = inw(base + GPE0_ENABLE);
	outb(0x9e, APM_STATUS);
	outb(RESET_KIND, RESET_CONTROL);
	check_ports_kept(registers, ARRAY_SIZE(registers));
	pm1 = inw(base + PM1_ENABLE);
	report(pm1 == PM1_USED, "PM1_EN was %#x, and is %#x", PM1_USED, pm1);
	report(inw(base + GPE0_ENABLE) == gpe, "GPE0_EN was %#x, and is %#x", gpe,
	       inw(base + GPE0_ENABLE));
	outw(pm1_before, base + PM1_ENABLE);
	outw(gpe_before, base + GPE0_ENABLE);
	outb(apm_before, APM_STATUS);
	outb(reset_before, RESET_CONTROL);
}
