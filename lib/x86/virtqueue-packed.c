// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packed virtqueues (VIRTIO 1.2, 2.8) on any transport. See virtqueue.h.
 *
 * Driver and device share one ring of descriptors. Each side goes round it, and has a wrap counter
 * that begins as 1 and changes at the end of the ring. A descriptor is available if its bit AVAIL
 * is the driver's wrap counter and its bit USED is not. It is used if both are the device's.
 */
#include "alloc_page.h"
#include "barrier.h"
#include "virtqueue.h"
#include "vm.h"

static void lay_out(struct virtqueue *queue)
{
	size_t ring = sizeof(struct virtq_packed_desc) * queue->size;
	size_t lengths_at = ring + sizeof(struct virtq_event);
	size_t device_at = ALIGN(lengths_at + sizeof(u16) * queue->size, PAGE_SIZE);
	u8 *memory = alloc_pages(page_order(device_at + sizeof(struct virtq_event)));

	queue->memory = memory;
	queue->ring = (void *)memory;
	queue->driver_event = (void *)(memory + ring);
	queue->chain_lengths = (void *)(memory + lengths_at);
	queue->device_event = (void *)(memory + device_at);
	queue->next.wrap = queue->next_used.wrap = true;
	if (virtqueue_has_event_idx(queue)) {
		queue->driver_event->off_wrap = 1u << RING_EVENT_WRAP;
		queue->driver_event->flags = RING_EVENT_FLAGS_DESC;
	}
}

static void advance(const struct virtqueue *queue, struct virtq_position *position, u16 count)
{
	position->at += count;
	if (position->at >= queue->size) {
		position->at -= queue->size;
		position->wrap = !position->wrap;
	}
}

/* The flags of the first descriptor make the whole list available, so they are written last. */
static void put(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count)
{
	u16 first = queue->next.at, flags_of_first = 0;

	for (int i = 0; i < count; i++) {
		volatile struct virtq_packed_desc *desc = &queue->ring[queue->next.at];
		u16 flags = (parts[i].device_writes ? VIRTQ_DESC_F_WRITE : 0) |
			    (i < count - 1 ? VIRTQ_DESC_F_NEXT : 0) |
			    BIT(queue->next.wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED);

		desc->addr = virtio_dma_address(queue->device, parts[i].memory);
		desc->len = parts[i].length;
		desc->id = id;
		if (i)
			desc->flags = flags;
		else
			flags_of_first = flags;
		advance(queue, &queue->next, 1);
	}
	queue->chain_lengths[id] = count;
	queue->put_since_kick += count;
	queue->avail_idx++;
	smp_wmb();
	queue->ring[first].flags = flags_of_first;
}

static void publish(struct virtqueue *queue, u16 idx)
{
	assert(idx == queue->avail_idx);
}

static bool has_used(const struct virtqueue *queue)
{
	u16 flags = queue->ring[queue->next_used.at].flags;
	bool avail = flags & BIT(VIRTQ_DESC_F_AVAIL), used = flags & BIT(VIRTQ_DESC_F_USED);

	return avail == used && used == queue->next_used.wrap;
}

static void set_used_event(struct virtqueue *queue)
{
	queue->driver_event->off_wrap = queue->next_used.at | queue->next_used.wrap
								      << RING_EVENT_WRAP;
}

/* The device writes one descriptor for a request, and skips as many as the request had. */
static const volatile void *take(struct virtqueue *queue, struct virtq_used_elem *element)
{
	volatile struct virtq_packed_desc *at = &queue->ring[queue->next_used.at];

	element->id = at->id;
	element->len = at->len;
	/* With an id that was never given, the driver cannot know where the next element is. */
	if (at->id < queue->size)
		advance(queue, &queue->next_used, MAX(1, queue->chain_lengths[at->id]));
	return at;
}

static void disable_interrupts(struct virtqueue *queue)
{
	queue->driver_event->flags = RING_EVENT_FLAGS_DISABLE;
}

static bool wants_notification(struct virtqueue *queue)
{
	u16 flags = queue->device_event->flags, off_wrap, event;
	u16 now = queue->next.at, put_since = queue->put_since_kick;

	queue->put_since_kick = 0;
	if (flags != RING_EVENT_FLAGS_DESC)
		return flags == RING_EVENT_FLAGS_ENABLE;
	/* The flags must be read before the offset. */
	smp_rmb();
	off_wrap = queue->device_event->off_wrap;
	event = off_wrap & (BIT(RING_EVENT_WRAP) - 1);
	/* An event in the driver's last lap lies before the ring's begin. */
	if (off_wrap >> RING_EVENT_WRAP != queue->next.wrap)
		event -= queue->size;
	return (u16)(now - event - 1) < put_since;
}

static const char *describe(const struct virtqueue *queue, char *text, size_t size)
{
	volatile struct virtq_packed_desc *at = &queue->ring[queue->next_used.at];

	snprintf(
		text, size,
		"%u were given, %u seen returned; next descriptor %u (wrap counter %d), next used %u (%d, physical 0x%lx), whose flags are 0x%x",
		queue->avail_idx, queue->last_used_idx, queue->next.at, queue->next.wrap,
		queue->next_used.at, queue->next_used.wrap, virt_to_phys((const void *)at),
		at->flags);
	return text;
}

const struct virtqueue_ops packed_ring = {
	.lay_out = lay_out,
	.put = put,
	.publish = publish,
	.has_used = has_used,
	.set_used_event = set_used_event,
	.take = take,
	.disable_interrupts = disable_interrupts,
	.wants_notification = wants_notification,
	.describe = describe,
};
