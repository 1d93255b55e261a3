// SPDX-License-Identifier: GPL-2.0-or-later
/* selftest: PCI, time, and the runner's answers. A part of the program selftest: see selftest.c. */
#include "apic.h"
#include "console.h"
#include "pci.h"
#include "processor.h"
#include "x86/selftest/selftest.h"

TEST(pci, .about = "PCI configuration space can be read, and BARs can be measured")
{
	pcidevaddr_t device = pci_next_dev(PCIDEVADDR_INVALID);
	int devices = 0;

	if (device == PCIDEVADDR_INVALID) {
		report_skip("this machine has no PCI");
		return;
	}
	report(device == PCI_DEVADDR(0, 0, 0), "the first device is the host bridge");
	report(pci_find_dev(pci_config_readw(device, PCI_VENDOR_ID),
			    pci_config_readw(device, PCI_DEVICE_ID)) == device,
	       "pci_find_dev() finds it by its ids");
	report(pci_find_dev(0x1234, 0xfffe) == PCIDEVADDR_INVALID,
	       "pci_find_dev() does not find what is not there");
	for (; device != PCIDEVADDR_INVALID; device = pci_next_dev(device), devices++) {
		report_if_failed(pci_config_readb(device, PCI_VENDOR_ID) ==
					 (pci_config_readl(device, PCI_VENDOR_ID) & 0xff),
				 "%x: a byte is not the low byte of the word", device);
		/* Bridges have two BARs, all other devices six. */
		for (int n = 0; n < (pci_config_readb(device, PCI_HEADER_TYPE) & 0x7f ? 2 : 6);
		     n++) {
			struct pci_bar bar = pci_bar(device, n);

			report_if_failed(!(bar.size & (bar.size - 1)), "%x BAR %d: %lx bytes",
					 device, n, bar.size);
			n += bar.is_64bit;
		}
	}
	report_pass("%d devices on bus 0", devices);
}

TEST(time_source, .on = EACH_CPU,
     .about = "the time source goes forward, and delays and deadlines take as long as they should")
{
	struct stopwatch watch;
	struct deadline deadline;
	u64 last = 0, now, rounds = scaled_count(2000, 20);

	stopwatch_start(&watch);
	for (u64 i = 0; i < rounds; i++) {
		now = stopwatch_ns(&watch);
		report_if_failed(now >= last, "%lu ns after %lu ns", now, last);
		last = now;
	}
	delay_us(2000);
	now = stopwatch_ns(&watch);
	report(now - last >= 2000000, "a delay of 2000 us took %lu ns", now - last);
	stopwatch_start(&watch);
	deadline_start(&deadline, 2);
	while (!deadline_passed(&deadline))
		;
	now = stopwatch_ns(&watch);
	report(now >= 2000000 * timescale(), "a deadline of 2 ms passed after %lu ns", now);
	report(!wait_until(false, 1) && wait_until(true, 0),
	       "wait_until() tells whether the condition came true");
}

TEST(host_speed, .about = "the host's speed and the TSC's frequency are measured")
{
	u64 loops = loops_per_ms(), hz = tsc_hz();

	report(loops && hz, "%lu loops per ms, TSC %lu kHz, APIC timer %lu kHz", loops, hz / 1000,
	       apic_timer_hz() / 1000);
	report(scaled_count(1000000, 5) <= 1000000 && scaled_count(0, 5) == 5, "scaled counts");
	mark("speed", "loops_per_ms=%lu tsc_hz=%lu apic_timer_hz=%lu", loops, hz, apic_timer_hz());
}

TEST(host_questions, .needs = HOST_ANSWERS,
     .about = "the host answers questions, and its time goes forward")
{
	struct host_time first, second;

	report(host_time(&first) && host_time(&second), "two answers");
	report(second.monotonic >= first.monotonic && second.moves >= first.moves &&
		       second.pause_min >= first.pause_min && second.pause_max >= second.pause_min,
	       "the second is not before the first");
}
