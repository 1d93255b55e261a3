// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a virtio disk with packed rings (VIRTIO 1.2, 2.8 "Packed Virtqueues"). A part of the program
 * dma: see dma.c.
 *
 * A packed ring has no indices in memory. Where the device is, and its two wrap counters, are known
 * to the VMM alone. A broken one loses them in a migration, or assumes that the counters are 1 as
 * they are in the beginning. Then it carries out requests again or never, or returns them where the
 * driver does not look. The tests see requests that do not come back, or that come back twice. They
 * cannot tell which of the VMM's positions is wrong, but say where the driver is.
 */
#include "x86/dma/dma.h"

TEST(packed_polled, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, packed, polled")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 16,
					  .depth = 16,
					  .packed = true };

	run_blk(&kind);
}

TEST(packed_intx, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, packed, INTx")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_INTX,
					  .requests = 16,
					  .depth = 16,
					  .packed = true };

	run_blk(&kind);
}

TEST(packed_msix, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, packed, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16,
					  .packed = true };

	run_blk(&kind);
}

TEST(packed_event_idx, .needs = VIRTIO_BLK,
     .about =
	     "no interrupt and no notification that is asked for by descriptor is lost by a migration: virtio-blk, packed, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 4,
					  .depth = 2,
					  .event_idx = true,
					  .packed = true };

	run_blk(&kind);
}

/* The wrap counters of driver and device are equal, and another one than at the last action. */
static void go_to_next_lap(struct lane *lane)
{
	bool lap = lane->queue.next.wrap;

	while (lane->queue.next.wrap == lap && !lane->stuck) {
		make_available(lane, next_request(lane), VIRTIO_BLK_T_IN, lane->first_chunk,
			       generations[lane->first_chunk]);
		virtqueue_kick(&lane->queue);
		wait_for_returns(lane);
	}
}

TEST(packed_each_lap, .needs = VIRTIO_BLK,
     .about =
	     "an idle disk goes on where it was in its packed ring after an action, with either wrap counter")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 16,
					  .depth = 16,
					  .packed = true };
	struct lane *lane = &lanes[0];

	if (!open_disk(&kind))
		return;
	write_all();
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		go_to_next_lap(lane);
		migrate_quiet();
		if (action == 0)
			spoil_something();
		check_all();
	}
	report(!sum_of_wrong(), "%s: %d actions in different laps: %lu times something wrong",
	       disk.name, ACTIONS_PER_TEST, sum_of_wrong());
	close_disk();
}
