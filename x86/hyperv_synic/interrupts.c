// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * interrupts
 */
#include "apic.h"
#include "hyperv-testdev.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

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
