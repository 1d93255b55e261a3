// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The address in HV_X64_MSR_HYPERCALL is lost in a save and restore while the page is off. See
 * kvm-hypercall-page-not-restored.md. No guest runs here: user space writes the MSRs in its place.
 */
#include "repro.h"

enum { HV_X64_MSR_GUEST_OS_ID = 0x40000000, HV_X64_MSR_HYPERCALL = 0x40000001 };
enum { OS_ID = 0x8100, HYPERCALL_PAGE = SPARE, ENABLE = 1 };

static uint64_t need_msr(struct vm *vm, uint32_t index)
{
	uint64_t value;

	if (!get_msr(vm, index, &value))
		cannot_tell("this KVM emulates no Hyper-V (CONFIG_KVM_HYPERV)");
	return value;
}

int main(void)
{
	struct vm source, destination;
	uint64_t os_id, saved, restored;

	vm_create(&source);
	need_msr(&source, HV_X64_MSR_HYPERCALL);
	/* The guest sets up hypercalls, then clears its OS id (Windows does so to hibernate). */
	set_msr(&source, HV_X64_MSR_GUEST_OS_ID, OS_ID);
	set_msr(&source, HV_X64_MSR_HYPERCALL, HYPERCALL_PAGE | ENABLE);
	set_msr(&source, HV_X64_MSR_GUEST_OS_ID, 0);

	os_id = need_msr(&source, HV_X64_MSR_GUEST_OS_ID);
	saved = need_msr(&source, HV_X64_MSR_HYPERCALL);
	printf("saved: GUEST_OS_ID 0x%lx, HYPERCALL 0x%lx\n", os_id, saved);

	vm_create(&destination);
	set_msr(&destination, HV_X64_MSR_GUEST_OS_ID, os_id);
	if (!set_msr(&destination, HV_X64_MSR_HYPERCALL, saved))
		errx(BROKEN, "KVM refuses the value of HV_X64_MSR_HYPERCALL");
	restored = need_msr(&destination, HV_X64_MSR_HYPERCALL);
	printf("restored: HYPERCALL 0x%lx; KVM_SET_MSRS said that it was set\n", restored);
	verdict(restored == saved, "the register is restored",
		"the register is not what user space has set, and nobody was told");
}
