// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hyper-V's synthetic interrupt controller: registers, synthetic interrupt sources
 * (SINTs), message slots and event flags. What timers do with it is in hyperv_stimer.c.
 *
 * The truth: TLFS "Inter-Partition Communication" (SynIC messages, event flags, SynIC
 * MSRs), "Hypercall Interface", and for which register there is "Feature and Interface
 * Discovery".
 *
 * The other end of SynIC connections is QEMU's hyperv-testdev (lib/x86/hyperv-testdev.h):
 * it raises a SINT, posts messages back, sets event flags. So a failure of those tests may
 * be KVM's or QEMU's, and the guest cannot tell them apart: SINTs, EOI and EOM are KVM's,
 * slots and flags of the device QEMU's (hw/hyperv/hyperv.c). The device does not move with
 * the guest, hence these tests hold moves off while they use it; across a move there are
 * the registers and the pages here, and busy slots in hyperv_stimer.c.
 *
 * What KVM is known not to do, and the tests mark by hv_report_strict() (Linux 6.1):
 *  - SCONTROL is kept, but a SINT is raised whether it is on or not.
 */
#include "libcflat.h"
#include "apic.h"
#include "barrier.h"
#include "hyperv.h"
#include "hyperv-testdev.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define SYNIC	ALL_OF(HV_SYNIC, HV_TIME_REF_COUNT)
#define TESTDEV ALL_OF(HV_SYNIC, HV_TIME_REF_COUNT, HV_VP_INDEX, HV_TESTDEV)
#define TALK	ALL_OF(HV_SYNIC, HV_HYPERCALL, HV_VP_INDEX, HV_TESTDEV)

/* What anything may take, at full speed. */
#define PATIENCE_MS 5000

/* ======== registers ======== */

struct register_group {
	const char *name;
	u64 available; /* in EAX of the leaf of features */
	u32 first, last;
	bool read_only;
};

static const struct register_group groups[] = {
	{ "GUEST_OS_ID, HYPERCALL", HV_MSR_HYPERCALL_AVAILABLE, HV_X64_MSR_GUEST_OS_ID,
	  HV_X64_MSR_HYPERCALL, false },
	{ "VP_INDEX", HV_MSR_VP_INDEX_AVAILABLE, HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX, true },
	{ "RESET", HV_MSR_RESET_AVAILABLE, HV_X64_MSR_RESET, HV_X64_MSR_RESET, false },
	{ "VP_RUNTIME", HV_MSR_VP_RUNTIME_AVAILABLE, HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME,
	  true },
	{ "TIME_REF_COUNT", HV_MSR_TIME_REF_COUNT_AVAILABLE, HV_X64_MSR_TIME_REF_COUNT,
	  HV_X64_MSR_TIME_REF_COUNT, true },
	{ "REFERENCE_TSC", HV_MSR_REFERENCE_TSC_AVAILABLE, HV_X64_MSR_REFERENCE_TSC,
	  HV_X64_MSR_REFERENCE_TSC, false },
	{ "TSC_FREQUENCY, APIC_FREQUENCY", HV_ACCESS_FREQUENCY_MSRS, HV_X64_MSR_TSC_FREQUENCY,
	  HV_X64_MSR_APIC_FREQUENCY, true },
	{ "SCONTROL", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SCONTROL, HV_X64_MSR_SCONTROL, false },
	{ "SVERSION", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SVERSION, HV_X64_MSR_SVERSION, true },
	{ "SIEFP, SIMP, EOM", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SIEFP, HV_X64_MSR_EOM, false },
	{ "SINT0 to SINT15", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SINT0, HV_X64_MSR_SINT0 + 15,
	  false },
	{ "STIMER0 to STIMER3", HV_MSR_SYNTIMER_AVAILABLE, HV_X64_MSR_STIMER0_CONFIG,
	  HV_X64_MSR_STIMER0_CONFIG + 7, false },
};

static void check_group(const struct register_group *group, bool available)
{
	int wrong = 0;
	u32 which = 0;
	u64 value;

	for (u32 msr = group->first; msr <= group->last; msr++) {
		int reads = rdmsr_safe(msr, &value), writes = 0;

		/* To write what was read changes nothing in those that can be written. */
		if (!available || group->read_only)
			writes = wrmsr_safe(msr, value);
		if ((reads == GP_VECTOR) != !available ||
		    (writes == GP_VECTOR) != (!available || group->read_only)) {
			which = which ?: msr;
			wrong++;
		}
	}
	report(!wrong, "%s: CPUID says that they are %s; %d registers behave otherwise%s%x",
	       group->name, available ? "there" : "not there, so #GP", wrong,
	       wrong ? ", the first 0x" : " ", which);
}

/*
 * CPUID tells which registers there are. One that is missing has to fault, or a guest
 * that tries it out is misled; one that is there has to be readable. A hypervisor may
 * have registers in spite of CPUID unless it is told not to (KVM_CAP_HYPERV_ENFORCE_CPUID,
 * QEMU's hv-enforce-cpuid). Run this with Hyper-V's interface on and off.
 */
TEST(registers_as_cpuid_says, .on = EACH_CPU, .needs = HV_HOST,
     .about = "a register that CPUID announces can be read, one that it does not raises #GP")
{
	u64 features = hv_features().a;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		check_group(&groups[i], features & groups[i].available);
}

/* Every round finds them so again, if the other tests clean up and nothing is left over. */
TEST(defaults, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "before anybody writes them SINTs are masked, pages, SCONTROL and timers off")
{
	int masked = 0, stopped = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		masked += rdmsr(HV_X64_MSR_SINT0 + sint) == HV_SYNIC_SINT_MASKED;
	report(masked == HV_SYNIC_SINT_COUNT, "%d of %d SINTs read 0x%lx", masked,
	       HV_SYNIC_SINT_COUNT, HV_SYNIC_SINT_MASKED);
	report(!rdmsr(HV_X64_MSR_SCONTROL), "SCONTROL is 0x%lx", rdmsr(HV_X64_MSR_SCONTROL));
	report(!rdmsr(HV_X64_MSR_SIMP), "SIMP is 0x%lx", rdmsr(HV_X64_MSR_SIMP));
	report(!rdmsr(HV_X64_MSR_SIEFP), "SIEFP is 0x%lx", rdmsr(HV_X64_MSR_SIEFP));
	report(!rdmsr(HV_X64_MSR_EOM), "EOM reads 0x%lx", rdmsr(HV_X64_MSR_EOM));
	if (!HV_STIMER[0]->present())
		return;
	for (int timer = 0; timer < HV_SYNIC_STIMER_COUNT; timer++)
		stopped += !hv_stimer_config(timer) && !hv_stimer_count(timer);
	report(stopped == HV_SYNIC_STIMER_COUNT, "%d of %d timers are stopped", stopped,
	       HV_SYNIC_STIMER_COUNT);
}

TEST(sversion, .on = EACH_CPU, .needs = HV_SYNIC, .about = "SVERSION is 1, and cannot be written")
{
	u64 before = rdmsr(HV_X64_MSR_SVERSION);

	report((u32)before == HV_SYNIC_VERSION_1, "SVERSION is 0x%lx", before);
	report(wrmsr_safe(HV_X64_MSR_SVERSION, 2) == GP_VECTOR, "writing SVERSION raises #GP");
	report(rdmsr(HV_X64_MSR_SVERSION) == before, "it is still 0x%lx",
	       rdmsr(HV_X64_MSR_SVERSION));
}

TEST(vp_index, .on = EACH_CPU, .needs = HV_VP_INDEX, .about = "every CPU has a VP index of its own")
{
	static PER_CPU(u64, index);
	int cpu, same = 0;

	this_cpu(index) = rdmsr(HV_X64_MSR_VP_INDEX);
	for (cpu = 0; cpu < smp_id(); cpu++)
		same += *cpu_ptr(index, cpu) == this_cpu(index);
	report(!same, "VP index %lu is that of %d CPUs before", this_cpu(index), same);
	migrate_quiet();
	report(rdmsr(HV_X64_MSR_VP_INDEX) == this_cpu(index), "after a move it is %lu, was %lu",
	       rdmsr(HV_X64_MSR_VP_INDEX), this_cpu(index));
}

/*
 * "Valid values for vector are 16-255 inclusive. Specifying an invalid vector number
 * results in #GP." A hypervisor that takes one raises exceptions' vectors. (With the SINT
 * masked KVM takes any, since Hyper-V as a guest writes 0x10000; that is not asked for.)
 */
TEST(sint_vectors, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "SINT vectors 0 to 15 are refused with #GP and change nothing, others are taken")
{
	static const u8 valid[] = { 16, 32, 0x40, 0xff };
	int refused = 0, kept = 0, taken = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u32 msr = HV_X64_MSR_SINT0 + sint;

		for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
			taken += !wrmsr_safe(msr, valid[i] | HV_SYNIC_SINT_AUTO_EOI);
			taken += rdmsr(msr) == (valid[i] | HV_SYNIC_SINT_AUTO_EOI);
		}
		wrmsr(msr, HV_SINT_VECTOR(sint));
		for (u64 vector = 0; vector < HV_SYNIC_FIRST_VALID_VECTOR; vector++)
			refused += wrmsr_safe(msr, vector) == GP_VECTOR;
		kept += rdmsr(msr) == (u64)HV_SINT_VECTOR(sint);
		wrmsr(msr, HV_SYNIC_SINT_MASKED);
	}
	report(refused == HV_SYNIC_SINT_COUNT * HV_SYNIC_FIRST_VALID_VECTOR,
	       "%d of %d invalid vectors refused with #GP", refused,
	       HV_SYNIC_SINT_COUNT * HV_SYNIC_FIRST_VALID_VECTOR);
	report(kept == HV_SYNIC_SINT_COUNT, "%d of %d SINTs kept their value meanwhile", kept,
	       HV_SYNIC_SINT_COUNT);
	report(taken == 2 * HV_SYNIC_SINT_COUNT * (int)ARRAY_SIZE(valid),
	       "valid vectors are taken and read back: %d of %d", taken,
	       2 * HV_SYNIC_SINT_COUNT * (int)ARRAY_SIZE(valid));
}

/* ======== interrupts ======== */

static u8 vp_index;

/* SynICs on, and the device; until device_end() nobody moves the guest. */
static void device_begin(void)
{
	hv_synic_start_all();
	vp_index = rdmsr(HV_X64_MSR_VP_INDEX);
	hv_testdev_begin();
}

static void device_end(void)
{
	hv_testdev_end();
	hv_synic_stop_all();
}

static u32 on_vector(u8 vector)
{
	return READ_ONCE(this_cpu(hv_synic).on_vector[vector]);
}

/* Time for what must not come. */
static void linger(void)
{
	delay_us(3000);
}

/* Raises a SINT; whether that made `count` interrupts of its vector, and none besides. */
static bool raise(int sint, u8 vector, u32 count)
{
	hv_synic_forget();
	hv_testdev_route_set(vp_index, sint);
	wait_until(on_vector(vector) >= count, count ? PATIENCE_MS : 1);
	linger();
	return on_vector(vector) == count && READ_ONCE(this_cpu(hv_synic).interrupts) == count &&
	       !hv_synic_elsewhere();
}

static bool report_raise(int sint, u8 vector, u32 count, const char *what)
{
	return report_if_failed(raise(sint, vector, count),
				"%s: SINT %d of CPU %d (0x%lx) should make %u interrupts of vector "
				"0x%x: it made %u, %u of all vectors, %u not in service in the "
				"local APIC, and %u on other CPUs",
				what, sint, smp_id(), rdmsr(HV_X64_MSR_SINT0 + sint), count, vector,
				on_vector(vector), this_cpu(hv_synic).interrupts,
				this_cpu(hv_synic).not_in_service, hv_synic_elsewhere());
}

/*
 * A hypervisor that mixes up SINTs, vectors or CPUs, raises a masked SINT, or keeps what
 * came while it was masked for later. The other CPUs' SynICs are on, and must stay silent.
 */
TEST(sints, .on = EACH_CPU, .needs = TESTDEV,
     .about = "each SINT makes one interrupt of its vector, on its CPU alone, none when masked")
{
	int good = 0;

	device_begin();
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u8 vector = HV_SINT_VECTOR(sint);

		hv_testdev_route_create(vp_index, sint);
		good += report_raise(sint, vector, 0, "masked");
		hv_sint_unmask(sint, vector, 0);
		linger();
		good += report_if_failed(!on_vector(vector),
					 "SINT %d of CPU %d: unmasked, and "
					 "there comes what it was raised for before",
					 sint, smp_id());
		good += report_raise(sint, vector, 1, "unmasked");
		good += report_raise(sint, vector, 1, "again");
		hv_sint_mask(sint);
		good += report_raise(sint, vector, 0, "masked again");
		hv_testdev_route_destroy(vp_index, sint);
	}
	report(good == 5 * HV_SYNIC_SINT_COUNT, "16 SINTs: %d of %d as they should be", good,
	       5 * HV_SYNIC_SINT_COUNT);
	device_end();
}

/*
 * With AutoEOI the hypervisor clears the bit in the local APIC's ISR when it delivers the
 * interrupt; the handler sends no EOI, so that a hypervisor that does not do it delivers no
 * second one. Without AutoEOI the bit has to be set in the handler. The handler looks at
 * the bit; that it sees the same as the hypervisor is the local APIC's business.
 */
TEST(auto_eoi, .on = EACH_CPU, .needs = TESTDEV,
     .about = "AutoEOI ends the interrupt at its delivery; without it the handler does")
{
	const int sint = 3;

	device_begin();
	hv_testdev_route_create(vp_index, sint);
	for (int with = 0; with <= 1; with++) {
		const char *what = with ? "with AutoEOI" : "without AutoEOI";

		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), with ? HV_SYNIC_SINT_AUTO_EOI : 0);
		for (int times = 0; times < 3; times++) {
			report_raise(sint, HV_SINT_VECTOR(sint), 1, what);
			report_if_failed(this_cpu(hv_synic).not_in_service == (u32)with,
					 "%s: in the handler the local APIC has it %sin service",
					 what, with ? "" : "not ");
		}
		report(!apic_read_bit(APIC_ISR, HV_SINT_VECTOR(sint)),
		       "%s: nothing is in service afterwards", what);
	}
	hv_testdev_route_destroy(vp_index, sint);
	device_end();
}

/*
 * While an interrupt is in service the next one waits for its EOI. A hypervisor that
 * forgets it, or that delivers it twice.
 */
TEST(waits_for_eoi, .on = EACH_CPU, .needs = TESTDEV,
     .about = "a SINT raised with interrupts off, and again, makes one interrupt when they are on")
{
	const int sint = 4;
	const u8 vector = HV_SINT_VECTOR(sint);
	bool requested;

	device_begin();
	hv_testdev_route_create(vp_index, sint);
	hv_sint_unmask(sint, vector, 0);
	irq_disable();
	hv_testdev_route_set(vp_index, sint);
	requested = wait_until(apic_read_bit(APIC_IRR, vector), PATIENCE_MS);
	hv_testdev_route_set(vp_index, sint);
	linger();
	report(requested && !on_vector(vector), "it waits in the local APIC's IRR");
	irq_enable();
	wait_until(on_vector(vector), PATIENCE_MS);
	linger();
	report(on_vector(vector) == 1, "one interrupt: %u", on_vector(vector));
	hv_testdev_route_destroy(vp_index, sint);
	device_end();
}

/* A SINT's vector is the guest's choice, also the same for two. */
TEST(two_sints_one_vector, .on = EACH_CPU, .needs = TESTDEV,
     .about = "two SINTs may share a vector: each raises it, and masking one leaves the other")
{
	const int sints[] = { 5, 9 };
	const u8 vector = HV_SINT_VECTOR(12);

	device_begin();
	for (int i = 0; i < 2; i++) {
		hv_testdev_route_create(vp_index, sints[i]);
		hv_sint_unmask(sints[i], vector, 0);
	}
	for (int i = 0; i < 2; i++)
		report_raise(sints[i], vector, 1, "both unmasked");
	hv_sint_mask(sints[0]);
	report_raise(sints[0], vector, 0, "masked, while the other is not");
	report_raise(sints[1], vector, 1, "while the other is masked");
	hv_sint_unmask(sints[0], vector, 0);
	report_raise(sints[0], vector, 1, "unmasked again");
	report_pass("vector 0x%x for SINTs %d and %d", vector, sints[0], sints[1]);
	for (int i = 0; i < 2; i++)
		hv_testdev_route_destroy(vp_index, sints[i]);
	device_end();
}

/*
 * "When clear, message queuing and event flag notifications cannot be directed to this
 * virtual processor." The route was made while SCONTROL was on, so QEMU has one.
 */
TEST(scontrol_off, .on = EACH_CPU, .needs = TESTDEV,
     .about = "while SCONTROL is off no SINT makes an interrupt, and then it does again")
{
	const int sint = 6;

	device_begin();
	hv_testdev_route_create(vp_index, sint);
	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
	report_raise(sint, HV_SINT_VECTOR(sint), 1, "SCONTROL on");
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	hv_report_strict(raise(sint, HV_SINT_VECTOR(sint), 0), "SCONTROL off: %u interrupts",
			 on_vector(HV_SINT_VECTOR(sint)));
	wrmsr(HV_X64_MSR_SCONTROL, HV_SYNIC_ENABLE);
	linger();
	report_raise(sint, HV_SINT_VECTOR(sint), 1, "SCONTROL on again");
	report_pass("SCONTROL off and on");
	hv_testdev_route_destroy(vp_index, sint);
	device_end();
}

/* ======== hypercalls and messages ======== */

#define NO_CONNECTION 0xee
#define CONNECTION    0x21

/*
 * A hypervisor that lets hypercalls in before the guest has said who it is, or whose page
 * holds no code. The page works on all CPUs, on whichever it was enabled.
 */
TEST(hypercall_page, .on = EACH_CPU, .needs = ALL_OF(HV_HYPERCALL, HV_SYNIC),
     .about = "the hypercall page needs a guest id, works with it, and goes with it")
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
	       "after a move: GUEST_OS_ID 0x%lx, HYPERCALL 0x%lx", rdmsr(HV_X64_MSR_GUEST_OS_ID),
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

static struct hv_message *slot_of(int sint)
{
	return &this_cpu(hv_synic).messages->slot[sint];
}

static bool check_message(int sint, const struct hv_message *message, size_t size, u8 seed)
{
	u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];

	fill_payload(payload, size, seed);
	return report_if_failed(
		message->header.message_type == MESSAGE_TYPE &&
			message->header.payload_size == size &&
			!memcmp(message->payload, payload, size),
		"SINT %d of CPU %d: message type 0x%x instead of 0x%x, payload size "
		"%u instead of %lu, payload %s",
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

/* How many messages there are in this CPU's slots. */
static int messages_waiting(void)
{
	int count = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		count += READ_ONCE(slot_of(sint)->header.message_type) != HVMSG_NONE;
	return count;
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
	return report_if_failed(READ_ONCE(synic->arrivals) == 1 && synic->interrupts == 1 &&
					synic->arrival[0].sint == sint && !messages_waiting() &&
					!hv_synic_elsewhere(),
				"SINT %d of CPU %d: %u messages, the first for SINT %d, %u "
				"interrupts, %d more messages in slots, %u on other CPUs",
				sint, smp_id(), synic->arrivals,
				synic->arrivals ? synic->arrival[0].sint : HV_NO_SINT,
				synic->interrupts, messages_waiting(), hv_synic_elsewhere()) &&
	       check_message(sint, &synic->arrival[0].message, size, seed);
}

/* A hypervisor that cuts payloads, or writes to another slot or CPU. */
TEST(messages, .on = EACH_CPU, .needs = TALK,
     .about = "a posted message comes to its connection's slot and no other, whole")
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

static bool is_pending(int sint)
{
	return READ_ONCE(slot_of(sint)->header.message_flags) & HV_MESSAGE_FLAG_PENDING;
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
	report(status == HV_STATUS_SUCCESS && interrupts == 1 && !is_pending(sint),
	       "the first message: status %u, %u interrupts, flags 0x%x", status, interrupts,
	       slot_of(sint)->header.message_flags);

	status = post(32, 'b');
	report(status == HV_STATUS_SUCCESS, "the second, while the slot is busy: status %u",
	       status);
	report(wait_until(is_pending(sint), PATIENCE_MS), "MessagePending gets set: flags 0x%x",
	       slot_of(sint)->header.message_flags);
	linger();
	report(READ_ONCE(synic->interrupts) == interrupts, "no interrupt for it: %u",
	       synic->interrupts - interrupts);
	/* The same as before: the device copies it to its only buffer, and then refuses it. */
	status = post(32, 'b');
	report(status == HV_STATUS_INSUFFICIENT_BUFFERS,
	       "a third one finds no buffer (the device has one): status %u", status);

	hv_take_message(sint, &message);
	check_message(sint, &message, 16, 'a');
	hv_eom();
	report(wait_until(READ_ONCE(slot_of(sint)->header.message_type) != HVMSG_NONE, PATIENCE_MS),
	       "EOM brings the second");
	wait_until(READ_ONCE(synic->interrupts) != interrupts, PATIENCE_MS);
	linger();
	hv_take_message(sint, &message);
	check_message(sint, &message, 32, 'b');
	hv_eom();
	linger();
	report(!messages_waiting() && READ_ONCE(synic->interrupts) == interrupts + 1,
	       "with one interrupt (%u), and nothing after it (%d)", synic->interrupts - interrupts,
	       messages_waiting());
	hv_testdev_message_destroy(CONNECTION);
	hv_hypercall_stop();
	device_end();
}

/*
 * A hypervisor that overwrites the first message, loses the second, does not set
 * MessagePending, or does not tell the sender of the EOM. The handler's EOI came
 * before the second message, so it cannot do the EOM's work.
 */
TEST(busy_slot, .on = EACH_CPU, .needs = TALK,
     .about = "a message for a busy slot waits with MessagePending, and EOM brings it")
{
	check_busy(0);
}

TEST(busy_slot_auto_eoi, .on = EACH_CPU, .needs = TALK, .about = "the same for a SINT with AutoEOI")
{
	check_busy(HV_SYNIC_SINT_AUTO_EOI);
}

/* ======== event flags ======== */

#define FLAGS_IN_WORD 64

static bool test_and_clear_flag(int sint, u32 flag)
{
	u64 *word = &this_cpu(hv_synic).events->slot[sint][flag / FLAGS_IN_WORD];
	u64 bit = BIT(flag % FLAGS_IN_WORD);

	return __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST) & bit;
}

static int flags_set(int cpu)
{
	const u64 *words = cpu_ptr(hv_synic, cpu)->events->slot[0];
	int count = 0;

	for (size_t i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		for (u64 word = READ_ONCE(words[i]); word; word &= word - 1)
			count++;
	return count;
}

static int flags_elsewhere(void)
{
	int cpu, count = 0;

	for_each_cpu (cpu)
		if (cpu != smp_id())
			count += flags_set(cpu);
	return count;
}

static bool signal_and_check(int sint, u8 connection)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	const char *problem = NULL;

	hv_synic_forget();
	if (hv_signal_event(connection, 0) != HV_STATUS_SUCCESS)
		problem = "HvCallSignalEvent is refused";
	wait_until(READ_ONCE(synic->interrupts), PATIENCE_MS);
	/* While the flag is set there is nothing to notify of. */
	hv_signal_event(connection, 0);
	linger();
	if (on_vector(HV_SINT_VECTOR(sint)) != 1 || synic->interrupts != 1)
		problem = "not one interrupt";
	else if (flags_set(smp_id()) != 1 || flags_elsewhere() || messages_waiting())
		problem = "not one flag alone";
	else if (!test_and_clear_flag(sint, connection))
		problem = "not the connection's flag";
	return report_if_failed(!problem,
				"SINT %d of CPU %d, flag %u: %s: %u interrupts, %u of vector 0x%x, "
				"%d flags, %d on other CPUs",
				sint, smp_id(), connection, problem, synic->interrupts,
				on_vector(HV_SINT_VECTOR(sint)), HV_SINT_VECTOR(sint),
				flags_set(smp_id()), flags_elsewhere());
}

/*
 * A hypervisor that sets another flag, or one in another slot or CPU; that notifies again
 * of a flag that is still set, or not again of one that was cleared.
 */
TEST(event_flags, .on = EACH_CPU, .needs = TALK,
     .about = "a signal sets one flag of one SINT, with one interrupt until it is cleared")
{
	int good = 0;

	device_begin();
	hv_hypercall_start();
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		/* In every word once, and at its ends. */
		u8 connection = (sint % 4) * FLAGS_IN_WORD + (sint & 4 ? 63 : sint);

		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
		hv_testdev_event_create(vp_index, sint, connection);
		good += signal_and_check(sint, connection);
		good += signal_and_check(sint, connection);
		good += report_if_failed(hv_signal_event(connection, 1) != HV_STATUS_SUCCESS,
					 "a connection with one flag takes flag number 1");
		hv_testdev_event_destroy(connection);
		memset(&this_cpu(hv_synic).events->slot[sint], 0,
		       sizeof(this_cpu(hv_synic).events->slot[sint]));
	}
	report(good == 3 * HV_SYNIC_SINT_COUNT, "event flags of 16 SINTs: %d of %d as they should",
	       good, 3 * HV_SYNIC_SINT_COUNT);
	hv_hypercall_stop();
	device_end();
}

/* ======== moves ======== */

struct synic_registers {
	u64 sint[HV_SYNIC_SINT_COUNT];
};

static PER_CPU(struct synic_registers, written);

static u8 byte_at(int page, size_t at)
{
	return 0x35 * smp_id() + 0x71 * page + 3 * at + (at >> 8) + 1;
}

static void fill_page(void *page, int which)
{
	for (size_t at = 0; at < PAGE_SIZE; at++)
		((u8 *)page)[at] = byte_at(which, at);
}

static int bytes_changed(const void *page, int which)
{
	int changed = 0;

	for (size_t at = 0; at < PAGE_SIZE; at++)
		changed += ((const volatile u8 *)page)[at] != byte_at(which, at);
	return changed;
}

/* All that a guest may write, to values that differ by CPU and SINT. */
static void write_here(void *unused)
{
	struct synic_registers *values = &this_cpu(written);

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		values->sint[sint] = (u64)(HV_FIRST_VECTOR + (5 * smp_id() + sint) % 0x20) |
				     (sint % 3 == 0 ? HV_SYNIC_SINT_AUTO_EOI : 0) |
				     (sint % 5 == 0 ? HV_SYNIC_SINT_MASKED : 0);
		wrmsr(HV_X64_MSR_SINT0 + sint, values->sint[sint]);
	}
	fill_page(this_cpu(hv_synic).messages, 0);
	fill_page(this_cpu(hv_synic).events, 1);
}

static void check_here(const char *when)
{
	const struct hv_synic *synic = &this_cpu(hv_synic);
	int good = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u64 value = rdmsr(HV_X64_MSR_SINT0 + sint), should = this_cpu(written).sint[sint];

		good += report_if_failed(value == should,
					 "%s: SINT %d of CPU %d is 0x%lx, was 0x%lx", when, sint,
					 smp_id(), value, should);
	}
	report(good == HV_SYNIC_SINT_COUNT, "%s: %d of %d SINTs read back as written", when, good,
	       HV_SYNIC_SINT_COUNT);
	report(rdmsr(HV_X64_MSR_SIMP) == ((u64)synic->messages | HV_SYNIC_ENABLE) &&
		       rdmsr(HV_X64_MSR_SIEFP) == ((u64)synic->events | HV_SYNIC_ENABLE) &&
		       rdmsr(HV_X64_MSR_SCONTROL) == HV_SYNIC_ENABLE &&
		       (u32)rdmsr(HV_X64_MSR_SVERSION) == HV_SYNIC_VERSION_1,
	       "%s: SIMP 0x%lx (0x%lx), SIEFP 0x%lx (0x%lx), SCONTROL 0x%lx, SVERSION 0x%lx", when,
	       rdmsr(HV_X64_MSR_SIMP), (u64)synic->messages | HV_SYNIC_ENABLE,
	       rdmsr(HV_X64_MSR_SIEFP), (u64)synic->events | HV_SYNIC_ENABLE,
	       rdmsr(HV_X64_MSR_SCONTROL), rdmsr(HV_X64_MSR_SVERSION));
	report(!bytes_changed(synic->messages, 0) && !bytes_changed(synic->events, 1),
	       "%s: of the message page %d bytes changed, of the event flag page %d", when,
	       bytes_changed(synic->messages, 0), bytes_changed(synic->events, 1));
}

/*
 * A VMM that does not carry a register, or carries it to another CPU, or that leaves behind
 * the pages, which it may keep apart from the guest's memory (overlays). All CPUs'
 * registers and pages have values of their own.
 */
TEST(state_across_move, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "SynIC registers and pages hold after a move what was written before it")
{
	hv_synic_start_all();
	on_cpus(write_here, NULL);
	check_here("before the move");
	migrate_quiet();
	check_here("after the move");
	hv_synic_stop_all();
}

/*
 * A hypervisor that restores what the registers read, and not what follows from them: the
 * vectors that it looks at to deliver, and those with AutoEOI.
 */
TEST(interrupts_after_move, .on = EACH_CPU, .needs = TESTDEV,
     .about = "SINTs and routes made after a move, with SynIC on since before, work as ever")
{
	const int sint = 10;

	hv_synic_start_all();
	vp_index = rdmsr(HV_X64_MSR_VP_INDEX);
	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
	hv_sint_unmask(sint + 1, HV_SINT_VECTOR(sint + 1), HV_SYNIC_SINT_AUTO_EOI);
	migrate_quiet();
	hv_testdev_begin();
	for (int i = 0; i < 2; i++) {
		hv_testdev_route_create(vp_index, sint + i);
		report_raise(sint + i, HV_SINT_VECTOR(sint + i), 1, "after the move");
		report_raise(sint + i, HV_SINT_VECTOR(sint + i), 1, "and again");
		hv_testdev_route_destroy(vp_index, sint + i);
	}
	report_pass("SINTs %d and %d after the move", sint, sint + 1);
	hv_testdev_end();
	hv_synic_stop_all();
}
