// SPDX-License-Identifier: GPL-2.0-or-later
/* Split virtqueues (VIRTIO 1.2, 2.7) on any transport. See virtio.h. */
#include "virtio.h"
#include "barrier.h"

void virtqueue_put(struct virtqueue *queue, u16 head)
{
	queue->avail->ring[queue->avail_idx++ % queue->size] = head;
}

void virtqueue_publish(struct virtqueue *queue, u16 idx)
{
	/* The entries must be written before the index. */
	smp_wmb();
	WRITE_ONCE(queue->avail->idx, idx);
}

void virtqueue_add(struct virtqueue *queue, u16 head)
{
	virtqueue_put(queue, head);
	virtqueue_publish(queue, queue->avail_idx);
}

/* Asks to be told of the next element, which may come meanwhile. */
static bool is_empty(struct virtqueue *queue)
{
	if (queue->used->idx != queue->last_used_idx)
		return false;
	if (!virtqueue_has_event_idx(queue))
		return true;
	*virtqueue_used_event(queue) = queue->last_used_idx;
	/* The event must be written before the index is read again. */
	smp_mb();
	return queue->used->idx == queue->last_used_idx;
}

bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element)
{
	volatile struct virtq_used_elem *at;

	if (is_empty(queue))
		return false;
	/* The index must be read before the element. */
	smp_rmb();
	at = &queue->used->ring[queue->last_used_idx % queue->size];
	element->id = at->id;
	element->len = at->len;
	queue->last_used_idx++;
	return true;
}
