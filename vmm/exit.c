// SPDX-License-Identifier: GPL-2.0-or-later
/* See exit.h. */
#include <string.h>

#include "device.h"
#include "exit.h"
#include "machine.h"
#include "message.h"
#include "sentence.h"
#include "vcpu.h"

/* A cycle is due after each exit, unless the guest only polls and cycles have had their share. */
static unsigned cycle_due(struct machine *machine, bool polled)
{
	/* With --carry, the next migration answers the guest's request. */
	if (sentence_waits(machine) && !machine->options->carry)
		return VCPU_CYCLE_DUE;
	if (machine->options->cycle.when != CYCLE_EXIT)
		return 0;
	return polled && !cycle_may_at_poll(machine) ? 0 : VCPU_CYCLE_DUE;
}

static unsigned handle_io(struct machine *machine, struct kvm_run *run)
{
	device_access(machine, run->io.direction == KVM_EXIT_IO_OUT, run->io.port, run->io.size,
		      run->io.count, (uint8_t *)run + run->io.data_offset);
	return cycle_due(machine, device_is_polled(run->io.port));
}

static unsigned handle_mmio(struct machine *machine, struct kvm_run *run)
{
	device_mmio(machine, run->mmio.is_write, run->mmio.phys_addr, run->mmio.len,
		    run->mmio.data);
	return cycle_due(machine, false);
}

/* Ignores exits that report where the SynIC's pages are: the MSRs tell that at any time. */
static unsigned handle_hyperv(struct machine *machine, struct kvm_run *run)
{
	if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
		hyperv_hypercall(machine, &run->hyperv);
	return cycle_due(machine, false);
}

static void __attribute__((noreturn))
refuse(struct machine *machine, unsigned cpu, const struct kvm_run *run)
{
	struct kvm_regs registers = { 0 };

	kvm_try(machine->vm->cpu[cpu].fd, KVM_GET_REGS, &registers);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		die(STATUS_KVM,
		    "vCPU %u cannot enter the guest at rip 0x%llx: hardware reason 0x%llx", cpu,
		    registers.rip,
		    (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		die(STATUS_KVM, "KVM gives up vCPU %u at rip 0x%llx: internal error %u", cpu,
		    registers.rip, run->internal.suberror);
	die(STATUS_KVM, "vCPU %u left at rip 0x%llx for a reason that ferry-vmm does not know: %u",
	    cpu, registers.rip, run->exit_reason);
}

bool exit_is_of_guest(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO || run->exit_reason == KVM_EXIT_MMIO ||
	       run->exit_reason == KVM_EXIT_HYPERV || run->exit_reason == KVM_EXIT_SHUTDOWN ||
	       run->exit_reason == KVM_EXIT_SYSTEM_EVENT;
}

unsigned exit_handle(struct machine *machine, unsigned cpu, struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_io(machine, run);
	case KVM_EXIT_MMIO:
		return handle_mmio(machine, run);
	case KVM_EXIT_HYPERV:
		return handle_hyperv(machine, run);
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_SYSTEM_EVENT:
		return VCPU_RESET;
	case KVM_EXIT_INTR:
		return 0;
	case KVM_EXIT_DIRTY_RING_FULL:
		return VCPU_RING_FULL;
	default:
		refuse(machine, cpu, run);
	}
}
