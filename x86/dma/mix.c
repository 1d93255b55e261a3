// SPDX-License-Identifier: GPL-2.0-or-later
/* dma: many requests, and waiting for them. A part of the program dma: see dma.c. */
#include "ioapic.h"
#include "processor.h"
#include "random.h"
#include "smp.h"
#include "vm.h"
#include "x86/dma/dma.h"

/* One in so many requests is a flush. */
#define FLUSH_EVERY 16

/* The CPU that waits for the host has to look for an answer after so many requests. */
#define REQUESTS_PER_TURN 4

static atomic_t stop;

static u64 chunk_at(const struct lane *lane, u64 position)
{
	return lane->first_chunk + shuffled(position, lane->multiplier, lane->seed, lane->chunks);
}

/*
 * The next request of the lane: a write to the next chunk, then a read of a chunk that was
 * written a while ago, and so on. When a chunk's next request is made, its last one has been
 * returned, since more requests lie between them than there are buffers.
 */
static void make_next(struct lane *lane, struct request *request)
{
	u64 n = lane->made - lane->made / FLUSH_EVERY;
	u64 position = n / 2, chunk;

	if (lane->made % FLUSH_EVERY == FLUSH_EVERY - 1) {
		make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	} else if (n % 2 == 0) {
		chunk = chunk_at(lane, position);
		make_available(lane, request, VIRTIO_BLK_T_OUT, chunk, ++generations[chunk]);
	} else {
		chunk = chunk_at(lane, position - lane->kind->requests);
		make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
	}
}

static void turn(struct lane *lane)
{
	struct request *request;
	unsigned made = 0;

	take_returned(lane);
	while (made < REQUESTS_PER_TURN && (request = next_request(lane))) {
		make_next(lane, request);
		made++;
	}
	if (made)
		virtqueue_kick(&lane->queue);
}

static void turn_until_stop(void *data)
{
	while (!atomic_read(&stop)) {
		turn(data);
		/* Without this, an emulator with one thread runs this CPU for 100 ms at a time. */
		pause();
	}
}

static void turn_of_first(void)
{
	turn(&lanes[0]);
}

/* An IOAPIC that still waits for an EOI sends no interrupt, so its Remote IRR tells whose fault it
 * is. */
static void describe_line(char *text, unsigned size)
{
	u64 entry = ioapic_read_entry(pci_intx_pin(disk.pci));

	snprintf(text, size, " (the IOAPIC's Remote IRR is %d)", !!(entry & IOAPIC_REMOTE_IRR));
}

/* Names a request that the device still has, or has returned without an interrupt. */
static void complain_of_missing(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;
	struct request *request = NULL;
	char line[40] = "", where[200];

	lane->stuck = true;
	for (unsigned i = 0; i < lane->kind->requests && !request; i++)
		if (lane->requests[i].in_flight)
			request = &lane->requests[i];
	if (lane->kind->interrupts == VIRTIO_INTX)
		describe_line(line, sizeof(line));
	complain(lane, request, "not returned%s: %s; %s; %d interrupts; device status 0x%x", line,
		 virtqueue_describe(queue, where, sizeof(where)),
		 virtqueue_has_used(queue) ? "it was, and no interrupt told so"
					   : "the device still has it",
		 atomic_read(&queue->interrupts), virtio_status(&disk));
}

void wait_for_returns(struct lane *lane)
{
	if (lane->stuck)
		return;
	if (!wait_until((take_returned(lane), lane->made == lane->returned), RETURN_MS))
		complain_of_missing(lane);
}

void compare_rings(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;

	if (lane->stuck)
		return;
	/* A packed ring has no indices. */
	if (!lane->kind->packed &&
	    (queue->used->idx != queue->avail_idx || queue->avail->idx != queue->avail_idx))
		complain(
			lane, NULL,
			"all was returned, but avail idx is %u (physical 0x%lx) and used idx %u (physical 0x%lx), and both may only be %u",
			queue->avail->idx, virt_to_phys(&queue->avail->idx), queue->used->idx,
			virt_to_phys((const void *)&queue->used->idx), queue->avail_idx);
	for (unsigned i = 0; i < lane->kind->requests; i++)
		check_if_due(lane, &lane->requests[i]);
}

void make_for_all_chunks(struct lane *lane, u32 type, u64 generation)
{
	u64 done = 0;
	struct request *request;
	struct deadline deadline;

	deadline_start(&deadline, RETURN_MS);
	while (done < lane->chunks && !lane->stuck) {
		u64 chunk = lane->first_chunk + done;

		if (deadline_passed(&deadline))
			complain_of_missing(lane);
		take_returned(lane);
		request = next_request(lane);
		if (!request)
			continue;
		if (type == VIRTIO_BLK_T_OUT)
			generations[chunk] = generation;
		make_available(lane, request, type, chunk, generations[chunk]);
		virtqueue_kick(&lane->queue);
		deadline_start(&deadline, RETURN_MS);
		done++;
	}
	wait_for_returns(lane);
	compare_rings(lane);
}

void flush(struct lane *lane)
{
	struct request *request = next_request(lane);

	if (!request)
		return;
	make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	virtqueue_kick(&lane->queue);
	wait_for_returns(lane);
}

void work_and_migrate(void)
{
	atomic_set(&stop, 0);
	for (int i = 1; i < lane_count; i++)
		on_cpu_async(lanes[i].cpu, turn_until_stop, &lanes[i]);
	turn_of_first();
	migrate_quiet_while(turn_of_first);
	atomic_set(&stop, 1);
	for (int i = 1; i < lane_count; i++)
		on_cpu_wait(lanes[i].cpu);
}
