// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net: two virtio network devices, which the VMM connects, while the guest is migrated.
 *
 * Specification: VIRTIO 1.2, 5.1 "Network Device". The guest sends frames from one device to the
 * other. A frame that arrives is whole, and arrives once and in order (IEEE 802.1D-2004, 6.3.3
 * "Frame misordering" and 6.3.4 "Frame duplication"). Networks may lose frames, so the tests do not
 * demand that each one arrives, only that frames go on arriving after an action. What the driver
 * has told the device by its control queue stays: which addresses and VLANs it lets in, its own
 * address, and that it may spread a frame over several buffers.
 *
 * A broken hypervisor loses buffers that wait in a queue, or an interrupt, and then nothing arrives
 * any more. It forgets filters: the guest gets frames that are not for it, or gets too few. A
 * device filters as well as it can (5.1.6.5), so a frame that has to stay out must do so only if
 * one like it stayed out before the action. The tests cannot tell a frame that was not sent from
 * one that was not let in.
 *
 * On the command line: break=frame, which damages a frame that has arrived, and break=filter, which
 * lets all frames in after the first action.
 */
#include "argument.h"
#include "deadline.h"
#include "migrate.h"
#include "test.h"
#include "x86/net/net.h"

/* A full frame and its header fit. */
#define WHOLE_BUFFER 2048
/* A long frame needs six of these. */
#define SMALL_BUFFER 256

/* A frame may be lost on the way, but not again and again. */
#define ATTEMPTS 5

/*
 * Whether a frame like this arrives. It is tried again, since it may have been lost. Each one is
 * followed by a frame to the receiver's own address, which has to arrive, and arrives later.
 */
static bool arrives(const mac_address to, u16 vlan)
{
	bool any = false;

	for (int i = 0; i < ATTEMPTS; i++) {
		u64 number = send_frame(to, vlan);
		u64 marker = send_frame(receiver.mac, NO_VLAN);

		if (!number || !marker)
			return false;
		any |= wait_until((take_frames(), did_arrive(marker)), ARRIVE_MS / ATTEMPTS);
		if (did_arrive(number))
			return true;
	}
	if (!any)
		complain("no frame to the device's own address arrives");
	return false;
}

static void run_flow(const struct kind *kind)
{
	if (!open_ports(kind))
		return;
	begin_frames(kind);
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		migrate_quiet_while(let_frames_flow);
		wait_for_sender();
		arrives(receiver.mac, NO_VLAN);
	}
	report(!sum_of_wrong(), "%s: %lu of %lu frames arrived: %u times something wrong",
	       receiver.device.name, frames_arrived(), frames_sent(), sum_of_wrong());
	close_ports();
	end_frames();
}

TEST(flow_modern_polled, .needs = TWO_PORTS,
     .about =
	     "frames that arrive during a migration are whole and in order, and go on: modern, polled")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .buffer_bytes = WHOLE_BUFFER };

	run_flow(&kind);
}

TEST(flow_modern_msix, .needs = TWO_PORTS,
     .about =
	     "frames that arrive during a migration are whole and in order, and go on: modern, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .buffer_bytes = WHOLE_BUFFER };

	run_flow(&kind);
}

TEST(flow_legacy_intx, .needs = TWO_PORTS,
     .about =
	     "frames that arrive during a migration are whole and in order, and go on: legacy, INTx")
{
	static const struct kind kind = { .interface = VIRTIO_LEGACY,
					  .interrupts = VIRTIO_INTX,
					  .buffer_bytes = WHOLE_BUFFER };

	run_flow(&kind);
}

TEST(flow_packed, .needs = TWO_PORTS,
     .about =
	     "frames that arrive during a migration are whole and in order, and go on: packed, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .features = BIT(VIRTIO_F_RING_PACKED),
					  .buffer_bytes = WHOLE_BUFFER };

	run_flow(&kind);
}

/* A broken hypervisor forgets that frames may be spread, or that the header has num_buffers. */
TEST(flow_merged_modern, .needs = TWO_PORTS,
     .about = "frames are spread over several buffers before and after a migration: modern")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .features = BIT(VIRTIO_NET_F_MRG_RXBUF),
					  .buffer_bytes = SMALL_BUFFER };

	run_flow(&kind);
}

TEST(flow_merged_legacy, .needs = TWO_PORTS,
     .about = "frames are spread over several buffers before and after a migration: legacy")
{
	static const struct kind kind = { .interface = VIRTIO_LEGACY,
					  .interrupts = VIRTIO_POLLED,
					  .features = BIT(VIRTIO_NET_F_MRG_RXBUF),
					  .buffer_bytes = SMALL_BUFFER };

	run_flow(&kind);
}

/*
 * In a packed ring a device returns all buffers of a frame at once. Each used descriptor is as many
 * descriptors after the one before it as that buffer had. A broken hypervisor counts wrongly, and
 * the driver sees no frame, or buffers of no frame.
 */
TEST(flow_merged_packed, .needs = TWO_PORTS,
     .about = "frames are spread over several buffers before and after a migration: packed, MSI-X")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .features = BIT(VIRTIO_F_RING_PACKED) |
						      BIT(VIRTIO_NET_F_MRG_RXBUF),
					  .buffer_bytes = SMALL_BUFFER };

	run_flow(&kind);
}

/* ---- filters ---- */

static const mac_address broadcast = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const mac_address listed = { 0x02, 0, 0, 0, 0x11, 0x01 };
static const mac_address not_listed = { 0x02, 0, 0, 0, 0x11, 0x02 };
static const mac_address group = { 0x03, 0, 0, 0, 0x22, 0x01 };
static const mac_address other_group = { 0x03, 0, 0, 0, 0x22, 0x02 };

/* A frame that a filter lets in, or should keep out. */
struct visitor {
	const char *name;
	const u8 *to;
	u16 vlan;
	bool welcome;
	bool stayed_out; /* before the action */
};

static void check_visitors(struct visitor *visitors, int count, bool after)
{
	for (int i = 0; i < count; i++) {
		struct visitor *visitor = &visitors[i];
		bool came = arrives(visitor->to, visitor->vlan);

		if (visitor->welcome && !came)
			complain("%s the action, a frame %s does not arrive",
				 after ? "after" : "before", visitor->name);
		if (!visitor->welcome && after && visitor->stayed_out && came)
			complain("a frame %s stayed out before the action, and arrives after it",
				 visitor->name);
		if (!after)
			visitor->stayed_out = !came;
	}
}

static void set_promiscuous(u8 on)
{
	command(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on, 1);
}

static const struct kind filtering = { .interface = VIRTIO_MODERN,
				       .interrupts = VIRTIO_POLLED,
				       .features = BIT(VIRTIO_NET_F_CTRL_VQ) |
						   BIT(VIRTIO_NET_F_CTRL_RX),
				       .buffer_bytes = WHOLE_BUFFER };

/* SET_UP tells the device what to let in. */
static void run_filter(const struct kind *kind, void (*set_up)(void), struct visitor *visitors,
		       int count)
{
	if (!open_ports(kind))
		return;
	begin_frames(kind);
	set_up();
	check_visitors(visitors, count, false);
	for (int action = 0; action < ACTIONS_PER_TEST && !sum_of_wrong(); action++) {
		migrate_quiet();
		if (broken("filter"))
			set_promiscuous(1);
		check_visitors(visitors, count, true);
	}
	/* The control queue works as before. */
	set_promiscuous(1);
	report(!sum_of_wrong(), "%s: %d kinds of frames, %d actions: %u times something wrong",
	       receiver.device.name, count, ACTIONS_PER_TEST, sum_of_wrong());
	close_ports();
	end_frames();
}

static void list_addresses(void)
{
	/* 5.1.6.5.2: a list of unicast addresses, then one of multicast addresses */
	struct {
		u32 unicasts;
		mac_address unicast;
		u32 multicasts;
		mac_address multicast;
	} __packed table = { .unicasts = 1, .multicasts = 1 };

	memcpy(table.unicast, listed, MAC_BYTES);
	memcpy(table.multicast, group, MAC_BYTES);
	command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, &table, sizeof(table));
	set_promiscuous(0);
}

TEST(filter_by_address, .needs = TWO_PORTS,
     .about =
	     "a device lets in the same addresses after an action: its own, broadcasts, and those of its table")
{
	struct visitor visitors[] = {
		{ "to a listed address", listed, NO_VLAN, true, false },
		{ "to an address that is not listed", not_listed, NO_VLAN, false, false },
		{ "to a listed group", group, NO_VLAN, true, false },
		{ "to a group that is not listed", other_group, NO_VLAN, false, false },
		{ "to all", broadcast, NO_VLAN, true, false },
	};

	run_filter(&filtering, list_addresses, visitors, ARRAY_SIZE(visitors));
}

static void let_all_in(void)
{
	set_promiscuous(1);
}

TEST(promiscuous, .needs = TWO_PORTS,
     .about = "a device that lets in all frames does so after an action")
{
	struct visitor visitors[] = {
		{ "to an address that is not its own", not_listed, NO_VLAN, true, false },
		{ "to a group", group, NO_VLAN, true, false },
	};

	run_filter(&filtering, let_all_in, visitors, ARRAY_SIZE(visitors));
}

/* 5.1.6.5.1: rules by the kind of address. Each is on or off, and 0 in the beginning. */
static void set_rule(u8 rule)
{
	u8 on = 1;

	command(VIRTIO_NET_CTRL_RX, rule, &on, 1);
}

static void all_groups_no_broadcasts(void)
{
	set_promiscuous(0);
	set_rule(VIRTIO_NET_CTRL_RX_ALLMULTI);
	set_rule(VIRTIO_NET_CTRL_RX_NOBCAST);
}

TEST(all_groups, .needs = TWO_PORTS,
     .about = "a device that lets in all groups and no broadcasts does so after an action")
{
	struct visitor visitors[] = {
		{ "to a group", group, NO_VLAN, true, false },
		{ "to all", broadcast, NO_VLAN, false, false },
		{ "to an address that is not its own", not_listed, NO_VLAN, false, false },
	};
	struct kind kind = filtering;

	kind.features |= BIT(VIRTIO_NET_F_CTRL_RX_EXTRA);
	run_filter(&kind, all_groups_no_broadcasts, visitors, ARRAY_SIZE(visitors));
}

static void all_single_addresses_no_groups(void)
{
	set_promiscuous(0);
	set_rule(VIRTIO_NET_CTRL_RX_ALLUNI);
	set_rule(VIRTIO_NET_CTRL_RX_NOMULTI);
}

TEST(all_single_addresses, .needs = TWO_PORTS,
     .about = "a device that lets in all single addresses and no groups does so after an action")
{
	struct visitor visitors[] = {
		{ "to an address that is not its own", not_listed, NO_VLAN, true, false },
		{ "to a group", group, NO_VLAN, false, false },
		{ "to all", broadcast, NO_VLAN, true, false },
	};
	struct kind kind = filtering;

	kind.features |= BIT(VIRTIO_NET_F_CTRL_RX_EXTRA);
	run_filter(&kind, all_single_addresses_no_groups, visitors, ARRAY_SIZE(visitors));
}

#define VLAN	   0x5a5
#define OTHER_VLAN 0x25a

static void let_vlan_in(void)
{
	u16 vlan = VLAN;

	command(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &vlan, sizeof(vlan));
	set_promiscuous(0);
}

TEST(filter_by_vlan, .needs = TWO_PORTS,
     .about = "a device lets in frames of the same VLANs after an action")
{
	struct visitor visitors[] = {
		{ "of a VLAN that was added", broadcast, VLAN, true, false },
		{ "of a VLAN that was not added", broadcast, OTHER_VLAN, false, false },
	};
	struct kind kind = filtering;

	kind.features |= BIT(VIRTIO_NET_F_CTRL_VLAN);
	run_filter(&kind, let_vlan_in, visitors, ARRAY_SIZE(visitors));
}

/* ---- the device's own address ---- */

static mac_address old_address;

static void take_new_address(void)
{
	static const mac_address new_address = { 0x02, 0, 0, 0, 0x33, 0x01 };

	memcpy(old_address, receiver.mac, MAC_BYTES);
	if (command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, new_address, MAC_BYTES))
		memcpy(receiver.mac, new_address, MAC_BYTES);
	set_promiscuous(0);
}

TEST(new_address, .needs = TWO_PORTS,
     .about = "a device that was given another address still has it after an action")
{
	struct visitor visitors[] = {
		{ "to the device's old address", old_address, NO_VLAN, false, false },
	};
	struct kind kind = filtering;

	kind.features |= BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);
	run_filter(&kind, take_new_address, visitors, ARRAY_SIZE(visitors));
}
