// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of pieces in the order in which they are restored, with the reasons. KVM API
 * documentation, chapter 4, has each ioctl, but hardly ever the order. The order follows from what
 * an ioctl reads or overwrites of another one's state.
 */
#include <string.h>

#include "fields.h"
#include "piece.h"
#include "pieces.h"

#define IOCTLS(get_request, set_request, structure)                                                \
	.get = get_request, .set = set_request, .set_name = #set_request,                          \
	.size = sizeof(struct structure)

static bool has_lapic(const struct vm *vm)
{
	return vm->shape.irqchip != IRQCHIP_OFF;
}

static bool has_irqchip(const struct vm *vm)
{
	return vm->shape.irqchip == IRQCHIP_KERNEL;
}

static bool has_sregs2(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_SREGS2);
}

static bool has_sregs_only(const struct vm *vm)
{
	return !has_sregs2(vm);
}

static bool has_xcrs(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_XCRS);
}

static bool has_nested(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_NESTED_STATE) > 0;
}

static bool has_smm(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_X86_SMM);
}

const struct piece pieces[] = {
	/*
	 * Not restored. The rules for state that time changes must know how much time has passed.
	 */
	{
		.name = "time",
		.about = "the host's clocks, when the rest was saved",
		.whole_vm = true,
		.save = save_time,
		.fields = time_fields,
	},
	/* Before the TSC and all timers that count in it. */
	{
		.name = "tsc-khz",
		.about = "the TSC's frequency",
		.save = save_tsc_khz,
		.restore = restore_tsc_khz,
		.fields = tsc_khz_fields,
	},
	/*
	 * Before all that KVM checks against it: reserved bits of control registers, XCR0 and the
	 * features in the XSAVE area, which MSRs there are, whether nesting is allowed.
	 */
	{
		.name = "cpuid",
		.about = "what CPUID tells",
		.save = save_cpuid,
		.restore = restore_cpuid,
		.compare = compare_cpuid,
	},
	/*
	 * Before nested state and CR4: which bits of CR0 and CR4 are fixed in VMX operation, and
	 * what a VMCS may contain, is in these MSRs. KVM refuses to change them once the vCPU is in
	 * VMX operation or has run.
	 */
	{
		.name = "features",
		.about = "MSRs that describe features, such as IA32_VMX_* and IA32_FEATURE_CONTROL",
		.save = save_features,
		.restore = restore_msrs,
		.compare = compare_msrs,
	},
	/*
	 * Before the LAPIC: the APIC base in here says whether it is in x2APIC mode, which gives
	 * its ID register another layout, and CR8 overwrites the task priority. Before nested
	 * state, since KVM refuses that while EFER.SVME or CR4.VMXE is clear, and makes L2's
	 * registers out of these ones (SVM).
	 */
	{
		.name = "sregs",
		.about = "segments, control registers, EFER, APIC base, PDPTRs",
		.is_there = has_sregs2,
		IOCTLS(KVM_GET_SREGS2, KVM_SET_SREGS2, kvm_sregs2),
		.fields = sregs2_fields,
	},
	{
		.name = "sregs",
		.about = "segments, control registers, EFER, APIC base",
		.is_there = has_sregs_only,
		IOCTLS(KVM_GET_SREGS, KVM_SET_SREGS, kvm_sregs),
		.fields = sregs_fields,
	},
	/* Before the XSAVE area, whose features XCR0 enables. */
	{
		.name = "xcrs",
		.about = "XCR0",
		.is_there = has_xcrs,
		IOCTLS(KVM_GET_XCRS, KVM_SET_XCRS, kvm_xcrs),
		.fields = xcrs_fields,
	},
	{
		.name = "xsave",
		.about = "FPU, SSE, AVX and what else XSAVE saves",
		.save = save_xsave,
		.restore = restore_xsave,
		.fields = xsave_fields,
	},
	/*
	 * Before the MSRs: KVM derives the wall clock and Hyper-V's reference time from it. When
	 * their MSRs are set, KVM writes the wall clock to memory, and arms timers by the reference
	 * time.
	 */
	{
		.name = "clock",
		.about = "the VM's clock, which kvmclock and Hyper-V's reference time show",
		.whole_vm = true,
		.save = save_clock,
		.restore = restore_clock,
		.fields = clock_fields,
	},
	/* Before the LAPIC and its deadline MSR, whose timers are armed by it. */
	{
		.name = "tsc",
		.about = "the TSC, by its offset to the host's",
		.save = save_tsc,
		.restore = restore_tsc,
		.fields = tsc_fields,
	},
	/*
	 * Before MSRs that need it (the TSC deadline, Hyper-V's SynIC, paravirtual EOI), and before
	 * the IOAPIC, which sends it interrupts when it is restored.
	 */
	{
		.name = "lapic",
		.about = "the local APIC",
		.is_there = has_lapic,
		IOCTLS(KVM_GET_LAPIC, KVM_SET_LAPIC, kvm_lapic_state),
		.fields = lapic_fields,
	},
	/*
	 * The part of "events" that must be there before nested state: in system-management mode
	 * KVM accepts other nested state than outside, and entering the mode leaves L2.
	 */
	{
		.name = "smm",
		.about = "system-management mode",
		.is_there = has_smm,
		.save = save_smm,
		.restore = restore_smm,
		.fields = smm_fields,
	},
	/*
	 * This switches from L1's VMCB or VMCS to L2's. So it comes before all that KVM keeps in
	 * the current one: general registers, debug registers, events, and some MSRs.
	 */
	{
		.name = "nested",
		.about = "VMX operation, GIF, the VMCS or VMCB that L2 runs on",
		.is_there = has_nested,
		.save = save_nested,
		.restore = restore_nested,
		.compare = compare_nested,
	},
	/* Before events: KVM drops a pending exception when it sets RIP. */
	{
		.name = "regs",
		.about = "general registers, RIP, RFLAGS",
		IOCTLS(KVM_GET_REGS, KVM_SET_REGS, kvm_regs),
		.fields = regs_fields,
	},
	{
		.name = "debugregs",
		.about = "DR0 to DR7",
		IOCTLS(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, kvm_debugregs),
		.fields = debugregs_fields,
	},
	{
		.name = "msrs",
		.about = "all other MSRs; one alone is msr:INDEX",
		.save = save_msrs,
		.restore = restore_msrs,
		.compare = compare_msrs,
	},
	{
		.name = "registers",
		.about = "registers that KVM has under ids of its own (KVM_GET_ONE_REG)",
		.is_there = has_one_reg,
		.save = save_one_reg,
		.restore = restore_one_reg,
	},
	/* After nested state: the current VMCB or VMCS has the interrupt shadow and NMI mask. */
	{
		.name = "events",
		.about = "exceptions, interrupts and NMIs that are pending, injected or masked",
		IOCTLS(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, kvm_vcpu_events),
		.fields = events_fields,
	},
	/* After "sregs", which makes the boot CPU runnable if it looks as after a reset. */
	{
		.name = "mp-state",
		.about = "whether the vCPU runs, is halted, or waits for INIT or SIPI",
		.is_there = has_lapic,
		IOCTLS(KVM_GET_MP_STATE, KVM_SET_MP_STATE, kvm_mp_state),
		.fields = mp_state_fields,
	},
	/* After the LAPICs, to which they send what they have pending. */
	{
		.name = "pic-master",
		.about = "the first 8259",
		.whole_vm = true,
		.is_there = has_irqchip,
		.save = save_irqchip,
		.restore = restore_irqchip,
		.fields = pic_fields,
	},
	{
		.name = "pic-slave",
		.about = "the second 8259",
		.whole_vm = true,
		.is_there = has_irqchip,
		.save = save_irqchip,
		.restore = restore_irqchip,
		.fields = pic_fields,
	},
	{
		.name = "ioapic",
		.about = "the IOAPIC",
		.whole_vm = true,
		.is_there = has_irqchip,
		.save = save_irqchip,
		.restore = restore_irqchip,
		.fields = ioapic_fields,
	},
	/* After the interrupt controllers, which it may interrupt at once. */
	{
		.name = "pit",
		.about = "the 8254 timer",
		.whole_vm = true,
		.is_there = has_irqchip,
		IOCTLS(KVM_GET_PIT2, KVM_SET_PIT2, kvm_pit_state2),
		.fields = pit_fields,
	},
	{
		.name = "device",
		.about = "what ferry-vmm's own devices hold",
		.whole_vm = true,
		.save = save_devices,
		.restore = restore_device,
	},
	{ 0 },
};

/*
 * KVM_GET_MP_STATE carries out an INIT or SIPI that has arrived, which changes registers.
 * KVM_GET_VCPU_EVENTS turns NMIs that have arrived into pending ones, and delivers an exception's
 * payload to CR2 or DR6 if KVM_CAP_EXCEPTION_PAYLOAD is off.
 */
const char *const saved_first[] = { "time", "mp-state", "events", NULL };

int piece_fd(const struct vm *vm, int cpu)
{
	return cpu == STATE_WHOLE_VM ? vm->fd : vm->cpu[cpu].fd;
}

/* "device:serial" belongs to the row "device". */
const struct piece *piece_find(const char *name)
{
	size_t length = strcspn(name, ":");

	for (const struct piece *piece = pieces; piece->name; piece++)
		if (!strncmp(piece->name, name, length) && !piece->name[length])
			return piece;
	return NULL;
}
