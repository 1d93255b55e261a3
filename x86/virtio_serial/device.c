// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: the device, and what it and its driver say on the control queues (VIRTIO 1.2,
 * 5.3.6.2 "Multiport Device Operation"). A part of the program virtio_serial: see virtio_serial.c.
 */
#include "alloc_page.h"
#include "deadline.h"
#include "test.h"
#include "vm.h"
#include "x86/virtio_serial/virtio_serial.h"

#define QUEUE_SIZE 128
#define VECTOR	   0x60

/* Where the messages are in their page. */
#define MESSAGES      16
#define MESSAGE_BYTES 64
#define MESSAGES_AT   2048

const struct kind modern_polled = { VIRTIO_MODERN, VIRTIO_POLLED, BIT(VIRTIO_CONSOLE_F_MULTIPORT) };
const struct kind modern_msix = { VIRTIO_MODERN, VIRTIO_MSIX, BIT(VIRTIO_CONSOLE_F_MULTIPORT) };
const struct kind legacy_intx = { VIRTIO_LEGACY, VIRTIO_INTX, BIT(VIRTIO_CONSOLE_F_MULTIPORT) };
const struct kind packed_msix = { VIRTIO_MODERN, VIRTIO_MSIX,
				  BIT(VIRTIO_CONSOLE_F_MULTIPORT) | BIT(VIRTIO_F_RING_PACKED) };

struct serial serial;

static const char *const names[PORTS] = {
	[LOOP_PORT] = "ferry.loop",
	[ENDING_PORT] = "ferry.ending",
	[BLOCKING_PORT] = "ferry.blocking",
	[ABSENT_PORT] = "ferry.absent",
};

FEATURE(SERIAL, "a virtio-serial device")
{
	return virtio_find(VIRTIO_ID_CONSOLE) != PCIDEVADDR_INVALID;
}

bool is_port(u32 id)
{
	return id == CONSOLE_PORT || (id < PORTS && names[id]);
}

struct virtqueue *receiveq(u32 port)
{
	return &serial.queues[port == 0 ? 0 : 2 * (port + 1)];
}

struct virtqueue *transmitq(u32 port)
{
	return receiveq(port) + 1;
}

static bool has_ports(void)
{
	return serial.device.features & BIT(VIRTIO_CONSOLE_F_MULTIPORT);
}

/* ---- messages from the device ---- */

static u8 *message_at(u32 index)
{
	return serial.messages + MESSAGES_AT + index * MESSAGE_BYTES;
}

static void give_message(u32 index)
{
	const struct virtq_part part = { message_at(index), MESSAGE_BYTES, true };

	memset(message_at(index), 0xff, MESSAGE_BYTES);
	virtqueue_add(&serial.queues[CONTROL_RECEIVEQ], index, &part, 1);
}

static void note_name(struct port *port, u32 id, const char *name, u32 bytes)
{
	port->names++;
	snprintf(port->name, sizeof(port->name), "%.*s", (int)bytes, name);
	if (!names[id] || strcmp(port->name, names[id]))
		complain("port %u is called \"%s\", and not \"%s\"", id, port->name,
			 names[id] ?: "");
}

static void note_message(const struct virtio_console_control *message, u32 bytes)
{
	struct port *port;

	if (bytes < sizeof(*message) || bytes > MESSAGE_BYTES || !is_port(message->id)) {
		complain(
			"a control message has %u bytes, port %u, event %u and value %u, and there is no such port or message",
			bytes, message->id, message->event, message->value);
		return;
	}
	port = &serial.ports[message->id];
	switch (message->event) {
	case VIRTIO_CONSOLE_PORT_ADD:
		port->adds++;
		break;
	case VIRTIO_CONSOLE_CONSOLE_PORT:
		port->consoles++;
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		port->host_is_open = message->value;
		if (message->value)
			port->opens++;
		else
			port->closes++;
		break;
	case VIRTIO_CONSOLE_PORT_NAME:
		note_name(port, message->id, (const char *)(message + 1), bytes - sizeof(*message));
		break;
	default:
		complain("port %u: the device sends event %u with value %u", message->id,
			 message->event, message->value);
	}
}

void take_messages(void)
{
	struct virtqueue *queue = &serial.queues[CONTROL_RECEIVEQ];
	struct virtq_used_elem element;
	bool any = false;

	if (!virtqueue_may_have_used(queue, &serial.interrupts_seen))
		return;
	while (virtqueue_get(queue, &element)) {
		if (element.id >= MESSAGES) {
			complain("the device returns buffer %u for messages, and there are %u",
				 element.id, MESSAGES);
			continue;
		}
		note_message((const struct virtio_console_control *)message_at(element.id),
			     element.len);
		give_message(element.id);
		any = true;
	}
	if (any)
		virtqueue_kick(queue);
}

/* ---- messages to the device ---- */

static bool send_message(u32 port, u16 event, u16 value, u32 milliseconds)
{
	struct virtqueue *queue = &serial.queues[CONTROL_TRANSMITQ];
	struct virtio_console_control *message = (struct virtio_console_control *)serial.messages;
	const struct virtq_part part = { message, sizeof(*message), false };
	struct virtq_used_elem element;

	*message = (struct virtio_console_control){ port, event, value };
	virtqueue_add(queue, 0, &part, 1);
	virtqueue_kick(queue);
	return wait_until((take_messages(), virtqueue_get(queue, &element)), milliseconds);
}

void tell(u32 port, u16 event, u16 value)
{
	char where[200];

	if (!send_message(port, event, value, ARRIVE_MS))
		complain("event %u of port %u is not returned: %s", event, port,
			 virtqueue_describe(&serial.queues[CONTROL_TRANSMITQ], where,
					    sizeof(where)));
}

bool takes_messages(void)
{
	return send_message(ABSENT_PORT, VIRTIO_CONSOLE_PORT_OPEN, 0, ARRIVE_MS / 5);
}

static bool are_all_added(void)
{
	take_messages();
	for (u32 id = 0; id < PORTS; id++)
		if (is_port(id) && !serial.ports[id].adds)
			return false;
	return true;
}

static const char *describe_messages(char *text, size_t size)
{
	const struct virtqueue *queue = &serial.queues[CONTROL_RECEIVEQ];
	int at = snprintf(text, size, "%d interrupts; ", atomic_read(&queue->interrupts));

	virtqueue_describe(queue, text + at, size - at);
	return text;
}

void add_ports(void)
{
	char where[200];

	tell(-1u, VIRTIO_CONSOLE_DEVICE_READY, 1);
	if (!wait_until(are_all_added(), ARRIVE_MS))
		complain("the device does not add all its ports: %s",
			 describe_messages(where, sizeof(where)));
}

/* Other messages of the port come before its name, or directly behind it. */
static bool is_told(u32 id)
{
	take_messages();
	return names[id] ? serial.ports[id].names : serial.ports[id].consoles;
}

void get_port_ready(u32 id)
{
	char where[200];

	tell(id, VIRTIO_CONSOLE_PORT_READY, 1);
	if (!wait_until(is_told(id), ARRIVE_MS))
		complain("the driver is ready for port %u, and the device does not say %s: %s", id,
			 names[id] ? "its name" : "that it is a console",
			 describe_messages(where, sizeof(where)));
}

void shake_hands(void)
{
	add_ports();
	for (u32 id = 0; id < PORTS && !sum_of_wrong(); id++)
		if (is_port(id))
			get_port_ready(id);
}

/* ---- opening and closing ---- */

static u64 configuration(void)
{
	return virtio_config_read(&serial.device, VIRTIO_CONSOLE_CONFIG_COLS, 8);
}

void check_configuration(void)
{
	if (configuration() != serial.configuration)
		complain("the configuration is 0x%lx after the action, and was 0x%lx",
			 configuration(), serial.configuration);
}

bool open_serial(const struct kind *kind)
{
	memset(&serial, 0, sizeof(serial));
	if (!virtio_open(&serial.device, virtio_find(VIRTIO_ID_CONSOLE), kind->interface,
			 kind->interrupts, kind->features, BIT(VIRTIO_CONSOLE_F_EMERG_WRITE)))
		return false;
	for (u32 id = 0; id < PORTS; id++)
		if (id == 0 || has_ports())
			for (int i = 0; i < 2; i++) {
				struct virtqueue *queue = receiveq(id) + i;
				int index = queue - serial.queues;

				virtqueue_open(&serial.device, queue, index, QUEUE_SIZE, 0,
					       VECTOR + index);
			}
	serial.messages = alloc_page();
	serial.configuration = configuration();
	if (has_ports()) {
		for (int i = CONTROL_RECEIVEQ; i <= CONTROL_TRANSMITQ; i++)
			virtqueue_open(&serial.device, &serial.queues[i], i, QUEUE_SIZE, 0,
				       VECTOR + i);
		for (u32 i = 0; i < MESSAGES; i++)
			give_message(i);
	}
	virtio_driver_ok(&serial.device);
	if (has_ports())
		virtqueue_kick(&serial.queues[CONTROL_RECEIVEQ]);
	return true;
}

void close_serial(void)
{
	virtio_close(&serial.device);
	free_page(serial.messages);
}
