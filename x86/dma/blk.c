// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The disk tests
 */
#include "x86/dma/dma.h"

static void run(const struct kind *kind)
{
	u64 made = 0;
	int interrupts = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		work_and_migrate();
		if (move == 0)
			spoil_something();
		for (int i = 0; i < lane_count; i++) {
			wait_for_returns(&lanes[i]);
			compare_rings(&lanes[i]);
		}
		check_all();
	}
	write_all();
	for (int i = 0; i < lane_count; i++) {
		flush(&lanes[i]);
		made += lanes[i].made;
		/* INTx counts for all queues at once. */
		if (kind->interrupts == VIRTIO_MSIX || !i)
			interrupts += atomic_read(&lanes[i].queue.interrupts);
	}
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(),
	       "%s: %d moves, %d queues, %lu requests, %d interrupts: %lu times "
	       "something wrong",
	       disk.name, MOVES_PER_TEST, lane_count, made, interrupts, sum_of_wrong());
	close_disk();
}

TEST(blk_modern_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}

/*
 * One request at a time: each interrupt is the only one that tells of it, so that the first
 * one that is lost stops its queue.
 */
TEST(blk_one_at_a_time_intx, .needs = VIRTIO_BLK,
     .about = "one request at a time, INTx: every completion's interrupt comes")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 2, 1, false };

	run(&kind);
}

TEST(blk_one_at_a_time_msix, .needs = VIRTIO_BLK,
     .about = "one request at a time, MSI-X: every completion's interrupt comes")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 2, 1, false };

	run(&kind);
}

/* What the device has written stays as it was until long after: no CPU has marked its page. */
TEST(blk_buffers_untouched, .needs = VIRTIO_BLK,
     .about = "buffers that only the device has touched since are moved as it left them")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 32, 2, true };

	run(&kind);
}

/* ---- rings that nobody looks at ---- */

static u16 given;
static struct stopwatch pace;

/* At this rate the requests last for longer than a move takes. */
#define PACE_MS 4

/* All is in the ring; only the index grows. */
static void give_one_more(void)
{
	struct lane *lane = &lanes[0];

	if (given == lane->queue.avail_idx ||
	    stopwatch_ns(&pace) < (u64)PACE_MS * timescale() * 1000000)
		return;
	stopwatch_start(&pace);
	virtqueue_publish(&lane->queue, ++given);
	virtqueue_kick(&lane->queue);
}

/*
 * Buffers, status bytes and used ring are written by the device alone while the VM is moved:
 * the driver prepares all before, and then does no more than to give one request after the
 * other away.
 */
static void run_unseen(const struct kind *kind)
{
	struct lane *lane = &lanes[0];
	struct request *request;
	u64 chunk = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		given = lane->queue.avail_idx;
		lane->unpublished = true;
		while ((request = next_request(lane))) {
			make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
			chunk = (chunk + 1) % lane->chunks;
		}
		lane->unpublished = false;
		stopwatch_start(&pace);
		migrate_quiet_while(give_one_more);
		if (move == 0)
			spoil_something();
		virtqueue_publish(&lane->queue, lane->queue.avail_idx);
		virtqueue_kick(&lane->queue);
		wait_for_returns(lane);
		compare_rings(lane);
	}
	check_all();
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(), "%s: %d moves, %lu requests: %lu times something wrong", disk.name,
	       MOVES_PER_TEST, lane->made, sum_of_wrong());
	close_disk();
}

TEST(blk_rings_unseen_modern, .needs = VIRTIO_BLK,
     .about = "a used ring and buffers that no CPU looks at during the move (modern)")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 32, 32, true };

	run_unseen(&kind);
}

TEST(blk_rings_unseen_legacy, .needs = VIRTIO_BLK,
     .about = "a used ring and buffers that no CPU looks at during the move (legacy)")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_POLLED, 32, 32, true };

	run_unseen(&kind);
}
