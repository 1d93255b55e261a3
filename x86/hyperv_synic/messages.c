// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: hypercalls and messages (Hyper-V TLFS, "Hypercall Interface" and
 * "Inter-Partition Communication", "SynIC Message Page"). A part of the program hyperv_synic:
 * see hyperv_synic.c.
 */
#include "hyperv-testdev.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

#define NO_CONNECTION 0xee
#define CONNECTION    0x21

/*
 * A broken hypervisor takes hypercalls before the guest has given its id, or its page holds no
 * code, or the registers or the page do not survive an action. The page works on all CPUs,
 * whichever CPU has enabled it.
 */
TEST(hypercall_page, .on = EACH_CPU, .needs = ALL_OF(HV_HYPERCALL, HV_SYNIC),
     .about =
	     "the hypercall page works once the guest has an id, survives an action, and is off without the id")
{
	u64 payload = 0;
	u16 status;

	wrmsr(HV_X64_MSR_GUEST_OS_ID, 0);
	hv_hypercall_start();
	report(rdmsr(HV_X64_MSR_GUEST_OS_ID) == HV_GUEST_OS_ID, "GUEST_OS_ID reads back: 0x%lx",
	       rdmsr(HV_X64_MSR_GUEST_OS_ID));
	report(rdmsr(HV_X64_MSR_HYPERCALL) == hv_hypercall_register(),
	       "HYPERCALL reads back: 0x%lx", rdmsr(HV_X64_MSR_HYPERCALL));
	hv_synic_start_all();
	status = hv_post_message(NO_CONNECTION, 1, &payload, sizeof(payload));
	report(status == HV_STATUS_INVALID_CONNECTION_ID,
	       "HvCallPostMessage to connection 0x%x, which is not there: status %u", NO_CONNECTION,
	       status);
	status = hv_signal_event(NO_CONNECTION, 0);
	report(status == HV_STATUS_INVALID_CONNECTION_ID || status == HV_STATUS_INVALID_PORT_ID,
	       "HvCallSignalEvent to connection 0x%x, which is not there: status %u", NO_CONNECTION,
	       status);
	migrate_quiet();
	report(rdmsr(HV_X64_MSR_GUEST_OS_ID) == HV_GUEST_OS_ID &&
		       rdmsr(HV_X64_MSR_HYPERCALL) == hv_hypercall_register(),
	       "after an action: GUEST_OS_ID 0x%lx, HYPERCALL 0x%lx", rdmsr(HV_X64_MSR_GUEST_OS_ID),
	       rdmsr(HV_X64_MSR_HYPERCALL));
	status = hv_post_message(NO_CONNECTION, 1, &payload, sizeof(payload));
	report(status == HV_STATUS_INVALID_CONNECTION_ID, "and the page works: status %u", status);
	hv_synic_stop_all();

	wrmsr(HV_X64_MSR_GUEST_OS_ID, 0);
	report(!(rdmsr(HV_X64_MSR_HYPERCALL) & HV_HYPERCALL_ENABLE),
	       "without a guest id the page is off: HYPERCALL 0x%lx", rdmsr(HV_X64_MSR_HYPERCALL));
	wrmsr(HV_X64_MSR_HYPERCALL, hv_hypercall_register());
	report(!(rdmsr(HV_X64_MSR_HYPERCALL) & HV_HYPERCALL_ENABLE),
	       "and cannot be turned on: HYPERCALL 0x%lx", rdmsr(HV_X64_MSR_HYPERCALL));
	hv_hypercall_stop();
}

#define MESSAGE_TYPE 0x4d534731

static void fill_payload(u8 *payload, size_t size, u8 seed)
{
	for (size_t i = 0; i < size; i++)
		payload[i] = seed + 7 * i;
}

static bool check_message(int sint, const struct hv_message *message, size_t size, u8 seed)
{
	u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];

	fill_payload(payload, size, seed);
	return report_if_failed(
		message->header.message_type == MESSAGE_TYPE &&
			message->header.payload_size == size &&
			!memcmp(message->payload, payload, size),
		"SINT %d of CPU %d: message type 0x%x instead of 0x%x, payload size %u instead of %lu, payload %s",
		sint, smp_id(), message->header.message_type, MESSAGE_TYPE,
		message->header.payload_size, size,
		memcmp(message->payload, payload, size) ? "wrong" : "right");
}

static u16 post(size_t size, u8 seed)
{
	u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];

	fill_payload(payload, size, seed);
	return hv_post_message(CONNECTION, MESSAGE_TYPE, payload, size);
}

static bool post_and_check(int sint, size_t size, u8 seed)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	u16 status;

	hv_synic_forget();
	status = post(size, seed);
	if (!report_if_failed(status == HV_STATUS_SUCCESS, "HvCallPostMessage: status %u", status))
		return false;
	wait_until(READ_ONCE(synic->arrivals), PATIENCE_MS);
	linger();
	return report_if_failed(
		       READ_ONCE(synic->arrivals) == 1 && synic->interrupts == 1 &&
			       synic->arrival[0].sint == sint && !hv_messages_waiting() &&
			       !hv_synic_elsewhere(),
		       "SINT %d of CPU %d: %u messages, the first for SINT %d, %u interrupts, %d more messages in slots, %u on other CPUs",
		       sint, smp_id(), synic->arrivals,
		       synic->arrivals ? synic->arrival[0].sint : HV_NO_SINT, synic->interrupts,
		       hv_messages_waiting(), hv_synic_elsewhere()) &&
	       check_message(sint, &synic->arrival[0].message, size, seed);
}

/* A broken hypervisor cuts off payloads, or writes to another slot or another CPU. */
TEST(messages, .on = EACH_CPU, .needs = TALK,
     .about = "a posted message comes whole to the slot of its connection, and to no other")
{
	static const size_t sizes[] = { 0, 1, 8, 24, 239 };
	int good = 0;

	device_begin();
	hv_hypercall_start();
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
		hv_testdev_message_create(vp_index, sint, CONNECTION);
		good += post_and_check(sint, sizes[sint % ARRAY_SIZE(sizes)], sint);
		hv_testdev_message_destroy(CONNECTION);
	}
	report(good == HV_SYNIC_SINT_COUNT, "messages to %d of %d SINTs", good,
	       HV_SYNIC_SINT_COUNT);
	hv_hypercall_stop();
	device_end();
}

static void check_busy(u64 flags)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	struct hv_message message;
	const int sint = 7;
	u32 interrupts;
	u16 status;

	device_begin();
	hv_hypercall_start();
	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), flags);
	hv_testdev_message_create(vp_index, sint, CONNECTION);
	synic->held = BIT(sint);
	status = post(16, 'a');
	wait_until(READ_ONCE(synic->interrupts), PATIENCE_MS);
	linger();
	interrupts = synic->interrupts;
	report(status == HV_STATUS_SUCCESS && interrupts == 1 && !hv_is_pending(sint),
	       "the first message: status %u, %u interrupts, flags 0x%x", status, interrupts,
	       hv_slot(sint)->header.message_flags);

	status = post(32, 'b');
	report(status == HV_STATUS_SUCCESS, "the second, while the slot is busy: status %u",
	       status);
	report(wait_until(hv_is_pending(sint), PATIENCE_MS), "MessagePending gets set: flags 0x%x",
	       hv_slot(sint)->header.message_flags);
	linger();
	report(READ_ONCE(synic->interrupts) == interrupts, "no interrupt for it: %u",
	       synic->interrupts - interrupts);
	/*
	 * Posts the same bytes, since the device copies them to its only buffer before it
	 * refuses them.
	 */
	status = post(32, 'b');
	report(status == HV_STATUS_INSUFFICIENT_BUFFERS,
	       "a third one finds no buffer (the device has one): status %u", status);

	hv_take_message(sint, &message);
	check_message(sint, &message, 16, 'a');
	hv_eom();
	report(wait_until(READ_ONCE(hv_slot(sint)->header.message_type) != HVMSG_NONE, PATIENCE_MS),
	       "EOM brings the second");
	wait_until(READ_ONCE(synic->interrupts) != interrupts, PATIENCE_MS);
	linger();
	hv_take_message(sint, &message);
	check_message(sint, &message, 32, 'b');
	hv_eom();
	linger();
	report(!hv_messages_waiting() && READ_ONCE(synic->interrupts) == interrupts + 1,
	       "with one interrupt (%u), and nothing after it (%d)", synic->interrupts - interrupts,
	       hv_messages_waiting());
	hv_testdev_message_destroy(CONNECTION);
	hv_hypercall_stop();
	device_end();
}

/*
 * A broken hypervisor overwrites the first message, loses the second, does not set
 * MessagePending, or does not tell the sender of the EOM. The handler sends its EOI before the
 * second message comes. So the EOI cannot do the EOM's work.
 */
TEST(busy_slot, .on = EACH_CPU, .needs = TALK,
     .about = "a posted message for a busy slot waits with MessagePending set, and EOM brings it")
{
	check_busy(0);
}

TEST(busy_slot_auto_eoi, .on = EACH_CPU, .needs = TALK,
     .about = "a posted message for a busy slot of a SINT with AutoEOI waits, and EOM brings it")
{
	check_busy(HV_SYNIC_SINT_AUTO_EOI);
}
