// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: chains that the host has not read to their end. A part of the program
 * virtio_serial: see virtio_serial.c.
 *
 * Specification: VIRTIO 1.2, 5.3.6 "Device Operation" and 2.7.8: a device returns a chain once,
 * when it is done with it. If the process behind a port does not read, the VMM stops in the middle
 * of a chain, and further chains wait in the ring. At the destination it has to go on behind the
 * last byte that the host has got, or it sends something twice.
 *
 * A terminal stops to read when there is a whole line that nobody takes. So the guest begins with a
 * line feed, and before that with the character that makes the terminal forget what it has (^C). Of
 * what follows the terminal echoes some 4000 bytes, and then it has room for some 10000 bytes more.
 * At the destination there is another terminal, which has not got the line feed and takes the rest.
 *
 * A broken hypervisor loses the chain, so that it never comes back, begins it anew, or goes on in
 * another of its parts. Or it remembers that the host's process does not read, and not that this is
 * now another process. Or it goes on with the chain while it still restores the device, and the
 * device breaks. The test looks at what comes back, and at the numbers of the records. The
 * old terminal has more records than it has echoed. So the test cannot tell a device that goes on
 * too far behind from one that goes on at the right place. If no other VM takes the guest over, the
 * terminal stays as it is, and the test only demands that nothing comes twice.
 */
#include "alloc_page.h"
#include "deadline.h"
#include "migrate.h"
#include "test.h"
#include "vm.h"
#include "x86/virtio_serial/virtio_serial.h"

/* The long chain. Its parts end within records. */
#define PARTS	     5
#define PART_BYTES   4800
#define CHAIN_BYTES  (PARTS * PART_BYTES)
#define START	     "\003\n"
#define LONG_RECORDS ((CHAIN_BYTES - sizeof(START)) / RECORD_BYTES)

/* Behind the descriptors of records.c: the long chain, and two short ones behind it. */
#define LONG_ID 64
#define NEXT_ID 80
#define CHAINS	3

/* If the host's terminal has not got anything for so long, it has stopped. */
#define SETTLE_US     100000
#define FIRST_ECHO_MS 1000

static struct records records;
static u8 *memory;
static int interrupts_seen;

static u16 id_of(u32 chain)
{
	return chain ? NEXT_ID + chain : LONG_ID;
}

static void send_chains(void)
{
	struct virtqueue *queue = transmitq(BLOCKING_PORT);
	char *next = (char *)memory + CHAIN_BYTES;
	struct virtq_part parts[PARTS];

	memset(memory, '?', CHAIN_BYTES);
	memcpy(memory, START, sizeof(START) - 1);
	for (u32 i = 0; i < LONG_RECORDS; i++)
		write_record(&records, (char *)memory + sizeof(START) - 1 + i * RECORD_BYTES);
	for (u32 i = 0; i < PARTS; i++)
		parts[i] = (struct virtq_part){ memory + i * PART_BYTES, PART_BYTES, false };
	virtqueue_add(queue, LONG_ID, parts, PARTS);
	for (u32 i = 1; i < CHAINS; i++, next += RECORD_BYTES) {
		const struct virtq_part part = { next, RECORD_BYTES, false };

		write_record(&records, next);
		virtqueue_add(queue, id_of(i), &part, 1);
	}
	virtqueue_kick(queue);
}

/* Lets the host read until it reads no more. */
static void let_host_stop(void)
{
	u64 seen;

	wait_in_full((take_records(&records), records.arrived > 0), FIRST_ECHO_MS);
	do {
		seen = records.arrived;
		delay_us(SETTLE_US);
		take_records(&records);
	} while (records.arrived != seen);
}

/* Looks for chains that have come back, after an interrupt if there are any. */
static void take_chains(u32 *returned)
{
	struct virtqueue *queue = transmitq(BLOCKING_PORT);
	struct virtq_used_elem element;

	take_records(&records);
	if (!virtqueue_may_have_used(queue, &interrupts_seen))
		return;
	while (virtqueue_get(queue, &element)) {
		if (*returned >= CHAINS || element.id != id_of(*returned))
			complain("chain %u comes back, after %u of %u chains", element.id,
				 *returned, CHAINS);
		++*returned;
	}
}

static void run_action(void)
{
	struct virtqueue *queue = transmitq(BLOCKING_PORT);
	u64 before = host_restores(), echoed;
	u32 returned = 0;
	char where[200];

	records.arrived = 0;
	send_chains();
	let_host_stop();
	take_chains(&returned);
	if (returned) {
		report_info("the host has read all of %u chains", returned);
		return;
	}
	echoed = records.arrived;
	migrate_quiet();
	take_chains(&returned);
	/* A terminal that had stopped earlier has not got the line feed, so the next one gets it.
	 */
	if (host_restores() == before || !echoed)
		return;
	if (!wait_until((take_chains(&returned), returned == CHAINS), ARRIVE_MS))
		complain(
			"after the action %u of %u chains come back%s; the device takes %s messages; its status is 0x%x; the host had read %lu records of the first one; %s",
			returned, CHAINS,
			virtqueue_has_used(queue) ? ", without an interrupt for more" : "",
			takes_messages() ? "other" : "no other", virtio_status(&serial.device),
			echoed, virtqueue_describe(queue, where, sizeof(where)));
	else if (records_come_back(&records))
		wait_for_chains(&records);
}

static void run_held(const struct kind *kind)
{
	int action;

	if (!open_serial(kind))
		return;
	memory = alloc_pages(page_order(CHAIN_BYTES + CHAINS * RECORD_BYTES));
	interrupts_seen = 0;
	shake_hands();
	tell(BLOCKING_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	begin_records(&records, BLOCKING_PORT);
	for (action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		run_action();
		/* The host still does not read. */
		if (virtqueue_pending(transmitq(BLOCKING_PORT)))
			break;
	}
	report(!sum_of_wrong(), "%s: %d actions: %u times something wrong", serial.device.name,
	       action, sum_of_wrong());
	close_serial();
	end_records(&records);
	free_pages(memory);
}

TEST(held_modern, .needs = SERIAL,
     .about =
	     "a chain that the host has read in part goes on where it was after a migration: modern, polled")
{
	run_held(&modern_polled);
}

TEST(held_legacy, .needs = SERIAL,
     .about =
	     "a chain that the host has read in part goes on where it was after a migration: legacy, INTx")
{
	run_held(&legacy_intx);
}

TEST(held_packed, .needs = SERIAL,
     .about =
	     "a chain that the host has read in part goes on where it was after a migration: packed, MSI-X")
{
	run_held(&packed_msix);
}
