/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program virtio_serial share: the device, its ports, and records that are
 * sent to a port and come back from it. The head of virtio_serial.c explains the tests.
 */
#ifndef VIRTIO_SERIAL_H
#define VIRTIO_SERIAL_H

#include "host.h"
#include "libcflat.h"
#include "virtio.h"

#define ACTIONS_PER_TEST 2

/* How long a message, a record, or a buffer that is given back may take. */
#define ARRIVE_MS 10000

/* The ports, as unittests.cfg has them. There is no port 3. */
enum {
	CONSOLE_PORT,	   /* a console behind a terminal of the host, which echoes */
	LOOP_PORT,	   /* a port behind another one */
	ENDING_PORT,	   /* the host closes its side as soon as the driver opens its own */
	BLOCKING_PORT = 4, /* as the loop; one test makes the host stop to read */
	ABSENT_PORT,	   /* the host never opens its side */
	PORTS,
};

/* 5.3.2 "Virtqueues": those of port 0, the control queues, those of port 1, ... */
#define CONTROL_RECEIVEQ  2
#define CONTROL_TRANSMITQ 3
#define QUEUES		  (2 * (PORTS + 1))

/* How a test drives the device. */
struct kind {
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	u64 features; /* that the test needs */
};

/* With VIRTIO_CONSOLE_F_MULTIPORT; the last one with a packed ring, too. */
extern const struct kind modern_polled, modern_msix, legacy_intx, packed_msix;

/* What the driver knows of a port from the control messages of the device. */
struct port {
	u32 adds, consoles, names, opens, closes; /* how often each message has come */
	bool host_is_open;
	char name[32];
};

struct serial {
	struct virtio_device device;
	struct virtqueue queues[QUEUES];
	struct port ports[PORTS];
	u64 configuration; /* columns, rows and the number of ports, as at the beginning */
	u8 *messages;	   /* a page: a message to send, and buffers for those that come */
	int interrupts_seen;
};

extern struct serial serial;

DECLARE_FEATURE(SERIAL);

#define complain(...) virtio_complain(&serial.device, __VA_ARGS__)

static inline unsigned sum_of_wrong(void)
{
	return serial.device.complaints;
}

/* ---- the device and its control messages: device.c ---- */

bool is_port(u32 id);
struct virtqueue *receiveq(u32 port);
struct virtqueue *transmitq(u32 port);

/*
 * Opens the device and all its queues, and gives it buffers for control messages if the kind has
 * VIRTIO_CONSOLE_F_MULTIPORT. False, with a skip, if it cannot be driven like this.
 */
bool open_serial(const struct kind *kind);
void close_serial(void);
/* Complains if the device's configuration is not what it was when the device was opened. */
void check_configuration(void);
/* Sends a control message, and waits until the device has it. */
void tell(u32 port, u16 event, u16 value);
/* Whether the device takes a message that changes nothing, or is dead. */
bool takes_messages(void);
/*
 * Notes the messages that have come, and gives their buffers to the device again. If interrupts
 * are used, only after one has come. Complains of a message that a device must not send.
 */
void take_messages(void);
/* The driver is ready: waits until the device has added all ports. */
void add_ports(void);
/* The driver is ready for a port: waits until the device has told what the port is. */
void get_port_ready(u32 port);
/* All of this, for all ports. */
void shake_hands(void);

/* ---- records: records.c ---- */

struct records {
	u32 port;
	u8 *transmit, *receive;
	u64 salt;	   /* of the hashes, so that records of earlier tests are none of these */
	u32 chains;	   /* that the device has, a bit each */
	u64 sent;	   /* the number of the last record that was sent, from 1 */
	u64 last, arrived; /* the number of the last one that came, and how many came */
	u64 gaps;	   /* how often some are missing between two that came */
	u64 given_up;	   /* records up to this one may be lost */
	int interrupts_seen;
	char text[16]; /* the last bytes that have come */
};

#define RECORD_BYTES 16

/* Writes the next record to RECORD_BYTES of memory, and counts it as sent. */
void write_record(struct records *records, char *at);
/* Gives all buffers to the port. The device's queues are open. */
void begin_records(struct records *records, u32 port);
void end_records(struct records *records);
/* Sends records in one chain, if the port has given back another one. */
void send_records(struct records *records, u32 count);
/* Sends records as long as not too many are under way, and takes what has come. */
void let_records_flow(struct records *records);
/*
 * Looks at all that has come, and gives the buffers to the device again. If interrupts are used,
 * only after one has come. Complains of a record that comes twice or late.
 */
void take_records(struct records *records);
/* Waits until the port has given back all chains. */
void wait_for_chains(struct records *records);
/*
 * Whether a record goes to the host and comes back. It is tried again, since an action may lose
 * what the host has.
 */
bool records_come_back(struct records *records);

#endif
