// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: the values that registers accept and keep (Hyper-V TLFS, "Inter-Partition
 * Communication", "SynIC MSRs"). A part of the program hyperv_synic: see hyperv_synic.c.
 */
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/hyperv_synic/hyperv_synic.h"

/* A broken hypervisor reports another version, or lets a guest write it. */
TEST(sversion, .on = EACH_CPU, .needs = HV_SYNIC, .about = "SVERSION is 1, and cannot be written")
{
	u64 before = rdmsr(HV_X64_MSR_SVERSION);

	report((u32)before == HV_SYNIC_VERSION_1, "SVERSION is 0x%lx", before);
	report(wrmsr_safe(HV_X64_MSR_SVERSION, 2) == GP_VECTOR, "writing SVERSION raises #GP");
	report(rdmsr(HV_X64_MSR_SVERSION) == before, "it is still 0x%lx",
	       rdmsr(HV_X64_MSR_SVERSION));
}

/*
 * A broken hypervisor gives one index to two CPUs, so that hypercalls reach the wrong one, or gives
 * a CPU another index after an action.
 */
TEST(vp_index, .on = EACH_CPU, .needs = HV_VP_INDEX,
     .about = "every CPU has a VP index of its own, which survives an action")
{
	static PER_CPU(u64, index);
	int cpu, same = 0;

	this_cpu(index) = rdmsr(HV_X64_MSR_VP_INDEX);
	for (cpu = 0; cpu < smp_id(); cpu++)
		same += *cpu_ptr(index, cpu) == this_cpu(index);
	report(!same, "VP index %lu is that of %d CPUs before", this_cpu(index), same);
	migrate_quiet();
	report(rdmsr(HV_X64_MSR_VP_INDEX) == this_cpu(index), "after an action it is %lu, was %lu",
	       rdmsr(HV_X64_MSR_VP_INDEX), this_cpu(index));
}

/*
 * TLFS: "Valid values for vector are 16-255 inclusive. Specifying an invalid vector number results
 * in #GP." A broken hypervisor accepts an invalid vector, and raises the vector of an exception.
 * (If the SINT is masked KVM accepts any vector, since Hyper-V as a guest writes 0x10000. The test
 * does not try that.)
 */
TEST(sint_vectors, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "SINT vectors 0 to 15 are refused with #GP and change nothing, others are taken")
{
	static const u8 valid[] = { 16, 32, 0x40, 0xff };
	int refused = 0, kept = 0, taken = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u32 msr = HV_X64_MSR_SINT0 + sint;

		for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
			taken += !wrmsr_safe(msr, valid[i] | HV_SYNIC_SINT_AUTO_EOI);
			taken += rdmsr(msr) == (valid[i] | HV_SYNIC_SINT_AUTO_EOI);
		}
		wrmsr(msr, HV_SINT_VECTOR(sint));
		for (u64 vector = 0; vector < HV_SYNIC_FIRST_VALID_VECTOR; vector++)
			refused += wrmsr_safe(msr, vector) == GP_VECTOR;
		kept += rdmsr(msr) == (u64)HV_SINT_VECTOR(sint);
		wrmsr(msr, HV_SYNIC_SINT_MASKED);
	}
	report(refused == HV_SYNIC_SINT_COUNT * HV_SYNIC_FIRST_VALID_VECTOR,
	       "%d of %d invalid vectors refused with #GP", refused,
	       HV_SYNIC_SINT_COUNT * HV_SYNIC_FIRST_VALID_VECTOR);
	report(kept == HV_SYNIC_SINT_COUNT, "%d of %d SINTs kept their value meanwhile", kept,
	       HV_SYNIC_SINT_COUNT);
	report(taken == 2 * HV_SYNIC_SINT_COUNT * (int)ARRAY_SIZE(valid),
	       "valid vectors are taken and read back: %d of %d", taken,
	       2 * HV_SYNIC_SINT_COUNT * (int)ARRAY_SIZE(valid));
}

struct synic_registers {
	u64 sint[HV_SYNIC_SINT_COUNT];
};

static PER_CPU(struct synic_registers, written);

static u8 byte_at(int page, size_t at)
{
	return 0x35 * smp_id() + 0x71 * page + 3 * at + (at >> 8) + 1;
}

static void fill_page(void *page, int which)
{
	for (size_t at = 0; at < PAGE_SIZE; at++)
		((u8 *)page)[at] = byte_at(which, at);
}

static int bytes_changed(const void *page, int which)
{
	int changed = 0;

	for (size_t at = 0; at < PAGE_SIZE; at++)
		changed += ((const volatile u8 *)page)[at] != byte_at(which, at);
	return changed;
}

/* Writes all that a guest may write. The values differ by CPU and SINT. */
static void write_here(void *unused)
{
	struct synic_registers *values = &this_cpu(written);

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		values->sint[sint] = (u64)(HV_FIRST_VECTOR + (5 * smp_id() + sint) % 0x20) |
				     (sint % 3 == 0 ? HV_SYNIC_SINT_AUTO_EOI : 0) |
				     (sint % 5 == 0 ? HV_SYNIC_SINT_MASKED : 0);
		wrmsr(HV_X64_MSR_SINT0 + sint, values->sint[sint]);
	}
	fill_page(this_cpu(hv_synic).messages, 0);
	fill_page(this_cpu(hv_synic).events, 1);
}

static void check_here(const char *when)
{
	const struct hv_synic *synic = &this_cpu(hv_synic);
	int good = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		u64 value = rdmsr(HV_X64_MSR_SINT0 + sint), should = this_cpu(written).sint[sint];

		good += report_if_failed(value == should,
					 "%s: SINT %d of CPU %d is 0x%lx, was 0x%lx", when, sint,
					 smp_id(), value, should);
	}
	report(good == HV_SYNIC_SINT_COUNT, "%s: %d of %d SINTs read back as written", when, good,
	       HV_SYNIC_SINT_COUNT);
	report(rdmsr(HV_X64_MSR_SIMP) == ((u64)synic->messages | HV_SYNIC_ENABLE) &&
		       rdmsr(HV_X64_MSR_SIEFP) == ((u64)synic->events | HV_SYNIC_ENABLE) &&
		       rdmsr(HV_X64_MSR_SCONTROL) == HV_SYNIC_ENABLE &&
		       (u32)rdmsr(HV_X64_MSR_SVERSION) == HV_SYNIC_VERSION_1,
	       "%s: SIMP 0x%lx (0x%lx), SIEFP 0x%lx (0x%lx), SCONTROL 0x%lx, SVERSION 0x%lx", when,
	       rdmsr(HV_X64_MSR_SIMP), (u64)synic->messages | HV_SYNIC_ENABLE,
	       rdmsr(HV_X64_MSR_SIEFP), (u64)synic->events | HV_SYNIC_ENABLE,
	       rdmsr(HV_X64_MSR_SCONTROL), rdmsr(HV_X64_MSR_SVERSION));
	report(!bytes_changed(synic->messages, 0) && !bytes_changed(synic->events, 1),
	       "%s: of the message page %d bytes changed, of the event flag page %d", when,
	       bytes_changed(synic->messages, 0), bytes_changed(synic->events, 1));
}

/*
 * A broken VMM does not carry a register, or carries it to another CPU. Or it does not carry the
 * pages, which it may keep outside the guest's memory (overlays). The registers and pages of all
 * CPUs have values of their own.
 */
TEST(state_across_move, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "SynIC registers, and the message and event flag pages, survive an action")
{
	hv_synic_start_all();
	on_cpus(write_here, NULL);
	check_here("before the action");
	migrate_quiet();
	check_here("after the action");
	hv_synic_stop_all();
}
