// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_calls: Hyper-V's hypercalls that act on other CPUs, which Windows uses for nearly every
 * IPI and TLB flush, and the EOI assist (Hyper-V TLFS, "Hypercall Interface",
 * HvCallSendSyntheticClusterIpi, HvCallFlushVirtualAddressSpace and HvCallFlushVirtualAddressList,
 * each with its Ex variant; "Virtual Processors", "Virtual Processor Assist Page").
 *
 * Such a call names the CPUs by their VP indices: in a mask of 64 bits, or in a sparse set of
 * banks, whose number is in the call's variable header. Input is in memory, or in registers
 * ("fast"), beyond the first two words in XMM registers.
 *
 * A broken hypervisor interrupts or flushes other CPUs than those that the set names: it mixes up a
 * bank's number and its place in the input, counts words of the input in another way in registers
 * than in memory, does nothing for "all CPUs" if there are no banks, or gives CPUs other VP indices
 * after an action. Or it carries out what it should refuse.
 *
 * How the tests see it: handlers count interrupts on all CPUs, and CPUs read through a mapping that
 * another CPU changes. All of it before an action, during it and after it. The tests cannot see a
 * flush of a CPU that was not named, which is allowed. QEMU gives CPUs their numbers as VP indices,
 * so banks beyond the first have no VP, unless there are more than 64 CPUs.
 *
 * KVM is known to differ from the TLFS in one point (Linux 6.1), which a test checks by
 * hv_report_strict(): it takes any format of a VP set.
 *
 * The tests are in the other files of this folder. This file has what they share.
 */
#include "x86/hyperv_calls/hyperv_calls.h"
#include "smp.h"
#include "vm.h"

const char *const form_names[FORMS] = { "input in memory", "input in registers" };

static PER_CPU(u64, vp_index);

static void read_index(void *unused)
{
	this_cpu(vp_index) = rdmsr(HV_X64_MSR_VP_INDEX);
}

void calls_begin(void)
{
	hv_hypercall_start();
	on_cpus(read_index, NULL);
}

void calls_end(void)
{
	hv_hypercall_stop();
}

void add_vp(struct vp_set *set, u64 index)
{
	u64 bank = index / 64;

	assert(bank < MOST_BANKS);
	set->valid_banks |= BIT(bank);
	set->bank[bank] |= BIT(index % 64);
}

void add_cpu(struct vp_set *set, int cpu)
{
	add_vp(set, *cpu_ptr(vp_index, cpu));
}

u64 absent_vp(u64 bit)
{
	u64 last = 0;
	int cpu;

	for_each_cpu (cpu)
		last = MAX(last, *cpu_ptr(vp_index, cpu));
	return (last / 64 + 1) * 64 + bit;
}

bool takes_vp_set(u16 code)
{
	return code == HVCALL_SEND_IPI_EX || code == HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX ||
	       code == HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX;
}

bool can_call(u16 code, enum form form)
{
	if (takes_vp_set(code) && !HV_EX_PROCESSOR_MASKS[0]->present())
		return false;
	/* Two words fit into general registers. */
	return form == BY_MEMORY || code == HVCALL_SEND_IPI || HV_XMM_INPUT[0]->present();
}

u64 call_with(u64 control, enum form form, const u64 *words, int count)
{
	/* Aligned to its size, so that it does not cross a page's end. */
	static u64 input[16] __aligned(128);

	assert(count <= HV_HYPERCALL_FAST_WORDS);
	memset(input, 0, sizeof(input));
	memcpy(input, words, count * sizeof(u64));
	if (form == BY_REGISTERS)
		return hv_hypercall_xmm(control | HV_HYPERCALL_FAST_BIT, input);
	return hv_hypercall(control, virt_to_phys(input), 0);
}

u64 call_with_set(u64 control, enum form form, u64 *words, int count, const struct vp_set *set,
		  const u64 *more, int more_count)
{
	int banks = 0;

	if (takes_vp_set(control)) {
		words[count++] = set->format;
		words[count++] = set->valid_banks;
		for (int bank = 0; bank < MOST_BANKS; bank++)
			if (set->valid_banks & BIT(bank)) {
				words[count++] = set->bank[bank];
				banks++;
			}
	} else {
		words[count++] = set->bank[0];
	}
	for (int i = 0; i < more_count; i++)
		words[count++] = more[i];
	return call_with(control | HV_HYPERCALL_VARHEAD(banks), form, words, count);
}
