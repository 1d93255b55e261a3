// SPDX-License-Identifier: GPL-2.0-or-later
/* net: the two ports and their control queue. A part of the program net: see net.c. */
#include "alloc_page.h"
#include "deadline.h"
#include "test.h"
#include "vm.h"
#include "x86/net/net.h"

#define QUEUE_SIZE 128
#define VECTOR	   0x60
/* After the receiver's queues and the sender's one. */
#define CONFIG_VECTOR (VECTOR + QUEUES + 1)

/* Where the parts of a command are in its page. */
#define COMMAND_DATA_AT 64
#define COMMAND_ACK_AT	2048
#define ACK_UNTOUCHED	0xff

struct port sender, receiver;

FEATURE(TWO_PORTS, "two virtio-net devices, which the VMM connects")
{
	pcidevaddr_t first = virtio_find(VIRTIO_ID_NET);

	return first != PCIDEVADDR_INVALID &&
	       virtio_find_next(VIRTIO_ID_NET, first) != PCIDEVADDR_INVALID;
}

static bool open_port(struct port *port, pcidevaddr_t pci, enum virtio_interface interface,
		      enum virtio_interrupts interrupts, u64 features)
{
	struct virtio_device *device = &port->device;

	memset(port, 0, sizeof(*port));
	if (!virtio_open(device, pci, interface, interrupts, features, BIT(VIRTIO_NET_F_MAC)))
		return false;
	/* 5.1.6.1 "Legacy Interface": num_buffers is there only if buffers are merged. */
	port->header_bytes =
		interface == VIRTIO_LEGACY && !(device->features & BIT(VIRTIO_NET_F_MRG_RXBUF))
			? offsetof(struct virtio_net_hdr, num_buffers)
			: sizeof(struct virtio_net_hdr);
	for (int i = 0; i < MAC_BYTES; i++)
		port->mac[i] = virtio_config_read(device, i, 1);
	return true;
}

bool open_ports(const struct kind *kind)
{
	pcidevaddr_t first = virtio_find(VIRTIO_ID_NET);
	pcidevaddr_t second = virtio_find_next(VIRTIO_ID_NET, first);

	if (!open_port(&sender, first, kind->interface, VIRTIO_POLLED, 0))
		return false;
	if (!open_port(&receiver, second, kind->interface, kind->interrupts, kind->features)) {
		virtio_close(&sender.device);
		return false;
	}
	for (int i = RECEIVEQ; i < QUEUES; i++)
		if (i != CONTROLQ || kind->features & BIT(VIRTIO_NET_F_CTRL_VQ))
			virtqueue_open(&receiver.device, &receiver.queues[i], i, QUEUE_SIZE, 0,
				       VECTOR + i);
	virtqueue_open(&sender.device, &sender.queues[TRANSMITQ], TRANSMITQ, QUEUE_SIZE, 0,
		       VECTOR + QUEUES);
	if (kind->features & BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))
		virtio_open_config(&receiver.device, 0, CONFIG_VECTOR);
	receiver.command = alloc_page();
	virtio_driver_ok(&receiver.device);
	virtio_driver_ok(&sender.device);
	return true;
}

void close_ports(void)
{
	virtio_close(&sender.device);
	virtio_close(&receiver.device);
	free_page(receiver.command);
}

bool command(u8 class, u8 code, const void *data, u32 bytes)
{
	struct virtqueue *queue = &receiver.queues[CONTROLQ];
	u8 *page = receiver.command;
	volatile u8 *ack = page + COMMAND_ACK_AT;
	struct virtq_part parts[3] = { { page, 2, false } };
	struct virtq_used_elem element;
	char where[200];
	int count = 1;

	page[0] = class;
	page[1] = code;
	memcpy(page + COMMAND_DATA_AT, data, bytes);
	*ack = ACK_UNTOUCHED;
	if (bytes)
		parts[count++] = (struct virtq_part){ page + COMMAND_DATA_AT, bytes, false };
	parts[count++] = (struct virtq_part){ ack, 1, true };
	virtqueue_add(queue, 0, parts, count);
	virtqueue_kick(queue);
	if (!wait_until(virtqueue_get(queue, &element), ARRIVE_MS)) {
		complain("the control queue does not return command %u of class %u: %s", code,
			 class, virtqueue_describe(queue, where, sizeof(where)));
		return false;
	}
	if (*ack != VIRTIO_NET_OK)
		complain("command %u of class %u is answered by %u, not by VIRTIO_NET_OK", code,
			 class, *ack);
	return *ack == VIRTIO_NET_OK;
}
