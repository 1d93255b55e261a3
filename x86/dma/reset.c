// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A reset
 */
#include "alloc_page.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

/* What a sector may hold that a request was about when the device was reset. */
static void settle_chunk(struct lane *lane, struct request *request, u64 newest, u64 oldest)
{
	u64 generation = request->buffer[DISK_SECTOR_GENERATION_WORD];

	request->unchecked = false;
	request->generation = generation >= oldest && generation <= newest ? generation : newest;
	generations[request->chunk] = request->generation;
	check_buffer(lane, request);
}

/*
 * As the driver of a guest that gives up and starts anew: from the reset on the device may
 * write nothing any more, and it begins with rings that are empty. A write that was with it
 * may have happened, or not, but no half of it.
 */
static void run_reset(const struct kind *kind)
{
	static u64 before[MOST_CHUNKS], after[MOST_CHUNKS];
	static struct lane old[MOST_LANES];
	u16 used_idx[MOST_LANES];
	u64 wrong = 0;

	if (!open_disk(kind))
		return;
	write_all();
	memcpy(before, generations, sizeof(before));
	work_and_migrate();
	for (int i = 0; i < lane_count; i++)
		wrong += lanes[i].wrong;
	virtio_reset(&disk);
	memcpy(after, generations, sizeof(after));
	for (int i = 0; i < lane_count; i++) {
		/* Poison for all that it could still write to; it may write none of it. */
		old[i] = lanes[i];
		used_idx[i] = old[i].queue.used->idx;
		fill_words(old[i].buffers, CHUNK_WORDS * kind->requests, ~0ul);
		memset(old[i].statuses, STATUS_UNTOUCHED, PAGE_SIZE);
		disk.queues[i] = NULL;
	}
	open_disk(kind);
	for (int i = 0; i < lane_count; i++) {
		struct lane *lane = &lanes[i];

		/* In small groups, to see each before its buffer is used again. */
		for (u64 chunk = lane->first_chunk; chunk < lane->first_chunk + lane->chunks;) {
			struct request *first = &lane->requests[lane->made % kind->requests],
				       *request;

			request = next_request(lane);
			if (!request)
				break;
			make_available(lane, request, VIRTIO_BLK_T_IN, chunk, after[chunk]);
			virtqueue_kick(&lane->queue);
			wait_for_returns(lane);
			if (lane->stuck)
				break;
			settle_chunk(lane, first, after[chunk], before[chunk]);
			chunk++;
		}
	}
	for (int i = 0; i < lane_count; i++) {
		const u64 *at = first_unlike(old[i].buffers, CHUNK_WORDS * kind->requests, ~0ul);

		if (at)
			complain(&lanes[i], NULL,
				 "after its reset the device wrote 0x%lx to a buffer at physical "
				 "0x%lx, which may hold only 0x%lx",
				 *at, virt_to_phys(at), ~0ul);
		if (old[i].queue.used->idx != used_idx[i])
			complain(&lanes[i], NULL,
				 "after its reset the device counted its used idx (physical 0x%lx) "
				 "from %u to %u",
				 virt_to_phys((const void *)&old[i].queue.used->idx), used_idx[i],
				 old[i].queue.used->idx);
		free_pages(old[i].queue.memory);
		free_lane(&old[i]);
	}
	work_and_migrate();
	for (int i = 0; i < lane_count; i++) {
		wait_for_returns(&lanes[i]);
		compare_rings(&lanes[i]);
	}
	check_all();
	wrong += sum_of_wrong();
	report(!wrong, "%s: reset behind a move, and used again: %lu times something wrong",
	       disk.name, wrong);
	close_disk();
}

TEST(blk_reset_modern, .needs = VIRTIO_BLK,
     .about = "a device that is reset just after the move writes no more, and works again (modern)")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 16, 16, false };

	run_reset(&kind);
}

TEST(blk_reset_legacy, .needs = VIRTIO_BLK,
     .about = "a device that is reset just after the move writes no more, and works again (legacy)")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 16, 16, false };

	run_reset(&kind);
}
