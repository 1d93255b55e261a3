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
#include "hyperv-testdev.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

u8 vp_index;

/* SynICs on, and the device; until device_end() nobody moves the guest. */
void device_begin(void)
{
	hv_synic_start_all();
	vp_index = rdmsr(HV_X64_MSR_VP_INDEX);
	hv_testdev_begin();
}

void device_end(void)
{
	hv_testdev_end();
	hv_synic_stop_all();
}

u32 on_vector(u8 vector)
{
	return READ_ONCE(this_cpu(hv_synic).on_vector[vector]);
}

/* Time for what must not come. */
void linger(void)
{
	delay_us(3000);
}

/* Raises a SINT; whether that made `count` interrupts of its vector, and none besides. */
bool raise(int sint, u8 vector, u32 count)
{
	hv_synic_forget();
	hv_testdev_route_set(vp_index, sint);
	wait_until(on_vector(vector) >= count, count ? PATIENCE_MS : 1);
	linger();
	return on_vector(vector) == count && READ_ONCE(this_cpu(hv_synic).interrupts) == count &&
	       !hv_synic_elsewhere();
}

bool report_raise(int sint, u8 vector, u32 count, const char *what)
{
	return report_if_failed(raise(sint, vector, count),
				"%s: SINT %d of CPU %d (0x%lx) should make %u interrupts of vector "
				"0x%x: it made %u, %u of all vectors, %u not in service in the "
				"local APIC, and %u on other CPUs",
				what, sint, smp_id(), rdmsr(HV_X64_MSR_SINT0 + sint), count, vector,
				on_vector(vector), this_cpu(hv_synic).interrupts,
				this_cpu(hv_synic).not_in_service, hv_synic_elsewhere());
}

struct hv_message *slot_of(int sint)
{
	return &this_cpu(hv_synic).messages->slot[sint];
}

/* How many messages there are in this CPU's slots. */
int messages_waiting(void)
{
	int count = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		count += READ_ONCE(slot_of(sint)->header.message_type) != HVMSG_NONE;
	return count;
}
