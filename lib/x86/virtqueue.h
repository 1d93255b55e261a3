/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a ring of each format does, for the files that implement virtio.h. Drivers include virtio.h
 * alone.
 */
#ifndef X86_VIRTQUEUE_H
#define X86_VIRTQUEUE_H

#include "virtio.h"

struct virtqueue_ops {
	/* Allocates the areas of a queue whose size is known. virtio_close() frees its memory. */
	void (*lay_out)(struct virtqueue *queue);
	void (*put)(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count);
	void (*publish)(struct virtqueue *queue, u16 idx);
	bool (*has_used)(const struct virtqueue *queue);
	/* Asks to be told of the next used element. Only with VIRTIO_F_EVENT_IDX. */
	void (*set_used_event)(struct virtqueue *queue);
	/* Reads the next used element, which is there, and returns where it is. */
	const volatile void *(*take)(struct virtqueue *queue, struct virtq_used_elem *element);
	/* The device need not interrupt. */
	void (*disable_interrupts)(struct virtqueue *queue);
	/* Whether the device asks to be notified of what was made available since the last call. */
	bool (*wants_notification)(struct virtqueue *queue);
	const char *(*describe)(const struct virtqueue *queue, char *text, size_t size);
};

extern const struct virtqueue_ops split_ring, packed_ring;

static inline bool virtqueue_has_event_idx(const struct virtqueue *queue)
{
	return queue->device->features & BIT(VIRTIO_F_EVENT_IDX);
}

#endif
