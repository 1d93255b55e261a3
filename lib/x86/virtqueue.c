// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtqueues of either format on any transport. See virtio.h. */
#include "virtqueue.h"

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

bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element)
{
	return queue->ops->get(queue, element);
}

bool virtqueue_has_used(const struct virtqueue *queue)
{
	return queue->ops->has_used(queue);
}

const char *virtqueue_describe(const struct virtqueue *queue, char *text, size_t size)
{
	return queue->ops->describe(queue, text, size);
}
