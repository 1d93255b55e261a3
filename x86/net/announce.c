// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net: a device that has moved asks its driver to announce it. A part of the program net: see
 * net.c.
 *
 * Specification: VIRTIO 1.2, 5.1.4 "Device configuration layout" and 5.1.6.5.4 "Gratuitous Packet
 * Sending". After a guest has moved to another host, the network's switches still send its frames
 * to the old one. A device with VIRTIO_NET_F_GUEST_ANNOUNCE then sets VIRTIO_NET_S_ANNOUNCE in its
 * status and sends a configuration change interrupt. The driver sends frames, and acknowledges.
 * Then the device clears the bit. It may ask several times.
 *
 * A broken hypervisor does not ask, or forgets the MSI-X vector for changes of the configuration,
 * so that the driver never hears of it. The host says whether another VM has taken the guest over:
 * only then the device has to ask. A VMM that offers the feature is expected to ask after each
 * restore, also after one from a file. The tests cannot tell why a device asks. If it asks late
 * because of one action, that counts for the next one.
 */
#include "deadline.h"
#include "host.h"
#include "migrate.h"
#include "test.h"
#include "x86/net/net.h"

/* A device asks five times or so. More would only mean that it was restored again. */
#define MOST_REQUESTS 20

static u16 status(void)
{
	return virtio_config_read(&receiver.device, VIRTIO_NET_CONFIG_STATUS, 2);
}

static bool is_asked(void)
{
	return status() & VIRTIO_NET_S_ANNOUNCE;
}

static int interrupts(void)
{
	return atomic_read(&receiver.device.config_interrupts);
}

/* The bit is clear after that, unless the device asks again. Then it interrupts again. */
static void acknowledge(void)
{
	int before = interrupts();

	if (command(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0) &&
	    !wait_until(!is_asked() || interrupts() != before, ARRIVE_MS))
		complain(
			"the status is 0x%x after VIRTIO_NET_CTRL_ANNOUNCE_ACK, and no configuration change interrupt came",
			status());
}

static void check_vector(void)
{
	const struct virtio_device *device = &receiver.device;
	u16 wanted = device->config_entry;

	if (device->interrupts == VIRTIO_MSIX && virtio_config_msix_entry(device) != wanted)
		complain(
			"the MSI-X vector of the configuration is 0x%x after the action, and was set to 0x%x",
			virtio_config_msix_entry(device), wanted);
}

/* The interrupts are counted before the status is read, so that none of a later change is missed.
 */
static void ask_for_action(void)
{
	bool asked_before;
	u64 before;
	int seen;

	for (int i = 0; i < MOST_REQUESTS && is_asked() && !sum_of_wrong(); i++)
		acknowledge();
	seen = interrupts();
	asked_before = is_asked();
	before = host_restores();
	migrate_quiet();
	check_vector();
	if (host_restores() != before && !wait_until(is_asked(), ARRIVE_MS))
		complain(
			"another VM has taken the guest over, and the device does not ask its driver to announce it: the status is 0x%x",
			status());
	if (is_asked() && !asked_before && !wait_until(interrupts() != seen, ARRIVE_MS))
		complain(
			"the status is 0x%x after the action, and no configuration change interrupt came",
			status());
}

static void run_announce(enum virtio_interface interface, enum virtio_interrupts interrupts_by)
{
	const struct kind kind = { .interface = interface,
				   .interrupts = interrupts_by,
				   .features = BIT(VIRTIO_NET_F_STATUS) |
					       BIT(VIRTIO_NET_F_CTRL_VQ) |
					       BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) };

	if (!open_ports(&kind))
		return;
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++)
		ask_for_action();
	if (is_asked() && !sum_of_wrong())
		acknowledge();
	report(!sum_of_wrong(),
	       "%s: %d actions, %d configuration change interrupts: %u times something wrong",
	       receiver.device.name, ACTIONS_PER_TEST, interrupts(), sum_of_wrong());
	close_ports();
}

TEST(announce_modern_msix, .needs = TWO_PORTS,
     .about = "a network device that has moved asks its driver to announce it: modern, MSI-X")
{
	run_announce(VIRTIO_MODERN, VIRTIO_MSIX);
}

TEST(announce_legacy_msix, .needs = TWO_PORTS,
     .about = "a network device that has moved asks its driver to announce it: legacy, MSI-X")
{
	run_announce(VIRTIO_LEGACY, VIRTIO_MSIX);
}

TEST(announce_legacy_intx, .needs = TWO_PORTS,
     .about = "a network device that has moved asks its driver to announce it: legacy, INTx")
{
	run_announce(VIRTIO_LEGACY, VIRTIO_INTX);
}
