// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts that wait
 */
#include "apic.h"
#include "ioapic.h"
#include "processor.h"
#include "x86/dma/dma.h"

/* Where an interrupt is held back while the VM is moved. */
struct hold {
	const char *name;
	enum virtio_interrupts interrupts;
	void (*hold)(void);
	void (*let_go)(void);
	/* Whether it can be seen waiting there. May be NULL. */
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

/* Only the device has said that it is done; nobody has been told. */
static void run_held(const struct hold *hold)
{
	const struct kind kind = { VIRTIO_MODERN, hold->interrupts, 8, REQUESTS_PER_HOLD, false };
	struct lane *lane = &lanes[0];
	struct request *request;
	int before;

	if (!open_disk(&kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		before = atomic_read(&lane->queue.interrupts);
		hold->hold();
		while ((request = next_request(lane)))
			make_available(lane, request, VIRTIO_BLK_T_IN, 0, generations[0]);
		virtqueue_kick(&lane->queue);
		wait_for(lane->queue.used->idx == lane->queue.avail_idx, RETURN_MS,
			 "%s to return %d requests", disk.name, REQUESTS_PER_HOLD);
		if (hold->waits && !wait_until(hold->waits(), RETURN_MS))
			complain(lane, NULL, "no interrupt waits %s before the move", hold->name);
		migrate_quiet();
		if (hold->waits && !hold->waits())
			complain(lane, NULL, "no interrupt waits %s after the move any more",
				 hold->name);
		if (atomic_read(&lane->queue.interrupts) != before)
			complain(lane, NULL, "%d interrupts came although held back %s",
				 atomic_read(&lane->queue.interrupts) - before, hold->name);
		hold->let_go();
		wait_for_returns(lane);
		compare_rings(lane);
	}
	report(!sum_of_wrong(),
	       "%s: interrupts held back %s during %d moves: %lu times something "
	       "wrong",
	       disk.name, hold->name, MOVES_PER_TEST, sum_of_wrong());
	close_disk();
}

TEST(held_in_msix_table, .needs = VIRTIO_BLK,
     .about = "an MSI-X message that was masked during the move comes when it is unmasked")
{
	static const struct hold hold = { "in the MSI-X table", VIRTIO_MSIX, hold_at_table,
					  let_go_at_table, waits_at_table };

	run_held(&hold);
}

TEST(held_at_ioapic, .needs = VIRTIO_BLK,
     .about = "a level that was high at a masked pin of the IOAPIC interrupts after the move")
{
	static const struct hold hold = { "at the IOAPIC", VIRTIO_INTX, hold_at_ioapic,
					  let_go_at_ioapic, NULL };

	run_held(&hold);
}

TEST(held_by_intx_disable, .needs = VIRTIO_BLK,
     .about = "INTx that was disabled in the device's command register comes after the move")
{
	static const struct hold hold = { "by INTx Disable", VIRTIO_INTX, hold_at_device,
					  let_go_at_device, waits_at_device };

	run_held(&hold);
}

TEST(held_in_apic_msix, .needs = VIRTIO_BLK,
     .about = "an MSI-X message that waits in the local APIC during the move is delivered after")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_MSIX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}

TEST(held_in_apic_intx, .needs = VIRTIO_BLK,
     .about = "a level interrupt that waits in the local APIC during the move is delivered after")
{
	static const struct hold hold = { "in the local APIC", VIRTIO_INTX, irq_disable, irq_enable,
					  waits_at_apic };

	run_held(&hold);
}
