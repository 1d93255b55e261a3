/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's side of virtio devices on PCI (VIRTIO 1.2: 2.7 "Split Virtqueues", 2.8 "Packed
 * Virtqueues", 3.1 "Device Initialization", 4.1 "Virtio Over PCI Bus", and the legacy interface in
 * the same sections). Names are the specification's.
 *
 * A driver opens a device, opens its queues, and sets DRIVER_OK. virtio_close() undoes all that. No
 * function here waits for a request: the caller looks for used elements.
 */
#ifndef X86_VIRTIO_H
#define X86_VIRTIO_H

#include "atomic.h"
#include "pci.h"
#include "virtio-defs.h"

/* Without VIRTIO_NET_F_MRG_RXBUF a legacy device has no num_buffers. */
struct virtio_net_hdr {
	u8 flags;
	u8 gso_type;
	u16 hdr_len;
	u16 gso_size;
	u16 csum_start;
	u16 csum_offset;
	u16 num_buffers;
};

/* A message of a console device's control queues. A name may follow. */
struct virtio_console_control {
	u32 id;
	u16 event;
	u16 value;
};

struct virtio_blk_req {
	u32 type;
	u32 reserved;
	u64 sector;
};

/* The sizes that a SCSI host device has until a driver sets others. */
#define VIRTIO_SCSI_CDB_SIZE   32
#define VIRTIO_SCSI_SENSE_SIZE 96

struct virtio_scsi_cmd_req {
	u8 lun[8];
	u64 id;
	u8 task_attr, prio, crn;
	u8 cdb[VIRTIO_SCSI_CDB_SIZE];
} __packed;

struct virtio_scsi_cmd_resp {
	u32 sense_len;
	u32 residual;
	u16 status_qualifier;
	u8 status, response;
	u8 sense[VIRTIO_SCSI_SENSE_SIZE];
} __packed;

/* A task management function, in the control queue. */
struct virtio_scsi_ctrl_tmf {
	u32 type, subtype;
	u8 lun[8];
	u64 id;
} __packed;

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

/* 2.8.13 */
struct virtq_packed_desc {
	u64 addr;
	u32 len;
	u16 id;
	u16 flags;
};

/* 2.8.14: where in the ring, and whether at all, one side wants to be told by the other. */
struct virtq_event {
	u16 off_wrap;
	u16 flags;
};

/* A part of a request: memory that the device reads, or that it writes. */
struct virtq_part {
	const volatile void *memory;
	u32 length;
	bool device_writes;
};

enum virtio_interface { VIRTIO_MODERN, VIRTIO_LEGACY };
enum virtio_interrupts { VIRTIO_POLLED, VIRTIO_INTX, VIRTIO_MSIX };

#define VIRTIO_MOST_QUEUES 14

struct virtio_device;
struct virtqueue_ops;

/* Where one side is in a packed ring. The wrap counter changes each time that it begins anew. */
struct virtq_position {
	u16 at;
	bool wrap;
};

struct virtqueue {
	struct virtio_device *device;
	const struct virtqueue_ops *ops; /* of a split or a packed ring */
	int index, cpu;
	u8 vector;
	u16 size; /* in descriptors, a power of two */
	/*
	 * The descriptor area, the driver area and the device area (2.6), as a split ring and as a
	 * packed ring. The device area has its own pages, which only the device writes.
	 */
	union {
		struct virtq_desc *desc;
		volatile struct virtq_packed_desc *ring;
	};
	union {
		struct virtq_avail *avail;
		volatile struct virtq_event *driver_event;
	};
	union {
		volatile struct virtq_used *used;
		volatile struct virtq_event *device_event;
	};
	void *memory;
	volatile void *notify; /* modern: where to write the queue's index */
	u16 avail_idx;	       /* how many requests were made available: the avail ring's idx */
	u16 last_used_idx;     /* how many returned requests the driver has seen */
	u16 kicked_idx;	       /* avail_idx at the last look whether the device wants to know */
	/* Packed ring: the next descriptor to make available, and the next that is returned. */
	struct virtq_position next, next_used;
	u16 put_since_kick; /* descriptors */
	u16 *chain_lengths; /* of each request that the device has, by id */
	/* The element that virtqueue_get() has looked at last. */
	const volatile void *last_element;
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

	/* MSI-X: how many entries the table has. */
	int msix_entries;
	/* Of virtio_open_config(): their entry, where they come to, and how many have come. */
	bool config_open;
	u16 config_entry;
	int config_cpu;
	u8 config_vector;
	atomic_t config_interrupts;

	unsigned complaints; /* since it was opened: virtio_complain() */
};

/* The first virtio device with this id, or PCIDEVADDR_INVALID. */
pcidevaddr_t virtio_find(u16 id);
/* The next one after `previous`. */
pcidevaddr_t virtio_find_next(u16 id, pcidevaddr_t previous);

/*
 * Resets the device, and initializes it up to FEATURES_OK with the features (bits) that the test
 * needs, and with those of `wanted` that the device offers. VIRTIO_F_VERSION_1 is added for the
 * modern interface. If there is no device, or it lacks the interface, the interrupts or a feature
 * that the test needs, reports a skip and returns false. Aborts if the device refuses.
 */
bool virtio_open(struct virtio_device *device, pcidevaddr_t pci, enum virtio_interface interface,
		 enum virtio_interrupts interrupts, u64 needed, u64 wanted);
/*
 * Sets queue `index` up. Its interrupts come to `cpu` with `vector`; with INTx, all queues share
 * the interrupts of the queue that was opened first. The queue has at most `size` descriptors, but
 * a legacy device decides that alone. Aborts if there is no such queue.
 */
void virtqueue_open(struct virtio_device *device, struct virtqueue *queue, int index, u16 size,
		    int cpu, u8 vector);
/*
 * Lets changes of the device's configuration interrupt `cpu` with `vector`. With MSI-X they have
 * the last entry of the table, and the caller checks whether the device has taken it. With INTx
 * they have the queues' line, which an open queue has routed.
 */
void virtio_open_config(struct virtio_device *device, int cpu, u8 vector);
/* MSI-X: the entry of the table that the device uses for changes of its configuration. */
u16 virtio_config_msix_entry(const struct virtio_device *device);
void virtio_driver_ok(struct virtio_device *device);
/* Where the device finds this memory: at its physical address, or elsewhere through an IOMMU. */
u64 virtio_dma_address(const struct virtio_device *device, const volatile void *memory);
/* Resets the device: writes 0 to the status, and waits until it reads as 0. */
void virtio_reset(struct virtio_device *device);
/*
 * For tests of a device that is half set up: if it is not NULL, virtio_open() and virtqueue_open()
 * call it after each write to a register of the device that follows the reset.
 */
extern void (*virtio_after_write)(void);
/* Resets the device, and frees its queues and interrupts. */
void virtio_close(struct virtio_device *device);

/*
 * Fails the test, and names the device. Further complaints say nothing new, so only the first few
 * are printed, and all are counted.
 */
void virtio_complain(struct virtio_device *device, const char *format, ...) __printf(2, 3);

u8 virtio_status(const struct virtio_device *device);
/* The ISR status. Reading it clears it, and lowers the line of INTx. */
u8 virtio_isr(const struct virtio_device *device);
u64 virtio_config_read(const struct virtio_device *device, unsigned offset, unsigned size);
void virtio_config_write(const struct virtio_device *device, unsigned offset, u32 value);

/*
 * Makes a request of COUNT parts available, without a notification. A used element names it by its
 * ID. In a split ring that is the first of its descriptors, and the next COUNT - 1 are its own too.
 */
void virtqueue_add(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count);
/*
 * The same in two steps, for a split ring. The device sees the request after the second. That
 * cannot be undone (2.7.13.3): a device may look at the ring at any time, without a notification.
 */
void virtqueue_put(struct virtqueue *queue, u16 id, const struct virtq_part *parts, int count);
void virtqueue_publish(struct virtqueue *queue, u16 idx);

/* Notifies the device, unless it has said that it needs no notification. */
void virtqueue_kick(struct virtqueue *queue);
/*
 * Gets the next used element. False if there is none. Then the device interrupts when there is one,
 * unless it is polled.
 */
bool virtqueue_get(struct virtqueue *queue, struct virtq_used_elem *element);
/*
 * Whether the driver should look for used elements: always if the device is polled, else only if an
 * interrupt has come since the last call. SEEN is the caller's count of interrupts, 0 at first.
 */
bool virtqueue_may_have_used(const struct virtqueue *queue, int *seen);
/* Whether the device has returned a request that virtqueue_get() has not got yet. */
bool virtqueue_has_used(const struct virtqueue *queue);
/* Says where driver and device are in the ring, for a message. */
const char *virtqueue_describe(const struct virtqueue *queue, char *text, size_t size);
/* How many chains the device has not returned yet. */
static inline u16 virtqueue_pending(const struct virtqueue *queue)
{
	return queue->avail_idx - queue->last_used_idx;
}

#endif
