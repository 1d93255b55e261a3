/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program net share: two ports of a network, and the frames that go from one
 * to the other. The head of net.c explains the tests.
 */
#ifndef NET_H
#define NET_H

#include "libcflat.h"
#include "virtio.h"

#define ACTIONS_PER_TEST 2

/* How long a frame, or a buffer that is given back, may take. */
#define ARRIVE_MS 10000

#define MAC_BYTES 6
typedef u8 mac_address[MAC_BYTES];

/* Not tagged for a VLAN. */
#define NO_VLAN 0

/* How a test drives the port that receives. */
struct kind {
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	u64 features; /* that the test needs */
	u32 buffer_bytes;
};

/* 5.1.2 "Virtqueues" of a device with one pair of queues */
enum { RECEIVEQ, TRANSMITQ, CONTROLQ, QUEUES };

struct port {
	struct virtio_device device;
	struct virtqueue queues[QUEUES];
	mac_address mac;
	u32 header_bytes;
	u8 *buffers; /* for frames that arrive */
	u32 buffer_bytes;
	u8 *command; /* a page for a command of the control queue */
};

extern struct port sender, receiver;

DECLARE_FEATURE(TWO_PORTS);

#define complain(...) virtio_complain(&receiver.device, __VA_ARGS__)

static inline unsigned sum_of_wrong(void)
{
	return receiver.device.complaints;
}

/* ---- ports: port.c ---- */

/* Opens both ports. False, with a skip, if the receiver cannot be driven like this. */
bool open_ports(const struct kind *kind);
void close_ports(void);
/*
 * Sends a command to the receiver's control queue, with BYTES of DATA or none. Complains if the
 * device does not carry it out.
 */
bool command(u8 class, u8 code, const void *data, u32 bytes);

/* ---- frames: frames.c ---- */

/* Gives all buffers to the receiver, and forgets what was sent before. */
void begin_frames(const struct kind *kind);
void end_frames(void);
/*
 * Sends a frame. Returns its number, by which did_arrive() knows it, or 0 if the sender has not
 * given back any buffer for too long.
 */
u64 send_frame(const mac_address to, u16 vlan);
/* Sends a frame if the sender has a free buffer, and takes what has come. */
void let_frames_flow(void);
/*
 * Looks at all frames that have come, and gives their buffers to the device again. If interrupts
 * are used, only after one has come. Complains of a frame that is damaged, or that comes twice or
 * late.
 */
void take_frames(void);
bool did_arrive(u64 number);
/* Waits until the sender has given back all buffers. */
void wait_for_sender(void);
u64 frames_sent(void);
u64 frames_arrived(void);

#endif
