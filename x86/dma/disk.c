// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: the disk as a whole, how it is opened, written and compared. A part of the program dma:
 * see dma.c.
 */
#include "alloc_page.h"
#include "console.h"
#include "random.h"
#include "smp.h"
#include "vm.h"
#include "x86/dma/dma.h"

struct virtio_device disk;
const struct disk_type *disk_type;
struct lane lanes[MOST_LANES];
int lane_count;

u64 generations[MOST_CHUNKS];

/*
 * Returns a generation above all that were used. It depends on the boot, so that a sector of an
 * earlier boot is not taken for one of this boot.
 */
static u64 new_generation(void)
{
	u64 highest = current_boot() * 1000000;

	for (int i = 0; i < MOST_CHUNKS; i++)
		highest = MAX(highest, generations[i]);
	return highest + 1;
}

/* ---- what the host is told ---- */

static void tell_host(const struct lane *lane, u64 generation)
{
	mark("disk", "sector=%lu count=%lu generation=%lu", lane->first_chunk * CHUNK_SECTORS,
	     lane->chunks * CHUNK_SECTORS, generation);
}

void let_host_compare(void)
{
	struct lane *first = &lanes[0];
	char answer[128];

	if (broken("disk")) {
		make_available(first, next_request(first), VIRTIO_BLK_T_OUT, first->first_chunk + 1,
			       generations[first->first_chunk] - 1);
		virtqueue_kick(&first->queue);
		wait_for_returns(first);
	}
	for (int i = 0; i < lane_count; i++)
		tell_host(&lanes[i], generations[lanes[i].first_chunk]);
	if (host_ask("disk", answer, sizeof(answer)) && answer_number(answer, "wrong"))
		report_fail("%s: the host finds %lu sectors of the image wrong, the first %lu",
			    disk.name, answer_number(answer, "wrong"),
			    answer_number(answer, "first"));
}

/* ---- the disk ---- */

static void new_lane(struct lane *lane, const struct kind *kind, int index)
{
	*lane = (struct lane){ .kind = kind,
			       .cpu = index,
			       .seed = scramble(argument_number("seed", 1) * 256 + index) };
	lane->multiplier = lane->seed | 1;
	virtqueue_open(&disk, &lane->queue, disk_type->first_queue + index, QUEUE_SIZE, index,
		       BLK_VECTOR + index);
	assert(kind->requests * DESCRIPTORS_A_CHAIN <= lane->queue.size);
	assert(kind->requests * disk_type->header_size <= PAGE_SIZE);
	assert(kind->requests * disk_type->answer_size <= PAGE_SIZE);
	lane->buffers = alloc_pages(page_order(kind->requests * PAGE_SIZE));
	lane->headers = alloc_page();
	lane->answers = alloc_page();
	for (unsigned i = 0; i < kind->requests; i++) {
		lane->requests[i].buffer = lane->buffers + i * PAGE_SIZE;
		lane->requests[i].header = lane->headers + i * disk_type->header_size;
		lane->requests[i].answer = lane->answers + i * disk_type->answer_size;
	}
}

/* Gives each lane its part of the disk. */
static void share_disk(const struct kind *kind)
{
	u64 chunks = disk_type->count_sectors(&lanes[0]) / CHUNK_SECTORS;

	chunks = power_of_two_below(MIN(chunks, scaled_count(MOST_CHUNKS, 1)) / lane_count);
	chunks = MAX(chunks, 2ul * kind->requests);
	for (int i = 0; i < lane_count; i++) {
		lanes[i].chunks = chunks;
		lanes[i].first_chunk = chunks * i;
	}
}

void free_lane(struct lane *lane)
{
	free_pages(lane->buffers);
	free_page(lane->headers);
	free_page(lane->answers);
}

bool open_disk(const struct kind *kind)
{
	u64 needed = kind->needs;

	disk_type = kind->disk ?: &blk_disk;
	if (kind->event_idx)
		needed |= BIT(VIRTIO_F_EVENT_IDX);
	if (kind->packed)
		needed |= BIT(VIRTIO_F_RING_PACKED);
	if (!virtio_open(&disk, virtio_find(disk_type->id), kind->interface, kind->interrupts,
			 needed, disk_type->features))
		return false;
	lane_count = MIN(disk_type->count_queues(), MIN(cpu_count(), MOST_LANES));
	/* Two queues share an INTx, so one's interrupt would hide that the other's was lost. */
	if (kind->depth == 1 && kind->interrupts == VIRTIO_INTX)
		lane_count = 1;
	for (int i = 0; i < lane_count; i++)
		new_lane(&lanes[i], kind, i);
	if (kind->control)
		scsi_open_control();
	virtio_driver_ok(&disk);
	share_disk(kind);
	return true;
}

void close_disk(void)
{
	virtio_close(&disk);
	for (int i = 0; i < lane_count; i++)
		free_lane(&lanes[i]);
}

void write_all(void)
{
	u64 generation = new_generation();

	for (int i = 0; i < lane_count; i++) {
		tell_host(&lanes[i], 0);
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_OUT, generation);
		flush(&lanes[i]);
	}
}

void check_all(void)
{
	for (int i = 0; i < lane_count; i++)
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_IN, 0);
}

void settle_and_check(void)
{
	for (int i = 0; i < lane_count; i++) {
		wait_for_returns(&lanes[i]);
		compare_rings(&lanes[i]);
	}
	check_all();
}

u64 sum_of_wrong(void)
{
	u64 wrong = 0;

	for (int i = 0; i < lane_count; i++)
		wrong += lanes[i].wrong;
	return wrong;
}

static struct lane *spoiled_lane(void)
{
	return &lanes[lane_count - 1];
}

void spoil_something(void)
{
	struct lane *lane = spoiled_lane();

	lane->spoil_buffer = broken("buffer");
	lane->spoil_return = broken("twice");
	lane->spoil_interrupt = broken("interrupt");
	if (broken("sector"))
		generations[lane->first_chunk + 1]++;
}
