// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registers: whatever the CPUs' registers hold survives a migration and every other action. The
 * tables of registers and the values are in lib/x86/registers-*.c, with the manuals.
 *
 * A hypervisor or VMM that does not save a register, saves it for one CPU and not for the next, or
 * restores it in the wrong order, is not noticed as long as the register holds the value that it
 * has after a reset. So each register gets a value that it never has by itself, another one on each
 * CPU. The tests name the CPU, the register and its values before and after. They do not see what a
 * register does: other programs look at clocks, timers and interrupts.
 *
 * Registers that some VMMs are known to lose are in tests of their own (known-issues.cfg).
 */
#include "libcflat.h"
#include "hyperv.h"
#include "processor.h"
#include "registers.h"

TEST(msrs, .about = "MSRs that CPUID announces, with unusual values on each CPU, survive an action")
{
	static const struct register_group *const groups[] = {
		&system_call_registers,	  &segment_base_registers, &memory_type_registers,
		&machine_check_registers, &feature_registers,	   &counter_registers,
		&kvm_registers,		  &svm_registers,	   NULL,
	};

	registers_hold(groups);
}

FEATURE(HYPERV, "Hyper-V's interface")
{
	return hypervisor_leaf(HV_SIGNATURE);
}

TEST(hyperv_msrs, .needs = HYPERV,
     .about = "Hyper-V's MSRs, and stopped timers that have a count, survive an action on each CPU")
{
	static const struct register_group *const groups[] = { &hyperv_registers, NULL };

	registers_hold(groups);
}

TEST(control,
     .about =
	     "control and debug registers, EFER, XCR0, selectors and table limits, unusual on each CPU, survive an action")
{
	/* The first switches XSAVE on, in CR4. */
	static const struct register_group *const groups[] = { &extended_registers,
							       &control_registers, NULL };

	registers_hold(groups);
}

TEST(apic,
     .about =
	     "the xAPIC's registers, unusual on each CPU, and interrupts that wait, survive an action")
{
	static const struct register_group *const groups[] = { &apic_registers, NULL };

	registers_hold(groups);
}

TEST(x2apic, .needs = X2APIC,
     .about =
	     "the x2APIC's registers, unusual on each CPU, and interrupts that wait, survive an action")
{
	static const struct register_group *const groups[] = { &x2apic_registers, NULL };

	registers_hold(groups);
}

TEST(machine_check_status,
     .about = "HWCR and what machine check banks report survive an action on each CPU")
{
	static const struct register_group *const groups[] = { &bank_status_registers, NULL };

	registers_hold(groups);
}

TEST(rare, .about = "MSRs that few guests use survive an action on each CPU")
{
	static const struct register_group *const groups[] = { &rare_registers, NULL };

	registers_hold(groups);
}

TEST(task_priority,
     .about =
	     "all bits of the APIC's task priority, of which CR8 has the upper half, survive an action")
{
	static const struct register_group *const groups[] = { &priority_registers, NULL };

	registers_hold(groups);
}
