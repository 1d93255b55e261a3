/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver's side of virtio devices on PCI (VIRTIO 1.2: 2.7 "Split Virtqueues", 3.1 "Device
 * Initialization", 4.1 "Virtio Over PCI Bus", and the legacy interface that these describe
 * along with it). Names are the specification's.
 *
 * A device is opened, gets its queues, and is told DRIVER_OK; virtio_close() takes all of it
 * back. Nothing here waits for a device to finish a request: the caller looks whether it has.
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
	u16 size; /* descriptors; a power of two */
	/* The used ring has pages to itself, which only the device writes. */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	volatile struct virtq_used *used;
	void *memory;
	volatile void *notify; /* modern: where to write the index */
	u16 avail_idx;	       /* of the entries that are in the ring */
	u16 last_used_idx;     /* what the driver has seen */
	/* Interrupts that may be this queue's: MSI-X tells queues apart, INTx does not. */
	atomic_t interrupts;
};

struct virtio_device {
	pcidevaddr_t pci;
	u16 id;
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	u64 features;  /* that driver and device agreed on */
	char name[48]; /* "virtio-blk 02.0 (legacy, INTx)" */
	struct virtqueue *queues[VIRTIO_MOST_QUEUES];

	/* Legacy: ports. Modern: the structures that capabilities point to. */
	u16 ports;
	volatile u8 *common, *notify, *isr, *config;
	u32 notify_off_multiplier;
	/* INTx: interrupts that came while the ISR status was 0. */
	atomic_t spurious;
};

/* The first with this id, PCIDEVADDR_INVALID if there is none. */
pcidevaddr_t virtio_find(u16 id);
/* Whether it has this interface, or this kind of interrupts, on this machine. */
bool virtio_has_interface(pcidevaddr_t device, enum virtio_interface interface);
bool virtio_has_interrupts(pcidevaddr_t device, enum virtio_interrupts interrupts);

/*
 * Resets the device, and takes it up to FEATURES_OK with those of FEATURES (bits) that it
 * offers. VIRTIO_F_VERSION_1 goes with the modern interface by itself.
 */
void virtio_open(struct virtio_device *device, pcidevaddr_t pci, enum virtio_interface interface,
		 enum virtio_interrupts interrupts, u64 features);
/*
 * Queue INDEX, whose interrupts go to CPU at VECTOR; INTx has one vector and CPU for all
 * queues, that of the first that is opened. SIZE is the most descriptors that it is to have:
 * a legacy device decides that alone.
 */
void virtqueue_open(struct virtio_device *device, struct virtqueue *queue, int index, u16 size,
		    int cpu, u8 vector);
void virtio_driver_ok(struct virtio_device *device);
/* Writes 0 to the status, and waits until the device says that it is reset. */
void virtio_reset(struct virtio_device *device);
/* Resets it, and gives all back. */
void virtio_close(struct virtio_device *device);

u8 virtio_status(const struct virtio_device *device);
/* Reading it clears it, and takes INTx back. */
u8 virtio_isr(const struct virtio_device *device);
u64 virtio_config_read(const struct virtio_device *device, unsigned offset, unsigned size);

/* Makes the chain that begins with descriptor HEAD available, without a word to the device. */
void virtqueue_add(struct virtqueue *queue, u16 head);
/*
 * The same in two steps. Between the two the device cannot see the chain. What was published
 * cannot be taken back (2.7.13.3): a device may look at the ring at any time, unasked.
 */
void virtqueue_put(struct virtqueue *queue, u16 head);
void virtqueue_publish(struct virtqueue *queue, u16 idx);
/* Tells the device, unless it says that it looks by itself. */
void virtqueue_kick(struct virtqueue *queue);
/* The next used element, if there is one. */
bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element);
/* What the device has not yet returned. */
static inline u16 virtqueue_pending(const struct virtqueue *queue)
{
	return queue->avail_idx - queue->last_used_idx;
}

#endif
