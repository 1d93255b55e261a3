// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_serial: the host's side of a port is open at the destination, and was closed at the
 * source. A part of the program virtio_serial: see virtio_serial.c.
 *
 * Specification: VIRTIO 1.2, 5.3.6.2, VIRTIO_CONSOLE_PORT_OPEN. The guest agent's peer on the host
 * is another process after a migration, so the host's side of a port may be open or closed then,
 * whatever it was before. The device has to tell its driver of each change, with an interrupt.
 *
 * Behind this port the host has a file that ends at once. The host closes its side when the guest
 * opens the port and the VMM reads the file. Then the guest closes its own side, and nothing more
 * happens in this VM. Another VM opens the file anew.
 *
 * A broken hypervisor does not tell that the host's side is open now, or it interrupts while it
 * restores the device, before the interrupt controllers are restored, so that the interrupt is
 * lost. The test resets the device after the action, and then the device says once more whether the
 * host's side is open. That has to be what it had told before. The test cannot tell a device that
 * does not tell of a change from one that finds a side closed or open by a mistake.
 */
#include "deadline.h"
#include "migrate.h"
#include "test.h"
#include "x86/virtio_serial/virtio_serial.h"

static struct port *port(void)
{
	return &serial.ports[ENDING_PORT];
}

static bool is_open(void)
{
	take_messages();
	return port()->host_is_open;
}

/* False if the host does not close its side. */
static bool let_host_close(void)
{
	bool closed;

	tell(ENDING_PORT, VIRTIO_CONSOLE_PORT_OPEN, 1);
	closed = wait_until(!is_open(), ARRIVE_MS);
	tell(ENDING_PORT, VIRTIO_CONSOLE_PORT_OPEN, 0);
	take_messages();
	return closed;
}

/* Gives the device a buffer for the port: until then nobody reads the file. */
static void give_buffer(void)
{
	const struct virtq_part part = { serial.messages + 1024, 64, true };

	virtqueue_add(receiveq(ENDING_PORT), 0, &part, 1);
	virtqueue_kick(receiveq(ENDING_PORT));
}

/*
 * Messages are only looked at after an interrupt. If another VM has the guest now, and that does
 * not open the file, the whole time passes.
 */
static void wait_for_change(u64 before)
{
	const struct virtqueue *queue = &serial.queues[CONTROL_RECEIVEQ];

	if (host_restores() == before || wait_until(is_open(), ARRIVE_MS))
		return;
	if (virtqueue_has_used(queue))
		complain(
			"after the action a control message waits, and no interrupt has come for it; %d came before",
			serial.interrupts_seen);
}

static void run_ending(const struct kind *kind)
{
	u32 opens = 0;

	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		bool told, is_now;
		u64 before;

		if (!open_serial(kind))
			return;
		shake_hands();
		give_buffer();
		if (!let_host_close()) {
			report_skip("the host does not close its side of port %u", ENDING_PORT);
			close_serial();
			return;
		}
		before = host_restores();
		migrate_quiet();
		wait_for_change(before);
		told = is_open();
		opens += told;
		close_serial();

		if (sum_of_wrong() || !open_serial(kind))
			break;
		shake_hands();
		is_now = is_open();
		if (told != is_now)
			complain(
				"after the action the host's side of port %u is %s, and the device's last message said that it is %s",
				ENDING_PORT, is_now ? "open" : "closed", told ? "open" : "closed");
		close_serial();
		if (sum_of_wrong())
			break;
	}
	report(!sum_of_wrong(),
	       "%s: %d actions, after %u of them the host's side was open: %u times something wrong",
	       serial.device.name, ACTIONS_PER_TEST, opens, sum_of_wrong());
}

TEST(host_opens_msix, .needs = SERIAL,
     .about =
	     "if a port's host side is open at the destination only, the device tells so: modern, MSI-X")
{
	run_ending(&modern_msix);
}

TEST(host_opens_intx, .needs = SERIAL,
     .about =
	     "if a port's host side is open at the destination only, the device tells so: legacy, INTx")
{
	run_ending(&legacy_intx);
}
