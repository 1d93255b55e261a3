// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a virtio disk that works while the guest is migrated. A part of the program dma: see dma.c,
 * which says what a broken hypervisor does and how the tests see it.
 */
#include "x86/dma/dma.h"

void run_blk(const struct kind *kind)
{
	u64 made = 0;
	int interrupts = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		work_and_migrate();
		if (action == 0)
			spoil_something();
		settle_and_check();
	}
	write_all();
	for (int i = 0; i < lane_count; i++) {
		made += lanes[i].made;
		/* An INTx counts for all queues at once. */
		if (kind->interrupts == VIRTIO_MSIX || !i)
			interrupts += atomic_read(&lanes[i].queue.interrupts);
	}
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(),
	       "%s: %d actions, %d queues, %lu requests, %d interrupts: %lu times something wrong",
	       disk.name, ACTIONS_PER_TEST, lane_count, made, interrupts, sum_of_wrong());
	close_disk();
}

TEST(blk_modern_polled, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, modern, polled")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_POLLED, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

TEST(blk_modern_intx, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, modern, INTx")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_INTX, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

TEST(blk_modern_msix, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, modern, MSI-X")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_MSIX, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

TEST(blk_legacy_polled, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, legacy, polled")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_POLLED, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

TEST(blk_legacy_intx, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, legacy, INTx")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_INTX, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

TEST(blk_legacy_msix, .needs = VIRTIO_BLK,
     .about = "no request is lost, doubled or torn by a migration: virtio-blk, legacy, MSI-X")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_MSIX, .requests = 16, .depth = 16
	};

	run_blk(&kind);
}

/*
 * Most drivers agree on VIRTIO_F_EVENT_IDX. A broken hypervisor forgets for which entry the other
 * side waits, so that an interrupt or a notification does not come.
 */
TEST(blk_event_idx_intx, .needs = VIRTIO_BLK,
     .about =
	     "no interrupt and no notification that is asked for by entry is lost by a migration: virtio-blk, legacy, INTx")
{
	static const struct kind kind = { .interface = VIRTIO_LEGACY,
					  .interrupts = VIRTIO_INTX,
					  .requests = 16,
					  .depth = 16,
					  .event_idx = true };

	run_blk(&kind);
}

TEST(blk_event_idx_msix, .needs = VIRTIO_BLK,
     .about =
	     "no interrupt and no notification that is asked for by entry is lost by a migration: virtio-blk, modern, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 4,
					  .depth = 2,
					  .event_idx = true };

	run_blk(&kind);
}

/*
 * There is one request at a time, and the driver learns from its interrupt alone that it was
 * returned. So the first lost interrupt stops its queue.
 */
TEST(blk_one_at_a_time_intx, .needs = VIRTIO_BLK,
     .about = "no interrupt is lost by a migration: virtio-blk, one request at a time, INTx")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_INTX, .requests = 2, .depth = 1
	};

	run_blk(&kind);
}

TEST(blk_one_at_a_time_msix, .needs = VIRTIO_BLK,
     .about = "no interrupt is lost by a migration: virtio-blk, one request at a time, MSI-X")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_MSIX, .requests = 2, .depth = 1
	};

	run_blk(&kind);
}

/*
 * A broken hypervisor does not log what the device writes. Here no CPU touches the buffers until
 * long afterwards, so that nothing else marks their pages dirty.
 */
TEST(blk_buffers_untouched, .needs = VIRTIO_BLK,
     .about = "buffers that only a virtio-blk device has touched survive a migration")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 2,
					  .untouched = true };

	run_blk(&kind);
}

/* ---- rings that no CPU touches ---- */

static u16 given;
static struct stopwatch pace;

/* At this rate the requests last for longer than an action takes. */
#define PACE_MS 4

/* All requests are in the ring already. Only its index grows. */
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

static void give_all(struct lane *lane)
{
	virtqueue_publish(&lane->queue, lane->queue.avail_idx);
	virtqueue_kick(&lane->queue);
}

/*
 * A broken hypervisor does not log what the device writes into its used ring. Here only the device
 * writes to buffers, status bytes and used ring during the action: the driver prepares all requests
 * before, and then only makes them available one by one. A device also writes to its ring when it
 * is notified, so that page may be logged all the same. With ALL_AT_ONCE a slow device gets all
 * requests and a single notification, and finishes them when the VMM stops the guest.
 */
void run_unseen(const struct kind *kind, bool all_at_once)
{
	struct lane *lane = &lanes[0];
	struct request *request;
	u64 chunk = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		given = lane->queue.avail_idx;
		lane->unpublished = true;
		while ((request = next_request(lane))) {
			make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
			chunk = (chunk + 1) % lane->chunks;
		}
		lane->unpublished = false;
		if (all_at_once) {
			give_all(lane);
			migrate_quiet();
		} else {
			stopwatch_start(&pace);
			migrate_quiet_while(give_one_more);
		}
		if (action == 0)
			spoil_something();
		give_all(lane);
		wait_for_returns(lane);
		compare_rings(lane);
	}
	check_all();
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(), "%s: %d actions, %lu requests: %lu times something wrong",
	       disk.name, ACTIONS_PER_TEST, lane->made, sum_of_wrong());
	close_disk();
}

TEST(blk_rings_unseen_modern, .needs = VIRTIO_BLK,
     .about =
	     "a used ring and buffers that no CPU looks at survive a migration: virtio-blk, modern")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 32,
					  .untouched = true };

	run_unseen(&kind, false);
}

TEST(blk_rings_silent_modern, .needs = VIRTIO_BLK,
     .about =
	     "a used ring that only a slow device writes to, after a single notification, survives a migration: virtio-blk, modern")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 32,
					  .untouched = true };

	run_unseen(&kind, true);
}

TEST(blk_rings_unseen_legacy, .needs = VIRTIO_BLK,
     .about =
	     "a used ring and buffers that no CPU looks at survive a migration: virtio-blk, legacy")
{
	static const struct kind kind = { .interface = VIRTIO_LEGACY,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 32,
					  .untouched = true };

	run_unseen(&kind, false);
}
