// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: records that are sent to a port and come back. A part of the program
 * virtio_serial: see virtio_serial.c.
 *
 * A record is 16 characters: its number in hexadecimal, a hash of that, and a full stop. If some
 * bytes of the stream are lost, what is left of two records is not a record, since the hash is
 * wrong. Nor is a record that an earlier test has sent, or the guest before it was reset: the
 * host's terminal may still have some of these. Records have no control characters, which mean
 * something to a terminal.
 *
 * A terminal of Linux forgets what it should echo when nobody reads and that is more than 4096
 * bytes. So fewer bytes than that are under way.
 */
#include "alloc_page.h"
#include "argument.h"
#include "deadline.h"
#include "processor.h"
#include "random.h"
#include "test.h"
#include "vm.h"
#include "x86/virtio_serial/virtio_serial.h"

#define MOST_UNDER_WAY 64 /* records */

/* Chains that the device has at most, and the descriptors that are kept for each. */
#define CHAINS		16
#define PARTS_A_CHAIN	3
#define CHAIN_BYTES	(PAGE_SIZE / CHAINS)
#define MOST_A_CHAIN	(CHAIN_BYTES / RECORD_BYTES)
#define RECEIVE_BYTES	128
#define RECEIVE_BUFFERS (PAGE_SIZE / RECEIVE_BYTES)

/* An action may lose records, but not again and again. */
#define ATTEMPTS 5

/* ---- sending ---- */

static void put_hex(char *at, u32 value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value >>= 4)
		at[i] = "0123456789abcdef"[value & 15];
}

static void make_record(const struct records *records, char *at, u64 number)
{
	put_hex(at, number, 7);
	put_hex(at + 7, scramble(number ^ records->salt), 8);
	at[RECORD_BYTES - 1] = '.';
}

void write_record(struct records *records, char *at)
{
	make_record(records, at, ++records->sent);
}

static void reclaim(struct records *records)
{
	struct virtqueue *queue = transmitq(records->port);
	struct virtq_used_elem element;

	while (virtqueue_get(queue, &element)) {
		u32 chain = element.id / PARTS_A_CHAIN;

		if (element.id % PARTS_A_CHAIN || chain >= CHAINS ||
		    !(records->chains & 1u << chain))
			complain("port %u gives back descriptor %u, which it does not have",
				 records->port, element.id);
		else
			records->chains &= ~(1u << chain);
	}
}

/* The chain has one to three parts, which end somewhere within a record. */
static void send_in(struct records *records, u32 chain, u32 count)
{
	u8 *memory = records->transmit + chain * CHAIN_BYTES;
	u32 bytes = count * RECORD_BYTES, first, parts_count;
	struct virtq_part parts[PARTS_A_CHAIN];

	for (u32 i = 0; i < count; i++)
		write_record(records, (char *)memory + i * RECORD_BYTES);
	if (broken("record"))
		memory[RECORD_BYTES - 2] ^= 1;
	parts_count = 1 + scramble(records->sent) % PARTS_A_CHAIN;
	first = bytes / parts_count - 1;
	for (u32 i = 0; i < parts_count; i++)
		parts[i] = (struct virtq_part){ memory + i * first,
						i < parts_count - 1 ? first : bytes - i * first,
						false };
	records->chains |= 1u << chain;
	virtqueue_add(transmitq(records->port), chain * PARTS_A_CHAIN, parts, parts_count);
	virtqueue_kick(transmitq(records->port));
}

void send_records(struct records *records, u32 count)
{
	reclaim(records);
	for (u32 chain = 0; chain < CHAINS; chain++)
		if (!(records->chains & 1u << chain)) {
			send_in(records, chain, count);
			return;
		}
}

void let_records_flow(struct records *records)
{
	take_records(records);
	if (records->sent - MAX(records->last, records->given_up) < MOST_UNDER_WAY)
		send_records(records, 1 + scramble(~records->sent) % MOST_A_CHAIN);
}

void wait_for_chains(struct records *records)
{
	struct virtqueue *queue = transmitq(records->port);
	char where[200];

	if (!wait_until((take_records(records), reclaim(records), !records->chains), ARRIVE_MS))
		complain("port %u has %u chains, and does not give them back: %s", records->port,
			 virtqueue_pending(queue), virtqueue_describe(queue, where, sizeof(where)));
}

bool records_come_back(struct records *records)
{
	char where[200];

	for (int i = 0; i < ATTEMPTS; i++) {
		u64 before = records->sent;

		records->given_up = before;
		send_records(records, 1);
		if (wait_until((take_records(records), records->last > before),
			       ARRIVE_MS / ATTEMPTS))
			return true;
	}
	complain(
		"record %lu was sent to port %u and does not come back, and the last one that came is %lu: %s",
		records->sent, records->port, records->last,
		virtqueue_describe(receiveq(records->port), where, sizeof(where)));
	return false;
}

/* ---- receiving ---- */

static u8 *buffer_at(struct records *records, u32 index)
{
	return records->receive + index * RECEIVE_BYTES;
}

/* Every other buffer has two parts. */
static void give(struct records *records, u32 index)
{
	u8 *memory = buffer_at(records, index);
	const struct virtq_part parts[] = { { memory, 24, true },
					    { memory + 24, RECEIVE_BYTES - 24, true } };
	const struct virtq_part whole = { memory, RECEIVE_BYTES, true };

	memset(memory, '?', RECEIVE_BYTES);
	if (index % 2)
		virtqueue_add(receiveq(records->port), index * 2, &whole, 1);
	else
		virtqueue_add(receiveq(records->port), index * 2, parts, ARRAY_SIZE(parts));
}

static void note_record(struct records *records, u64 number)
{
	if (number > records->sent)
		complain("port %u: record %lu comes, and %lu were sent", records->port, number,
			 records->sent);
	else if (number <= records->last)
		complain("port %u: record %lu comes after record %lu", records->port, number,
			 records->last);
	else
		records->arrived++;
	if (number > records->last + 1)
		records->gaps++;
	records->last = number;
}

static void take_byte(struct records *records, char byte)
{
	char *text = records->text, expected[RECORD_BYTES];
	u64 number = 0;

	memmove(text, text + 1, RECORD_BYTES - 1);
	text[RECORD_BYTES - 1] = byte;
	if (byte != '.')
		return;
	for (int i = 0; i < 7; i++)
		number = number << 4 | (text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
	make_record(records, expected, number);
	if (!memcmp(text, expected, RECORD_BYTES))
		note_record(records, number);
}

void take_records(struct records *records)
{
	struct virtqueue *queue = receiveq(records->port);
	struct virtq_used_elem element;
	bool any = false;

	if (!virtqueue_may_have_used(queue, &records->interrupts_seen))
		return;
	while (virtqueue_get(queue, &element)) {
		u32 index = element.id / 2;

		if (element.id % 2 || index >= RECEIVE_BUFFERS || element.len > RECEIVE_BYTES) {
			complain("port %u returns buffer %u with %u bytes, and it has %lu",
				 records->port, element.id, element.len, RECEIVE_BUFFERS);
			continue;
		}
		for (u32 i = 0; i < element.len; i++)
			take_byte(records, buffer_at(records, index)[i]);
		give(records, index);
		any = true;
	}
	if (any)
		virtqueue_kick(queue);
}

void begin_records(struct records *records, u32 port)
{
	*records = (struct records){ .port = port,
				     .salt = scramble(rdtsc()),
				     .transmit = alloc_page(),
				     .receive = alloc_page() };
	for (u32 i = 0; i < RECEIVE_BUFFERS; i++)
		give(records, i);
	virtqueue_kick(receiveq(port));
}

void end_records(struct records *records)
{
	free_page(records->transmit);
	free_page(records->receive);
}
