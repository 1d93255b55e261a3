// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: interrupts of a disk that wait during an action (PCI Local Bus Specification 3.0, 6.2.2
 * "Device Control" and 6.8.2 "MSI-X"; Intel SDM volume 3, "Advanced Programmable Interrupt
 * Controller (APIC)"). A part of the program dma: see dma.c.
 *
 * A broken hypervisor loses an interrupt that is held back somewhere, or delivers it though it
 * is held back. The tests hold it back, have the disk return requests, ask for an action, and
 * let the interrupt go. They cannot tell a bit that was lost from one that was never set, unless
 * it can be seen waiting.
 */
#include "apic.h"
#include "ioapic.h"
#include "processor.h"
#include "x86/dma/dma.h"

/* A place where an interrupt is held back during the action. */
struct hold {
	const char *name;
	enum virtio_interrupts interrupts;
	void (*hold)(void);
	void (*let_go)(void);
	/* Whether an interrupt is seen waiting there. NULL if it cannot be seen. */
	bool (*waits)(void);
};

static void hold_at_table(void)
{
	pci_mask_msix(disk.pci, 0, true);
}

static void let_go_at_table(void)
{
	pci_mask_msix(disk.pci, 0, false);
}

static bool waits_at_table(void)
{
	return pci_msix_pending(disk.pci, 0);
}

static void hold_at_ioapic(void)
{
	ioapic_mask(pci_intx_pin(disk.pci));
}

static void let_go_at_ioapic(void)
{
	ioapic_unmask(pci_intx_pin(disk.pci));
}

static void hold_at_device(void)
{
	pci_disable_intx(disk.pci, true);
}

static void let_go_at_device(void)
{
	pci_disable_intx(disk.pci, false);
}

static bool waits_at_device(void)
{
	return pci_config_readw(disk.pci, PCI_STATUS) & PCI_STATUS_INTERRUPT;
}

static bool waits_at_apic(void)
{
	return apic_read_bit(APIC_IRR, BLK_VECTOR);
}

#define REQUESTS_PER_HOLD 4

/* During the action the device has returned the requests, and the driver has not been told. */
static void run_held(const struct hold *hold)
{
	const struct kind kind = { .interface = VIRTIO_MODERN,
				   .interrupts = hold->interrupts,
				   .requests = 8,
				   .depth = REQUESTS_PER_HOLD };
	struct lane *lane = &lanes[0];
	struct request *request;
	int before;

	if (!open_disk(&kind))
		return;
	write_all();
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		hold->hold();
		/*
		 * The VMM may still have been about to send the interrupt of an earlier request
		 * that the driver has seen in the used ring. It comes before the hold, or waits.
		 */
		before = atomic_read(&lane->queue.interrupts);
		while ((request = next_request(lane)))
			make_available(lane, request, VIRTIO_BLK_T_IN, 0, generations[0]);
		virtqueue_kick(&lane->queue);
		wait_for(lane->queue.used->idx == lane->queue.avail_idx, RETURN_MS,
			 "%s to return %d requests", disk.name, REQUESTS_PER_HOLD);
		if (hold->waits && !wait_until(hold->waits(), RETURN_MS))
			complain(lane, NULL, "no interrupt waits %s before the action", hold->name);
		migrate_quiet();
		if (hold->waits && !hold->waits())
			complain(lane, NULL, "no interrupt waits %s after the action any more",
				 hold->name);
		if (atomic_read(&lane->queue.interrupts) != before)
			complain(lane, NULL, "%d interrupts came although they were held back %s",
				 atomic_read(&lane->queue.interrupts) - before, hold->name);
		hold->let_go();
		wait_for_returns(lane);
		compare_rings(lane);
	}
	report(!sum_of_wrong(),
	       "%s: interrupts held back %s during %d actions: %lu times something wrong",
	       disk.name, hold->name, ACTIONS_PER_TEST, sum_of_wrong());
	close_disk();
}

TEST(held_in_msix_table, .needs = VIRTIO_BLK,
     .about =
	     "an MSI-X message that is masked in the table during an action comes when it is unmasked")
{
	static const struct hold hold = { "in the MSI-X table", VIRTIO_MSIX, hold_at_table,
					  let_go_at_table, waits_at_table };

	run_held(&hold);
}

TEST(held_at_ioapic, .needs = VIRTIO_BLK,
     .about =
	     "a high level at a masked pin of the IOAPIC during an action interrupts when it is unmasked")
{
	static const struct hold hold = { "at the IOAPIC", VIRTIO_INTX, hold_at_ioapic,
					  let_go_at_ioapic, NULL };

	run_held(&hold);
}

TEST(held_by_intx_disable, .needs = VIRTIO_BLK,
     .about =
	     "an INTx that is disabled in the command register during an action comes when it is enabled")
{
	static const struct hold hold = { "by INTx Disable", VIRTIO_INTX, hold_at_device,
					  let_go_at_device, waits_at_device };

	run_held(&hold);
}

TEST(held_in_apic_msix, .needs = VIRTIO_BLK,
     .about =
	     "an MSI-X message that waits in the local APIC during an action is delivered afterwards")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_MSIX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}

TEST(held_in_apic_intx, .needs = VIRTIO_BLK,
     .about =
	     "a level interrupt that waits in the local APIC during an action is delivered afterwards")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_INTX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}
