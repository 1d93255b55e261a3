// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: a virtio-serial device with several ports while the guest is migrated. Guest
 * agents of most clouds use such a port.
 *
 * Specification: VIRTIO 1.2, 5.3 "Console Device". The driver gives each port buffers for what
 * comes, and sends chains of buffers. With VIRTIO_CONSOLE_F_MULTIPORT, device and driver tell each
 * other on two more queues which ports there are, what they are called, and who has opened them.
 *
 * Behind three ports the host has terminals, which echo. So the guest gets back what it sends. A
 * migration may lose what is in the old host's terminal. It must not lose what the device or the
 * rings have, and what comes back is never doubled, damaged or out of order. Once for each
 * restore some of it may be missing.
 *
 * A broken hypervisor forgets that the guest has opened a port, so that nothing arrives any more,
 * or that it has closed one. It loses the chain that a slow host has not read to its end
 * (held.c), or does not tell that the host's side is open now (ending.c). It repeats what it has
 * told (handshake.c). The tests cannot tell data that the device has lost from data that the old
 * host's terminal had.
 *
 * On the command line: break=record, which damages a record that is sent, and break=open, which
 * closes a port after the first action.
 */
#include "argument.h"
#include "deadline.h"
#include "migrate.h"
#include "test.h"
#include "x86/virtio_serial/virtio_serial.h"

static struct records records, console;

static void let_flow(void)
{
	let_records_flow(&records);
}

/*
 * BEFORE: how often another VM had taken the guest over when no record was sent yet. Each time some
 * records may be lost, which then were all in the old host's terminal.
 */
static void check_losses(u64 before)
{
	u64 restored = host_restores() - before;

	if (!restored)
		wait_until((take_records(&records), records.arrived == records.sent), ARRIVE_MS);
	if (records.gaps > restored || (records.arrived != records.sent && !restored))
		complain(
			"port %u: of %lu records %lu came back, with %lu gaps, and another VM has taken the guest over %lu times",
			records.port, records.sent, records.arrived, records.gaps, restored);
}

static void run_flow(const struct kind *kind)
{
	u64 before = host_restores();

	if (!open_serial(kind))
		return;
	shake_hands();
	tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	begin_records(&records, LOOP_PORT);
	records_come_back(&records);
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		migrate_quiet_while(let_flow);
		if (broken("open"))
			tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 0);
		wait_for_chains(&records);
		if (!sum_of_wrong())
			records_come_back(&records);
		check_configuration();
	}
	if (!sum_of_wrong())
		check_losses(before);
	report(!sum_of_wrong(), "%s: %lu of %lu records came back: %u times something wrong",
	       serial.device.name, records.arrived, records.sent, sum_of_wrong());
	close_serial();
	end_records(&records);
}

TEST(flow_modern_polled, .needs = SERIAL,
     .about =
	     "what a guest sends to a port and gets from it goes on during a migration: modern, polled")
{
	run_flow(&modern_polled);
}

TEST(flow_modern_msix, .needs = SERIAL,
     .about =
	     "what a guest sends to a port and gets from it goes on during a migration: modern, MSI-X")
{
	run_flow(&modern_msix);
}

TEST(flow_legacy_intx, .needs = SERIAL,
     .about =
	     "what a guest sends to a port and gets from it goes on during a migration: legacy, INTx")
{
	run_flow(&legacy_intx);
}

TEST(flow_packed, .needs = SERIAL,
     .about =
	     "what a guest sends to a port and gets from it goes on during a migration: packed, MSI-X")
{
	run_flow(&packed_msix);
}

/* ---- a console alone ---- */

/* 5.3.5.1: the driver writes a character to a register, without any queue. */
static void write_emergency(void)
{
	char text[RECORD_BYTES];

	if (!(serial.device.features & BIT(VIRTIO_CONSOLE_F_EMERG_WRITE)))
		return;
	write_record(&records, text);
	for (int i = 0; i < RECORD_BYTES; i++)
		virtio_config_write(&serial.device, VIRTIO_CONSOLE_CONFIG_EMERG_WR, text[i]);
}

/*
 * Without VIRTIO_CONSOLE_F_MULTIPORT there are no control messages, so port 0 is open as soon as
 * the driver is ready, and nobody opens it again at the destination.
 */
static void run_console(const struct kind *kind)
{
	u64 before = host_restores();

	if (!open_serial(kind))
		return;
	begin_records(&records, CONSOLE_PORT);
	records_come_back(&records);
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		migrate_quiet_while(let_flow);
		wait_for_chains(&records);
		records_come_back(&records);
		write_emergency();
		records_come_back(&records);
		check_configuration();
	}
	if (!sum_of_wrong())
		check_losses(before);
	report(!sum_of_wrong(), "%s: %lu of %lu records came back: %u times something wrong",
	       serial.device.name, records.arrived, records.sent, sum_of_wrong());
	close_serial();
	end_records(&records);
}

TEST(console_modern, .needs = SERIAL,
     .about =
	     "a console whose driver knows no further ports goes on during a migration: modern, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN, .interrupts = VIRTIO_MSIX };

	run_console(&kind);
}

TEST(console_legacy, .needs = SERIAL,
     .about =
	     "a console whose driver knows no further ports goes on during a migration: legacy, polled")
{
	static const struct kind kind = { .interface = VIRTIO_LEGACY, .interrupts = VIRTIO_POLLED };

	run_console(&kind);
}

/* ---- a port that the guest has closed ---- */

/* Records that go to the console and back. What waits for another port has time to come. */
#define ROUNDS 4

static void check_closed(void)
{
	u64 last;

	take_records(&records);
	last = records.last;
	send_records(&records, 4);
	wait_for_chains(&records);
	for (int i = 0; i < ROUNDS && !sum_of_wrong(); i++) {
		records_come_back(&console);
		take_records(&records);
	}
	if (records.last != last)
		complain("the guest has closed port %u, and record %lu comes", records.port,
			 records.last);
}

TEST(closed_port, .needs = SERIAL,
     .about =
	     "a port that the guest has closed gets nothing after an action until the guest opens it")
{
	if (!open_serial(&modern_polled))
		return;
	shake_hands();
	tell(CONSOLE_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	begin_records(&console, CONSOLE_PORT);
	begin_records(&records, LOOP_PORT);
	records_come_back(&console);
	records_come_back(&records);
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 0);
		migrate_quiet();
		check_closed();
		tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
		records_come_back(&records);
	}
	report(!sum_of_wrong(), "%s: %lu of %lu records came back: %u times something wrong",
	       serial.device.name, records.arrived, records.sent, sum_of_wrong());
	close_serial();
	end_records(&records);
	end_records(&console);
}
