// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: actions while device and driver tell each other about the ports. A part of the
 * program virtio_serial: see virtio_serial.c.
 *
 * Specification: VIRTIO 1.2, 5.3.6.2 "Multiport Device Operation". The device says what ports there
 * are when the driver is ready, and what a port is when the driver is ready for that port. Each of
 * these messages comes once, and goes into a buffer that the driver has given before.
 *
 * A broken hypervisor begins anew after a restore: it adds the ports again, or does not know that
 * the driver is ready. Messages that say whether a port is open may come at any time.
 */
#include "deadline.h"
#include "migrate.h"
#include "test.h"
#include "x86/virtio_serial/virtio_serial.h"

static void check_told(u32 id, const char *what, u32 told, u32 expected)
{
	if (told != expected)
		complain(
			"after an action the device has told %u times %s of port %u, and not %u times",
			told, what, id, expected);
}

/* ADDED: the device has added all ports. READY: the driver is ready for ports up to this one. */
static void act(bool added, int ready)
{
	if (sum_of_wrong())
		return;
	migrate_quiet();
	take_messages();
	for (u32 id = 0; id < PORTS; id++) {
		const struct port *port = &serial.ports[id];
		bool is_ready = is_port(id) && (int)id <= ready;

		check_told(id, "that it adds it", port->adds, is_port(id) && added);
		check_told(id, "that it is a console", port->consoles,
			   is_ready && id == CONSOLE_PORT);
		check_told(id, "the name", port->names, is_ready && id != CONSOLE_PORT);
	}
	check_configuration();
}

static void run_handshake(const struct kind *kind)
{
	static struct records records;

	if (!open_serial(kind))
		return;
	act(false, -1);
	add_ports();
	act(true, -1);
	for (u32 id = 0; id < PORTS && !sum_of_wrong(); id++) {
		if (is_port(id))
			get_port_ready(id);
		if (id == LOOP_PORT)
			act(true, id);
	}
	act(true, PORTS);
	tell(LOOP_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	begin_records(&records, LOOP_PORT);
	if (!sum_of_wrong())
		records_come_back(&records);
	act(true, PORTS);
	if (!wait_until((take_messages(), serial.ports[LOOP_PORT].host_is_open), ARRIVE_MS))
		complain("the host has opened port %u, and the device does not say so", LOOP_PORT);
	if (serial.ports[ABSENT_PORT].host_is_open)
		complain("the host never opens port %u, and the device says that it is open",
			 ABSENT_PORT);
	report(!sum_of_wrong(), "%s: 5 steps: %u times something wrong", serial.device.name,
	       sum_of_wrong());
	close_serial();
	end_records(&records);
}

TEST(handshake_modern, .needs = SERIAL,
     .about = "a device tells once which ports it has, with an action at each step: modern, MSI-X")
{
	run_handshake(&modern_msix);
}

TEST(handshake_legacy, .needs = SERIAL,
     .about = "a device tells once which ports it has, with an action at each step: legacy, INTx")
{
	run_handshake(&legacy_intx);
}
