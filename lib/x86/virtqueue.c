// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtqueues of either format on any transport. See virtio.h. */
#include "virtqueue.h"
#include "barrier.h"

void virtqueue_put(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count)
{
	queue->ops->put(queue, id, parts, count);
}

void virtqueue_publish(struct virtqueue *queue, u16 idx)
{
	queue->ops->publish(queue, idx);
}

void virtqueue_add(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count)
{
	virtqueue_put(queue, id, parts, count);
	virtqueue_publish(queue, queue->avail_idx);
}

/* Asks to be told of the next element, which may come meanwhile (2.7.7, 2.8.10). */
static bool is_empty(struct virtqueue *queue)
{
	if (queue->ops->has_used(queue))
		return false;
	if (!virtqueue_has_event_idx(queue))
		return true;
	queue->ops->set_used_event(queue);
	/* The event must be written before the ring is looked at again. */
	smp_mb();
	return !queue->ops->has_used(queue);
}

bool virtqueue_may_have_used(const struct virtqueue *queue, int *seen)
{
	int interrupts = atomic_read(&queue->interrupts);

	if (queue->device->interrupts != VIRTIO_POLLED && interrupts == *seen)
		return false;
	*seen = interrupts;
	return true;
}

bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element)
{
	if (is_empty(queue))
		return false;
	/* That there is an element must be read before the element. */
	smp_rmb();
	queue->last_element = queue->ops->take(queue, element);
	queue->last_used_idx++;
	return true;
}

bool virtqueue_has_used(const struct virtqueue *queue)
{
	return queue->ops->has_used(queue);
}

const char *virtqueue_describe(const struct virtqueue *queue, char *text, size_t size)
{
	return queue->ops->describe(queue, text, size);
}
