/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's side of virtio devices on PCI (VIRTIO 1.2: 2.7 "Split Virtqueues", 3.1 "Device
 * Initialization", 4.1 "Virtio Over PCI Bus", and the legacy interface in the same sections). Names
 * are the specification's.
 *
 * A driver opens a device, opens its queues, and sets DRIVER_OK. virtio_close() undoes all that. No
 * function here waits for a request: the caller looks for used elements.
 */
#ifndef X86_VIRTIO_H
#define X86_VIRTIO_H

#include "atomic.h"
#include "pci.h"
#include "virtio-defs.h"

struct virtio_blk_req {
	u32 type;
	u32 reserved;
	u64 sector;
};

struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct virtq_avail {
	u16 flags;
	u16 idx;
	u16 ring[];
};

struct virtq_used_elem {
	u32 id;
	u32 len;
};

struct virtq_used {
	u16 flags;
	u16 idx;
	struct virtq_used_elem ring[];
};

enum virtio_interface { VIRTIO_MODERN, VIRTIO_LEGACY };
enum virtio_interrupts { VIRTIO_POLLED, VIRTIO_INTX, VIRTIO_MSIX };

#define VIRTIO_MOST_QUEUES 4

struct virtio_device;

struct virtqueue {
	struct virtio_device *device;
	int index, cpu;
	u8 vector;
	u16 size; /* in descriptors, a power of two */
	/* The used ring has its own pages, which only the device writes. */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	volatile struct virtq_used *used;
	void *memory;
	volatile void *notify; /* modern: where to write the queue's index */
	u16 avail_idx;	       /* the next entry of the available ring */
	u16 last_used_idx;     /* the next used element that the driver has not seen */
	u16 kicked_idx;	       /* avail_idx at the last look whether the device wants to know */
	/*
	 * How many interrupts have come that may be for this queue. INTx does not say for which
	 * queue.
	 */
	atomic_t interrupts;
};

struct virtio_device {
	pcidevaddr_t pci;
	u16 id;
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	u64 features;  /* the features that driver and device have agreed on */
	char name[48]; /* "virtio-blk 02.0 (legacy, INTx)" */
	struct virtqueue *queues[VIRTIO_MOST_QUEUES];

	/* Legacy: ports. Modern: the structures to which the capabilities point. */
	u16 ports;
	volatile u8 *common, *notify, *isr, *config;
	u32 notify_off_multiplier;
	/* INTx: how many interrupts came while the ISR status was 0. */
	atomic_t spurious;
};

/* The first virtio device with this id, or PCIDEVADDR_INVALID. */
pcidevaddr_t virtio_find(u16 id);
/* Whether the device has this interface, or this kind of interrupts, on this machine. */
bool virtio_has_interface(pcidevaddr_t device, enum virtio_interface interface);
bool virtio_has_interrupts(pcidevaddr_t device, enum virtio_interrupts interrupts);

/*
 * Resets the device, and initializes it up to FEATURES_OK with those of `features` (bits) that it
 * offers. VIRTIO_F_VERSION_1 is added for the modern interface. Aborts if the device refuses.
 */
void virtio_open(struct virtio_device *device, pcidevaddr_t pci, enum virtio_interface interface,
		 enum virtio_interrupts interrupts, u64 features);
/*
 * Sets queue `index` up. Its interrupts come to `cpu` with `vector`; with INTx, all queues share
 * the interrupts of the queue that was opened first. The queue has at most `size` descriptors, but
 * a legacy device decides that alone. Aborts if there is no such queue.
 */
void virtqueue_open(struct virtio_device *device, struct virtqueue *queue, int index, u16 size,
		    int cpu, u8 vector);
void virtio_driver_ok(struct virtio_device *device);
/* Resets the device: writes 0 to the status, and waits until it reads as 0. */
void virtio_reset(struct virtio_device *device);
/*
 * For tests of a device that is half set up: if it is not NULL, virtio_open() and virtqueue_open()
 * call it after each write to a register of the device that follows the reset.
 */
extern void (*virtio_after_write)(void);
/* Resets the device, and frees its queues and interrupts. */
void virtio_close(struct virtio_device *device);

u8 virtio_status(const struct virtio_device *device);
/* The ISR status. Reading it clears it, and lowers the line of INTx. */
u8 virtio_isr(const struct virtio_device *device);
u64 virtio_config_read(const struct virtio_device *device, unsigned offset, unsigned size);

/* Makes the chain that begins with descriptor `head` available, without a notification. */
void virtqueue_add(struct virtqueue *queue, u16 head);
/*
 * The same in two steps. The device sees the chain after the second. That cannot be undone
 * (2.7.13.3): a device may look at the ring at any time, without a notification.
 */
void virtqueue_put(struct virtqueue *queue, u16 head);
void virtqueue_publish(struct virtqueue *queue, u16 idx);
/*
 * With VIRTIO_F_EVENT_IDX each side says which entry it wants to be told of (2.7.7, 2.7.10). These
 * fields follow the rings.
 */
static inline bool virtqueue_has_event_idx(const struct virtqueue *queue)
{
	return queue->device->features & BIT(VIRTIO_F_EVENT_IDX);
}

static inline volatile u16 *virtqueue_used_event(const struct virtqueue *queue)
{
	return &queue->avail->ring[queue->size];
}

static inline volatile u16 *virtqueue_avail_event(const struct virtqueue *queue)
{
	return (volatile u16 *)&queue->used->ring[queue->size];
}

/* Notifies the device, unless it has said that it needs no notification. */
void virtqueue_kick(struct virtqueue *queue);
/*
 * Gets the next used element. False if there is none. Then the device interrupts when there is one,
 * unless it is polled.
 */
bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element);
/* How many chains the device has not returned yet. */
static inline u16 virtqueue_pending(const struct virtqueue *queue)
{
	return queue->avail_idx - queue->last_used_idx;
}

#endif
