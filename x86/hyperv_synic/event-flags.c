// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: event flags (Hyper-V TLFS, "Inter-Partition Communication", "SynIC Event
 * Flags"). A part of the program hyperv_synic: see hyperv_synic.c.
 */
#include "hyperv-testdev.h"
#include "smp.h"
#include "vm.h"
#include "x86/hyperv_synic/hyperv_synic.h"

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
	/* As the flag is still set, this signal must make no interrupt. */
	hv_signal_event(connection, 0);
	linger();
	if (on_vector(HV_SINT_VECTOR(sint)) != 1 || synic->interrupts != 1)
		problem = "not one interrupt";
	else if (flags_set(smp_id()) != 1 || flags_elsewhere() || hv_messages_waiting())
		problem = "not one flag alone";
	else if (!test_and_clear_flag(sint, connection))
		problem = "not the connection's flag";
	return report_if_failed(
		!problem,
		"SINT %d of CPU %d, flag %u: %s: %u interrupts, %u of vector 0x%x, %d flags, %d on other CPUs",
		sint, smp_id(), connection, problem, synic->interrupts,
		on_vector(HV_SINT_VECTOR(sint)), HV_SINT_VECTOR(sint), flags_set(smp_id()),
		flags_elsewhere());
}

/*
 * A broken hypervisor sets another flag, or the flag of another slot or CPU. Or it raises another
 * interrupt for a flag that is still set, or none for a flag that was cleared and is set again.
 */
TEST(event_flags, .on = EACH_CPU, .needs = TALK,
     .about =
	     "a SynIC signal sets one flag of one SINT, and makes one interrupt until the flag is cleared")
{
	int good = 0;

	device_begin();
	hv_hypercall_start();
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		/* Uses every word of the flags once, and both ends of a word. */
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
