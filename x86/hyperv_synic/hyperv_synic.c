// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: Hyper-V's synthetic interrupt controller, its registers, synthetic interrupt
 * sources (SINTs), message slots and event flags. The program hyperv_stimer tests what timers do
 * with that controller.
 *
 * Specification: Hyper-V TLFS, "Inter-Partition Communication" (SynIC messages, event flags,
 * SynIC MSRs), "Hypercall Interface", and "Feature and Interface Discovery".
 *
 * The other end of a SynIC connection is QEMU's hyperv-testdev (lib/x86/hyperv-testdev.h). It
 * raises SINTs, sends messages back, and sets event flags. The tests cannot tell a failure of KVM,
 * which implements SINTs, EOI and EOM, from one of QEMU, which implements the message slots and
 * event flags (hw/hyperv/hyperv.c).
 *
 * The device is not migrated with the guest. So the host leaves the guest alone while a test uses
 * the device. Tests without the device check that registers and pages survive an action.
 * hyperv_stimer tests that a message survives while it waits for a busy slot.
 *
 * KVM is known to differ from the TLFS in one point (Linux 6.1), which a test checks by
 * hv_report_strict(): SCONTROL keeps its value, but KVM raises a SINT whether SCONTROL is on or
 * off.
 *
 * The tests are in the other files of this folder. This file has what they share.
 */
#include "hyperv-testdev.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

u8 vp_index;

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

void linger(void)
{
	delay_us(3000);
}

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
	return report_if_failed(
		raise(sint, vector, count),
		"%s: SINT %d of CPU %d (0x%lx) should make %u interrupts of vector 0x%x: it made %u, %u of all vectors, and %u on other CPUs",
		what, sint, smp_id(), rdmsr(HV_X64_MSR_SINT0 + sint), count, vector,
		on_vector(vector), this_cpu(hv_synic).interrupts, hv_synic_elsewhere());
}
