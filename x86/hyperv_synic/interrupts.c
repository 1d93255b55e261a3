// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: interrupts of SINTs (Hyper-V TLFS, "Inter-Partition Communication", "SINT
 * Registers"). A part of the program hyperv_synic: see hyperv_synic.c.
 */
#include "apic.h"
#include "hyperv-testdev.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

/*
 * A broken hypervisor mixes up SINTs, vectors or CPUs, or raises a masked SINT, or does so
 * later, when the SINT is unmasked. The SynICs of other CPUs are on, and must stay silent.
 */
TEST(sints, .on = EACH_CPU, .needs = TESTDEV,
     .about = "each SINT makes one interrupt of its vector on its CPU alone, and none while masked")
{
	int good = 0;

	device_begin();
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u8 vector = HV_SINT_VECTOR(sint);

		hv_testdev_route_create(vp_index, sint);
		good += report_raise(sint, vector, 0, "masked");
		hv_sint_unmask(sint, vector, 0);
		linger();
		good += report_if_failed(
			!on_vector(vector),
			"SINT %d of CPU %d: when it is unmasked, the interrupt comes for which it was raised before",
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
 * With AutoEOI the hypervisor clears the vector's bit in the local APIC's ISR when it delivers
 * the interrupt. The handler sends no EOI, so a broken hypervisor that does not clear the bit
 * delivers no second interrupt. Without AutoEOI the bit has to be set in the handler, else the
 * library takes the interrupt for a ghost (ghost.h). The handler reads the bit in its local APIC.
 * The test cannot tell whether the hypervisor sees the same.
 */
TEST(auto_eoi, .on = EACH_CPU, .needs = TESTDEV,
     .about =
	     "with AutoEOI the delivery of a SINT's interrupt ends it; without it the handler's EOI does")
{
	const int sint = 3;

	device_begin();
	hv_testdev_route_create(vp_index, sint);
	for (int with = 0; with <= 1; with++) {
		const char *what = with ? "with AutoEOI" : "without AutoEOI";

		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), with ? HV_SYNIC_SINT_AUTO_EOI : 0);
		for (int times = 0; times < 3; times++) {
			report_raise(sint, HV_SINT_VECTOR(sint), 1, what);
			report_if_failed(this_cpu(hv_synic).ended == (u32)with,
					 "%s: in the handler the local APIC has it in service",
					 what);
		}
		report(!apic_read_bit(APIC_ISR, HV_SINT_VECTOR(sint)),
		       "%s: nothing is in service afterwards", what);
	}
	hv_testdev_route_destroy(vp_index, sint);
	device_end();
}

/*
 * While an interrupt is in service the next one waits for its EOI. A broken hypervisor forgets
 * it, or delivers it twice.
 */
TEST(waits_for_eoi, .on = EACH_CPU, .needs = TESTDEV,
     .about =
	     "a SINT that is raised twice with interrupts off makes one interrupt when they are on")
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

/* Two SINTs may have the same vector. A broken hypervisor keeps only one SINT for each vector. */
TEST(two_sints_one_vector, .on = EACH_CPU, .needs = TESTDEV,
     .about = "two SINTs may share a vector: each raises it, and masking one leaves the other on")
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
 * TLFS on SCONTROL: "When clear, message queuing and event flag notifications cannot be directed to
 * this virtual processor." A broken hypervisor raises the SINT anyway, or never again. The test
 * makes QEMU's route to the SINT while SCONTROL is on.
 */
TEST(scontrol_off, .on = EACH_CPU, .needs = TESTDEV,
     .about = "no SINT makes an interrupt while SCONTROL is off; afterwards they work again")
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

/*
 * A broken hypervisor restores the registers, but not what it derives from them: the vectors that
 * it delivers, and which of them have AutoEOI.
 */
TEST(interrupts_after_move, .on = EACH_CPU, .needs = TESTDEV,
     .about = "SINTs that were set up before an action make interrupts after it")
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
		report_raise(sint + i, HV_SINT_VECTOR(sint + i), 1, "after the action");
		report_raise(sint + i, HV_SINT_VECTOR(sint + i), 1, "and again");
		hv_testdev_route_destroy(vp_index, sint + i);
	}
	report_pass("SINTs %d and %d after the action", sint, sint + 1);
	hv_testdev_end();
	hv_synic_stop_all();
}
