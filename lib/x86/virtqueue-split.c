// SPDX-License-Identifier: GPL-2.0-or-later
/* Split virtqueues (VIRTIO 1.2, 2.7) on any transport. See virtqueue.h. */
#include "alloc_page.h"
#include "barrier.h"
#include "virtqueue.h"
#include "vm.h"

/* 2.7.2 "Legacy Interfaces: A Note on Virtqueue Layout". Modern rings have the same layout here. */
static void lay_out(struct virtqueue *queue)
{
	size_t driver_part = sizeof(struct virtq_desc) * queue->size + sizeof(struct virtq_avail) +
			     2 * queue->size + 2;
	size_t used_at = ALIGN(driver_part, (size_t)VIRTIO_LEGACY_ALIGN);
	size_t device_part =
		sizeof(struct virtq_used) + sizeof(struct virtq_used_elem) * queue->size + 2;

	queue->memory = alloc_pages(page_order(used_at + device_part));
	queue->desc = queue->memory;
	queue->avail = (void *)(queue->desc + queue->size);
	queue->used = (void *)((u8 *)queue->memory + used_at);
}

static void put(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count)
{
	for (int i = 0; i < count; i++)
		queue->desc[id + i] = (struct virtq_desc){
			.addr = virtio_dma_address(queue->device, parts[i].memory),
			.len = parts[i].length,
			.flags = (parts[i].device_writes ? VIRTQ_DESC_F_WRITE : 0) |
				 (i < count - 1 ? VIRTQ_DESC_F_NEXT : 0),
			.next = i < count - 1 ? id + i + 1 : 0,
		};
	queue->avail->ring[queue->avail_idx++ % queue->size] = id;
}

static void publish(struct virtqueue *queue, u16 idx)
{
	/* The entries must be written before the index. */
	smp_wmb();
	WRITE_ONCE(queue->avail->idx, idx);
}

static bool has_used(const struct virtqueue *queue)
{
	return queue->used->idx != queue->last_used_idx;
}

/*
 * With VIRTIO_F_EVENT_IDX each side says which entry it wants to be told of (2.7.7, 2.7.10). These
 * fields follow the rings.
 */
static volatile u16 *used_event(const struct virtqueue *queue)
{
	return &queue->avail->ring[queue->size];
}

static volatile u16 *avail_event(const struct virtqueue *queue)
{
	return (volatile u16 *)&queue->used->ring[queue->size];
}

static void set_used_event(struct virtqueue *queue)
{
	*used_event(queue) = queue->last_used_idx;
}

static const volatile void *take(struct virtqueue *queue, struct virtq_used_elem *element)
{
	volatile struct virtq_used_elem *at =
		&queue->used->ring[queue->last_used_idx % queue->size];

	element->id = at->id;
	element->len = at->len;
	return at;
}

static void disable_interrupts(struct virtqueue *queue)
{
	queue->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
}

/* Whether the entry that the device waits for is among those since the last look (2.7.10.2). */
static bool wants_notification(struct virtqueue *queue)
{
	u16 before = queue->kicked_idx, now = READ_ONCE(queue->avail->idx);

	if (!virtqueue_has_event_idx(queue))
		return !(queue->used->flags & VIRTQ_USED_F_NO_NOTIFY);
	queue->kicked_idx = now;
	return (u16)(now - *avail_event(queue) - 1) < (u16)(now - before);
}

static const char *describe(const struct virtqueue *queue, char *text, size_t size)
{
	snprintf(text, size, "avail idx %u, used idx %u (physical 0x%lx), of which %u were seen",
		 queue->avail_idx, queue->used->idx, virt_to_phys((const void *)&queue->used->idx),
		 queue->last_used_idx);
	return text;
}

const struct virtqueue_ops split_ring = {
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
