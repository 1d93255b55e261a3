// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net: frames, how they are sent, received and checked. A part of the program net: see net.c.
 *
 * A frame carries its number, and its length and contents follow from that. The ether type is one
 * for experiments (IEEE 802, 9.2.3 "Local Experimental EtherTypes"). Other frames are ignored: a
 * VMM announces its guest's addresses after a migration.
 */
#include "alloc_page.h"
#include "deadline.h"
#include "random.h"
#include "vm.h"
#include "words.h"
#include "x86/net/net.h"

#define ETHER_TYPE_OURS 0x88b5
#define ETHER_TYPE_VLAN 0x8100

struct frame {
	mac_address to, from;
	u16 type; /* big endian, as the next */
	u16 vlan; /* if the type is ETHER_TYPE_VLAN */
	u64 number;
	u64 words[];
};

#define LEAST_WORDS 5
#define MOST_WORDS  186

/*
 * If the receiver had no buffer left, a VMM would keep frames and might let shorter ones pass. The
 * sender has at most this many frames, and the receiver has small buffers for twice as many.
 */
#define TRANSMIT_BUFFERS   4
#define RECEIVE_BUFFERS	   64
#define PARTS_A_BUFFER	   2
#define TRANSMIT_BYTES	   (PAGE_SIZE / 2)
#define TRANSMIT_HEADER_AT (TRANSMIT_BYTES - sizeof(struct virtio_net_hdr))

/* So many of the last frames are remembered by number. */
#define REMEMBERED 64

static struct {
	u8 *transmit;
	bool in_use[TRANSMIT_BUFFERS];
	u64 sent, arrived, last;
	u64 remembered[REMEMBERED];
	int interrupts_seen;
	/* A frame whose buffers have not all come yet. */
	u8 *frame;
	u32 bytes, buffers_missing;
	bool spoil;
} net;

static u16 big_endian(u16 value)
{
	return value << 8 | value >> 8;
}

static u32 words_of(u64 number)
{
	return LEAST_WORDS + scramble(number) % (MOST_WORDS - LEAST_WORDS + 1);
}

static u32 length_of(u64 number)
{
	return sizeof(struct frame) + words_of(number) * sizeof(u64);
}

/* ---- sending ---- */

static void reclaim(void)
{
	struct virtq_used_elem element;

	while (virtqueue_get(&sender.queues[TRANSMITQ], &element)) {
		u32 buffer = element.id / PARTS_A_BUFFER;

		if (buffer >= TRANSMIT_BUFFERS || !net.in_use[buffer])
			complain("the sender gives back descriptor %u, which it does not have",
				 element.id);
		else
			net.in_use[buffer] = false;
	}
}

/* Finds a buffer that the sender does not have. */
static bool find_free(u32 *buffer)
{
	reclaim();
	for (*buffer = 0; *buffer < TRANSMIT_BUFFERS; (*buffer)++)
		if (!net.in_use[*buffer])
			return true;
	return false;
}

static u64 send_in(u32 buffer, const mac_address to, u16 vlan)
{
	u8 *memory = net.transmit + buffer * TRANSMIT_BYTES;
	struct frame *frame = (struct frame *)memory;
	u8 *header = memory + TRANSMIT_HEADER_AT;
	u64 number = ++net.sent;
	const struct virtq_part parts[] = { { header, sender.header_bytes, false },
					    { memory, length_of(number), false } };

	memset(header, 0, sizeof(struct virtio_net_hdr));
	memcpy(frame->to, to, MAC_BYTES);
	memcpy(frame->from, sender.mac, MAC_BYTES);
	frame->type = big_endian(vlan == NO_VLAN ? ETHER_TYPE_OURS : ETHER_TYPE_VLAN);
	frame->vlan = big_endian(vlan);
	frame->number = number;
	fill_words(frame->words, words_of(number), scramble(number));
	net.in_use[buffer] = true;
	virtqueue_add(&sender.queues[TRANSMITQ], buffer * PARTS_A_BUFFER, parts, ARRAY_SIZE(parts));
	virtqueue_kick(&sender.queues[TRANSMITQ]);
	return number;
}

u64 send_frame(const mac_address to, u16 vlan)
{
	u32 buffer = 0;
	char where[200];

	if (wait_until((take_frames(), find_free(&buffer)), ARRIVE_MS))
		return send_in(buffer, to, vlan);
	complain("the sender gives back no buffer: %s",
		 virtqueue_describe(&sender.queues[TRANSMITQ], where, sizeof(where)));
	return 0;
}

void let_frames_flow(void)
{
	u32 buffer;

	if (find_free(&buffer))
		send_in(buffer, receiver.mac, NO_VLAN);
	take_frames();
}

void wait_for_sender(void)
{
	char where[200];

	if (!wait_until((take_frames(), reclaim(), !virtqueue_pending(&sender.queues[TRANSMITQ])),
			ARRIVE_MS))
		complain("the sender has %u buffers, and does not give them back: %s",
			 virtqueue_pending(&sender.queues[TRANSMITQ]),
			 virtqueue_describe(&sender.queues[TRANSMITQ], where, sizeof(where)));
}

/* ---- receiving ---- */

static bool buffers_are_merged(void)
{
	return receiver.device.features & BIT(VIRTIO_NET_F_MRG_RXBUF);
}

static u8 *buffer_at(u32 index)
{
	return receiver.buffers + index * receiver.buffer_bytes;
}

/*
 * A legacy device needs a part of its own for the header, unless buffers are merged. If they are,
 * every other buffer has one part only, so that a device which counts buffers in place of
 * descriptors goes wrong.
 */
static void give(u32 index)
{
	u8 *memory = buffer_at(index);
	u32 header = receiver.header_bytes;
	const struct virtq_part parts[] = {
		{ memory, header, true }, { memory + header, receiver.buffer_bytes - header, true }
	};
	const struct virtq_part whole = { memory, receiver.buffer_bytes, true };

	fill_words((u64 *)memory, receiver.buffer_bytes / sizeof(u64), 0xdead000000000000ul);
	if (buffers_are_merged() && index % 2)
		virtqueue_add(&receiver.queues[RECEIVEQ], index * PARTS_A_BUFFER, &whole, 1);
	else
		virtqueue_add(&receiver.queues[RECEIVEQ], index * PARTS_A_BUFFER, parts,
			      ARRAY_SIZE(parts));
}

static void check_frame(void)
{
	const struct frame *frame = (const struct frame *)net.frame;
	u64 number = frame->number;
	const u64 *unlike;

	if (net.bytes < sizeof(*frame) || (frame->type != big_endian(ETHER_TYPE_OURS) &&
					   frame->type != big_endian(ETHER_TYPE_VLAN)))
		return;
	if (net.spoil) {
		net.spoil = false;
		net.frame[net.bytes - 1] ^= 1;
	}
	if (number == 0 || number > net.sent) {
		complain("a frame of %u bytes has the number %lu, and %lu were sent", net.bytes,
			 number, net.sent);
		return;
	}
	if (number <= net.last) {
		complain("frame %lu comes after frame %lu", number, net.last);
		return;
	}
	net.last = number;
	net.arrived++;
	net.remembered[number % REMEMBERED] = number;
	if (net.bytes != length_of(number)) {
		complain("frame %lu has %u bytes, and was sent with %u", number, net.bytes,
			 length_of(number));
		return;
	}
	unlike = first_unlike(frame->words, words_of(number), scramble(number));
	if (unlike)
		complain("frame %lu, word %lu (physical 0x%lx) holds 0x%lx, not 0x%lx", number,
			 (u64)(unlike - frame->words), virt_to_phys(unlike), *unlike,
			 scramble(number));
}

/* Adds a buffer to the frame. The first one has the header, and says how many there are. */
static void take_buffer(u32 index, u32 bytes)
{
	const u8 *memory = buffer_at(index);
	u32 header = 0;

	if (!net.buffers_missing) {
		const struct virtio_net_hdr *first = (const struct virtio_net_hdr *)memory;

		header = receiver.header_bytes;
		net.bytes = 0;
		net.buffers_missing = buffers_are_merged() ? first->num_buffers : 1;
	}
	if (!net.buffers_missing || bytes < header || bytes > receiver.buffer_bytes ||
	    net.bytes + bytes - header > PAGE_SIZE) {
		complain("buffer %u is returned with %u bytes, as one of %u", index, bytes,
			 net.buffers_missing);
		net.buffers_missing = 0;
		return;
	}
	memcpy(net.frame + net.bytes, memory + header, bytes - header);
	net.bytes += bytes - header;
	if (!--net.buffers_missing)
		check_frame();
}

void take_frames(void)
{
	struct virtqueue *queue = &receiver.queues[RECEIVEQ];
	struct virtq_used_elem element;
	bool any = false;

	if (!virtqueue_may_have_used(queue, &net.interrupts_seen))
		return;
	while (virtqueue_get(queue, &element)) {
		u32 index = element.id / PARTS_A_BUFFER;

		if (index >= RECEIVE_BUFFERS) {
			complain("the receiver returns descriptor %u, which it does not have",
				 element.id);
			continue;
		}
		take_buffer(index, element.len);
		give(index);
		any = true;
	}
	if (any)
		virtqueue_kick(queue);
}

bool did_arrive(u64 number)
{
	return net.remembered[number % REMEMBERED] == number;
}

u64 frames_sent(void)
{
	return net.sent;
}

u64 frames_arrived(void)
{
	return net.arrived;
}

void begin_frames(const struct kind *kind)
{
	memset(&net, 0, sizeof(net));
	net.transmit = alloc_pages(page_order(TRANSMIT_BUFFERS * TRANSMIT_BYTES));
	net.frame = alloc_page();
	net.spoil = broken("frame");
	receiver.buffer_bytes = kind->buffer_bytes;
	receiver.buffers = alloc_pages(page_order(RECEIVE_BUFFERS * kind->buffer_bytes));
	for (u32 i = 0; i < RECEIVE_BUFFERS; i++)
		give(i);
	virtqueue_kick(&receiver.queues[RECEIVEQ]);
}

void end_frames(void)
{
	free_pages(net.transmit);
	free_page(net.frame);
	free_pages(receiver.buffers);
}
