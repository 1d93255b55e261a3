// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a driver that resets its device (VIRTIO 1.2, 2.1 "Device Status Field" and 2.4 "Device
 * Reset"). A part of the program dma: see dma.c.
 */
#include "alloc_page.h"
#include "vm.h"
#include "words.h"
#include "x86/dma/dma.h"

/*
 * The device was reset while it had a write of this chunk. The chunk may hold any generation
 * from OLDEST to NEWEST.
 */
static void settle_chunk(struct lane *lane, struct request *request, u64 newest, u64 oldest)
{
	u64 generation = request->buffer[DISK_SECTOR_GENERATION_WORD];

	request->unchecked = false;
	request->generation = generation >= oldest && generation <= newest ? generation : newest;
	generations[request->chunk] = request->generation;
	check_buffer(lane, request);
}

/*
 * A broken device still writes after its reset, or goes on with its old rings. The test resets it
 * right after an action, as a guest's driver does when the guest boots again. Then it fills all
 * that the device could still write to with a poison. A write that was in flight may have happened
 * or not, but not in part. Then the test uses the device again, with empty rings.
 */
void run_reset(const struct kind *kind)
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
		/* The device must not write to any of this any more. */
		old[i] = lanes[i];
		used_idx[i] = old[i].queue.used->idx;
		fill_words(old[i].buffers, CHUNK_WORDS * kind->requests, ~0ul);
		memset(old[i].answers, ANSWER_UNTOUCHED, PAGE_SIZE);
		disk.queues[old[i].queue.index] = NULL;
	}
	open_disk(kind);
	for (int i = 0; i < lane_count; i++) {
		struct lane *lane = &lanes[i];

		/* Reads one chunk at a time, to check each before its buffer is used again. */
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
			complain(
				&lanes[i], NULL,
				"after its reset the device wrote 0x%lx to a buffer at physical 0x%lx, which may hold only 0x%lx",
				*at, virt_to_phys(at), ~0ul);
		if (old[i].queue.used->idx != used_idx[i])
			complain(
				&lanes[i], NULL,
				"after its reset the device counted its used idx (physical 0x%lx) from %u to %u",
				virt_to_phys((const void *)&old[i].queue.used->idx), used_idx[i],
				old[i].queue.used->idx);
		free_pages(old[i].queue.memory);
		free_lane(&old[i]);
	}
	work_and_migrate();
	settle_and_check();
	wrong += sum_of_wrong();
	report(!wrong, "%s: reset after an action, and used again: %lu times something wrong",
	       disk.name, wrong);
	close_disk();
}

TEST(blk_reset_modern, .needs = VIRTIO_BLK,
     .about =
	     "a virtio-blk device that is reset just after an action writes no more and works again: modern")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_MSIX, .requests = 16, .depth = 16
	};

	run_reset(&kind);
}

TEST(blk_reset_legacy, .needs = VIRTIO_BLK,
     .about =
	     "a virtio-blk device that is reset just after an action writes no more and works again: legacy")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_INTX, .requests = 16, .depth = 16
	};

	run_reset(&kind);
}
