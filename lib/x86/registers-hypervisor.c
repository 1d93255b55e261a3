// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The MSRs of KVM's own interface (Linux Documentation/virt/kvm/x86/msr.rst) and of Hyper-V's
 * (TLFS), with unusual values. Each address is that of a page which nothing else uses: the
 * hypervisor may write there.
 */
#include "registers.h"
#include "alloc_page.h"
#include "apic.h"
#include "hyperv.h"
#include "isr.h"
#include "percpu.h"
#include "processor.h"
#include "pvclock.h"
#include "smp.h"
#include "vm.h"

/* ---- pages that stay the hypervisor's, since it may write to them late ---- */

enum use { KVM_STRUCTURES, HYPERCALL, REFERENCE_TSC, ASSIST, EVENTS, MESSAGES, USES };

static PER_CPU(u8 *, pages)[USES];

static u64 page_for(enum use use)
{
	u8 **page = &this_cpu(pages)[use];

	if (!*page)
		*page = alloc_page();
	return virt_to_phys(*page);
}

/* ---- KVM ---- */

/* Where KVM's structures are in their page. */
#define CLOCK_AT 0x140
#define STEAL_AT 0x280
#define EOI_AT	 0x3c4
#define FAULT_AT 0x500
#define WALL_AT	 0x640

#define ASYNC_PF_VECTOR 0x7e

static bool has_kvm(void)
{
	return hypervisor_leaf(KVM_SIGNATURE);
}

#define MAKE_ADDRESS(name, at, bits)                                                               \
	static u64 make_##name(int cpu, int n, u64 own)                                            \
	{                                                                                          \
		return (page_for(KVM_STRUCTURES) + (at)) | (bits);                                 \
	}

MAKE_ADDRESS(clock, CLOCK_AT, KVM_MSR_ENABLED)
MAKE_ADDRESS(wall_clock, WALL_AT, 0)
MAKE_ADDRESS(steal, STEAL_AT, KVM_MSR_ENABLED)
MAKE_ADDRESS(pv_eoi, EOI_AT, KVM_MSR_ENABLED)
/* Ready pages are reported by interrupt. Ring 0 gets no asynchronous page faults. */
MAKE_ADDRESS(async_pf, FAULT_AT, ASYNC_PF_ENABLED | ASYNC_PF_DELIVERY_AS_INT)

static u64 make_other_bit(int cpu, int n, u64 own)
{
	return own ^ 1;
}

/* When asynchronous page faults are enabled, KVM reports once that all pages are ready. */
static void page_is_ready(isr_regs_t *regs)
{
	async_pf_take_token((void *)(this_cpu(pages)[KVM_STRUCTURES] + FAULT_AT));
}

static void begin_kvm(void)
{
	page_for(KVM_STRUCTURES);
	handle_irq_eoi(ASYNC_PF_VECTOR, page_is_ready);
}

#define KVM_MSR(name, index) name, index, .there = has_kvm
static const struct register_row kvm_rows[] = {
	{ KVM_MSR("KVM_WALL_CLOCK_NEW", MSR_KVM_WALL_CLOCK_NEW), .make = make_wall_clock,
	  .whole_vm = true },
	{ KVM_MSR("KVM_SYSTEM_TIME_NEW", MSR_KVM_SYSTEM_TIME_NEW), .make = make_clock },
	/* The same registers, by their old numbers. */
	{ KVM_MSR("KVM_WALL_CLOCK", MSR_KVM_WALL_CLOCK), .whole_vm = true },
	{ KVM_MSR("KVM_SYSTEM_TIME", MSR_KVM_SYSTEM_TIME) },
	{ KVM_MSR("KVM_ASYNC_PF_INT", MSR_KVM_ASYNC_PF_INT), .base = ASYNC_PF_VECTOR },
	{ KVM_MSR("KVM_ASYNC_PF_EN", MSR_KVM_ASYNC_PF_EN), .make = make_async_pf },
	{ KVM_MSR("KVM_STEAL_TIME", MSR_KVM_STEAL_TIME), .make = make_steal },
	{ KVM_MSR("KVM_PV_EOI_EN", MSR_KVM_PV_EOI_EN), .make = make_pv_eoi },
	{ KVM_MSR("KVM_POLL_CONTROL", MSR_KVM_POLL_CONTROL), .make = make_other_bit },
	{ KVM_MSR("KVM_MIGRATION_CONTROL", MSR_KVM_MIGRATION_CONTROL), .make = make_other_bit,
	  .whole_vm = true },
	{ "KVM_ASYNC_PF_ACK", MSR_KVM_ASYNC_PF_ACK, .instead = "it has no contents" },
	{},
};
const struct register_group kvm_registers = { .name = "KVM", .rows = kvm_rows, .begin = begin_kvm };

/* ---- Hyper-V ---- */

static bool has_hyperv(void)
{
	return hypervisor_leaf(HV_SIGNATURE);
}

static bool has_synic(void)
{
	return hv_features().a & HV_MSR_SYNIC_AVAILABLE;
}

static bool has_stimer(void)
{
	return hv_features().a & HV_MSR_SYNTIMER_AVAILABLE;
}

#define MAKE_PAGE(name, use)                                                                       \
	static u64 make_##name(int cpu, int n, u64 own)                                            \
	{                                                                                          \
		return page_for(use) | 1;                                                          \
	}

MAKE_PAGE(hypercall, HYPERCALL)
MAKE_PAGE(reference_tsc, REFERENCE_TSC)
MAKE_PAGE(assist, ASSIST)
MAKE_PAGE(events, EVENTS)
MAKE_PAGE(messages, MESSAGES)

static u64 make_sint(int cpu, int n, u64 own)
{
	u64 noise = register_noise(HV_X64_MSR_SINT0, cpu, n);

	return HV_SYNIC_SINT_MASKED | (noise & HV_SYNIC_SINT_AUTO_EOI) | (0x40 + (noise & 0x1f));
}

/* KVM sets this bit at reset, unlike the TLFS. */
static u64 make_scontrol(int cpu, int n, u64 own)
{
	return cpu & 1 ? own | HV_SYNIC_ENABLE : own & ~HV_SYNIC_ENABLE;
}

/*
 * AutoEnable without Enable. The count was written first, so the timer stays disarmed until the
 * guest writes a count again. TLFS, "Synthetic Timers".
 */
static u64 make_stimer_config(int cpu, int n, u64 own)
{
	u64 noise = register_noise(HV_X64_MSR_STIMER0_CONFIG, cpu, n);

	return HV_STIMER_AUTO_ENABLE | (noise & (HV_STIMER_PERIODIC | HV_STIMER_LAZY)) |
	       HV_STIMER_SINT(1 + noise / 8 % 15);
}

/* The target is virtual processor 1. The interrupt is off: it could come at any migration. */
#define REENLIGHTENMENT_OFF    (1ul << 32 | 0x80)
#define REENLIGHTENMENT_VECTOR 0x7f

#define HV(name, index)		  name, index, .there = has_hyperv
#define HV_WHOLE(name, index)	  name, index, .there = has_hyperv, .whole_vm = true
#define HV_SYNIC_MSR(name, index) name, index, .there = has_synic
static const struct register_row hyperv_rows[] = {
	{ HV_WHOLE("HV_X64_MSR_GUEST_OS_ID", HV_X64_MSR_GUEST_OS_ID), .base = 0x8100000000060001,
	  .vary = 0xff0000 },
	{ HV_WHOLE("HV_X64_MSR_HYPERCALL", HV_X64_MSR_HYPERCALL), .make = make_hypercall },
	{ HV_WHOLE("HV_X64_MSR_REFERENCE_TSC", HV_X64_MSR_REFERENCE_TSC),
	  .make = make_reference_tsc },
	{ HV_WHOLE("HV_X64_MSR_CRASH_P%d", HV_X64_MSR_CRASH_P0), .count = 5, .step = 1,
	  .vary = ~0ul },
	{ HV("HV_X64_MSR_CRASH_CTL", HV_X64_MSR_CRASH_CTL) },
	{ HV("HV_X64_MSR_VP_INDEX", HV_X64_MSR_VP_INDEX) },
	{ HV("HV_X64_MSR_RESET", HV_X64_MSR_RESET) },
	{ HV("HV_X64_MSR_TSC_FREQUENCY", HV_X64_MSR_TSC_FREQUENCY) },
	{ HV("HV_X64_MSR_APIC_FREQUENCY", HV_X64_MSR_APIC_FREQUENCY) },
	{ HV("HV_X64_MSR_VP_ASSIST_PAGE", HV_X64_MSR_VP_ASSIST_PAGE), .make = make_assist },
	{ HV_SYNIC_MSR("HV_X64_MSR_SVERSION", HV_X64_MSR_SVERSION) },
	{ HV_SYNIC_MSR("HV_X64_MSR_SIEFP", HV_X64_MSR_SIEFP), .make = make_events },
	{ HV_SYNIC_MSR("HV_X64_MSR_SIMP", HV_X64_MSR_SIMP), .make = make_messages },
	{ HV_SYNIC_MSR("HV_X64_MSR_SINT%d", HV_X64_MSR_SINT0), .count = 16, .step = 1,
	  .make = make_sint },
	{ HV_SYNIC_MSR("HV_X64_MSR_SCONTROL", HV_X64_MSR_SCONTROL), .make = make_scontrol },
	{ "HV_X64_MSR_STIMER%d_COUNT", HV_X64_MSR_STIMER0_COUNT, 4, 2, .base = 0x123456789000,
	  .vary = 0xfff, .there = has_stimer },
	{ "HV_X64_MSR_STIMER%d_CONFIG", HV_X64_MSR_STIMER0_CONFIG, 4, 2, .make = make_stimer_config,
	  .there = has_stimer },
	{ HV_WHOLE("HV_X64_MSR_REENLIGHTENMENT_CONTROL", HV_X64_MSR_REENLIGHTENMENT_CONTROL),
	  .base = REENLIGHTENMENT_OFF, .vary = REENLIGHTENMENT_VECTOR },
	{ HV_WHOLE("HV_X64_MSR_TSC_EMULATION_CONTROL", HV_X64_MSR_TSC_EMULATION_CONTROL),
	  .base = 1 },
	{ HV("HV_X64_MSR_TSC_EMULATION_STATUS", HV_X64_MSR_TSC_EMULATION_CONTROL + 1) },
	{ HV_WHOLE("HV_X64_MSR_TSC_INVARIANT_CONTROL", 0x40000118), .base = 1 },
	{ "HV_X64_MSR_VP_RUNTIME", HV_X64_MSR_VP_RUNTIME, .instead = "hyperv_clock" },
	{ "HV_X64_MSR_TIME_REF_COUNT", HV_X64_MSR_TIME_REF_COUNT, .instead = "hyperv_clock" },
	{ "HV_X64_MSR_EOM", HV_X64_MSR_EOM, .instead = "it has no contents" },
	{},
};
const struct register_group hyperv_registers = { .name = "Hyper-V", .rows = hyperv_rows };
