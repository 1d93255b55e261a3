// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_calls: IPIs (Hyper-V TLFS, HvCallSendSyntheticClusterIpi and
 * HvCallSendSyntheticClusterIpiEx). A part of the program hyperv_calls: see hyperv_calls.c.
 */
#include "apic.h"
#include "halted-cpu.h"
#include "isr.h"
#include "migrate.h"
#include "smp.h"
#include "x86/hyperv_calls/hyperv_calls.h"

#define IPI    ALL_OF(SMP, HV_HYPERCALL, HV_VP_INDEX, HV_CLUSTER_IPI)
#define VECTOR 0x71

static const u16 codes[] = { HVCALL_SEND_IPI, HVCALL_SEND_IPI_EX };
static PER_CPU(u32, count);

static void on_ipi(isr_regs_t *regs)
{
	this_cpu(count)++;
}

static u32 count_of(int cpu)
{
	return READ_ONCE(*cpu_ptr(count, cpu));
}

static void begin(void)
{
	int cpu;

	calls_begin();
	for_each_cpu (cpu)
		*cpu_ptr(count, cpu) = 0;
	handle_irq_eoi(VECTOR, on_ipi);
}

static void end(void)
{
	unhandle_irq(VECTOR);
	calls_end();
}

/* `vector` has 32 bits in the input, of which the upper 24 must be 0. */
static u64 send(u64 control, enum form form, u32 vector, const struct vp_set *set)
{
	u64 words[HV_HYPERCALL_FAST_WORDS] = { vector };

	return call_with_set(control, form, words, 1, set, NULL, 0);
}

/* ---- sets ---- */

struct target {
	const char *name;
	struct vp_set set;
	u64 cpus;	 /* a bit for each CPU that must get an interrupt */
	bool ex_only;	 /* a mask cannot say this */
	bool may_refuse; /* the TLFS does not say that the call succeeds */
};

static void add(struct target *target, int cpu)
{
	add_cpu(&target->set, cpu);
	target->cpus |= BIT(cpu);
}

static struct {
	struct target list[8];
	size_t count;
} targets;

static struct target *new_target(const char *name)
{
	struct target *target = &targets.list[targets.count++];

	assert(targets.count <= ARRAY_SIZE(targets.list));
	*target = (struct target){ .name = name };
	return target;
}

static void add_all_but(struct target *target, int but)
{
	int cpu;

	for_each_cpu (cpu)
		if (cpu != but)
			add(target, cpu);
}

/* All of them are seen from this CPU. */
static void fill_targets(void)
{
	struct target *target;
	u64 bits;

	targets.count = 0;
	add(new_target("this CPU"), smp_id());
	add(new_target("the next CPU"), other_cpu());
	add_all_but(new_target("all CPUs but this one"), smp_id());
	target = new_target("each CPU");
	add_all_but(target, -1);
	bits = target->set.bank[0];
	target = new_target("HvGenericSetAll");
	target->set.format = HV_GENERIC_SET_ALL;
	target->cpus = BIT(cpu_count()) - 1;
	target->ex_only = true;
	target = new_target("nobody");
	target->may_refuse = true;
	target = new_target("the next CPU and a VP that is not there, in another bank");
	add(target, other_cpu());
	add_vp(&target->set, absent_vp(0));
	target->ex_only = target->may_refuse = true;
	/* The bits of bank 0, but in a bank without VPs. */
	target = new_target("VPs that are not there, in another bank");
	for (u64 bit = 0; bit < 64; bit++)
		if (bits & BIT(bit))
			add_vp(&target->set, absent_vp(bit));
	target->ex_only = target->may_refuse = true;
}

static bool have_come(u64 cpus)
{
	int cpu;

	for_each_cpu (cpu)
		if (cpus & BIT(cpu) && !count_of(cpu))
			return false;
	return true;
}

/* A bit for each CPU that has got as many interrupts as it should: one, or none. */
static bool right_counts(u64 cpus, u64 *wrong)
{
	int cpu;

	*wrong = 0;
	for_each_cpu (cpu)
		if (count_of(cpu) != !!(cpus & BIT(cpu)))
			*wrong |= BIT(cpu);
	return !*wrong;
}

static bool check_target(const struct target *target, u16 code, enum form form, const char *when)
{
	u64 cpus = target->cpus, wrong, result;
	int cpu;

	for_each_cpu (cpu)
		WRITE_ONCE(*cpu_ptr(count, cpu), 0);
	result = send(code, form, VECTOR, &target->set);
	if ((u16)result != HV_STATUS_SUCCESS && target->may_refuse)
		cpus = 0;
	wait_until(have_come(cpus), PATIENCE_MS);
	delay_us(1000);
	return report_if_failed(
		right_counts(cpus, &wrong) &&
			((u16)result == HV_STATUS_SUCCESS || target->may_refuse),
		"%s: call 0x%x of CPU %d, %s, to %s: the result is 0x%lx; of the CPUs 0x%lx, which should get one interrupt, and the others, which should get none, it is otherwise on 0x%lx",
		when, code, smp_id(), form_names[form], target->name, result, cpus, wrong);
}

static void check_targets(const char *when)
{
	int good = 0, all = 0;

	fill_targets();
	for (size_t i = 0; i < targets.count; i++)
		for (size_t c = 0; c < ARRAY_SIZE(codes); c++)
			for (enum form form = 0; form < FORMS; form++) {
				if (!can_call(codes[c], form) ||
				    (targets.list[i].ex_only && !takes_vp_set(codes[c])))
					continue;
				all++;
				good += check_target(&targets.list[i], codes[c], form, when);
			}
	report(good == all, "%s: %d of %d calls interrupt the CPUs that they name, and no other",
	       when, good, all);
}

TEST(ipis_reach_set, .on = EACH_CPU, .needs = IPI,
     .about =
	     "a hypercall for IPIs interrupts each CPU of its set once, and no other, before an action and after it")
{
	begin();
	check_targets("before the action");
	/* The VP indices stay those of the test's beginning. */
	migrate_quiet();
	check_targets("after the action");
	end();
}

/* ---- IPIs during an action ---- */

static u32 sent, refused;
static struct target all_others;

/* The next one goes out when all CPUs have got the last, so that each interrupt counts. */
static void send_next(void)
{
	u16 code = codes[sent / 2 % 2];
	enum form form = sent % 2;
	int cpu;

	for_each_cpu (cpu)
		if (all_others.cpus & BIT(cpu) && count_of(cpu) != sent)
			return;
	if (!can_call(code, form)) {
		code = HVCALL_SEND_IPI;
		form = BY_MEMORY;
	}
	sent++;
	refused += (u16)send(code, form, VECTOR, &all_others.set) != HV_STATUS_SUCCESS;
}

static bool all_have(u32 number)
{
	int cpu;

	for_each_cpu (cpu)
		if (all_others.cpus & BIT(cpu) && count_of(cpu) != number)
			return false;
	return true;
}

/*
 * A broken hypervisor carries out a call twice that a migration has interrupted, or loses it, or
 * loses the interrupt of a CPU that was just woken from HLT.
 */
TEST(ipis_all_along, .on = EACH_CPU, .needs = IPI,
     .about =
	     "IPIs that are sent by hypercalls throughout an action come once to each CPU, and wake it")
{
	int cpu;

	begin();
	memset(&all_others, 0, sizeof(all_others));
	add_all_but(&all_others, smp_id());
	sent = refused = 0;
	migrate_quiet_while(send_next);
	wait_until(all_have(sent), PATIENCE_MS);
	delay_us(1000);
	for_each_cpu (cpu)
		if (cpu != smp_id())
			report(count_of(cpu) == sent, "CPU %d has got %u interrupts of %u", cpu,
			       count_of(cpu), sent);
	report(!refused && !count_of(smp_id()),
	       "%u of %u calls were refused; this CPU got %u interrupts", refused, sent,
	       count_of(smp_id()));
	end();
}

/* ---- IPIs that wait ---- */

TEST(ipi_waits_for_halted, .needs = IPI,
     .about =
	     "an IPI that a hypercall sends to a CPU that is halted with interrupts off waits over an action, and comes once")
{
	int cpu = cpu_count() - 1;
	struct vp_set set = { 0 };
	u64 result;

	begin();
	add_cpu(&set, cpu);
	halted_cpu_begin(cpu, NULL);
	result = send(HVCALL_SEND_IPI, BY_REGISTERS, VECTOR, &set);
	report((u16)result == HV_STATUS_SUCCESS, "the call's result is 0x%lx", result);
	migrate_quiet();
	halted_cpu_check(cpu, "after the action");
	report(!count_of(cpu), "CPU %d, with interrupts off, has got %u interrupts", cpu,
	       count_of(cpu));
	halted_cpu_end(cpu, NULL, "after the action");
	wait_until(count_of(cpu), PATIENCE_MS);
	report(count_of(cpu) == 1, "with interrupts on it has got %u, of one that was sent",
	       count_of(cpu));
	end();
}

/* ---- calls that must be refused ---- */

static int refusals, bad_calls;

static void expect_status(u64 result, u16 status, const char *what)
{
	bad_calls++;
	refusals += report_if_failed((u16)result == status,
				     "%s: the result is 0x%lx, its status should be %u", what,
				     result, status);
}

static void expect_refusal(u64 result, const char *what, u64 value)
{
	bad_calls++;
	refusals += report_if_failed((u16)result != HV_STATUS_SUCCESS,
				     "%s 0x%lx: the result is 0x%lx, the call should be refused",
				     what, value, result);
}

static u32 interrupts(void)
{
	u32 all = 0;
	int cpu;

	for_each_cpu (cpu)
		all += count_of(cpu);
	return all;
}

/* TLFS: "Must be between >= 0x10 and <= 0xFF." VECTOR is in bits 7:0 of the last two. */
static void check_vectors(const struct vp_set *set)
{
	static const u32 vectors[] = { 0, 1, 8, 15, 0x100 | VECTOR, 0x10000 | VECTOR };

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		for (size_t c = 0; c < ARRAY_SIZE(codes); c++)
			for (enum form form = 0; form < FORMS; form++)
				if (can_call(codes[c], form))
					expect_refusal(send(codes[c], form, vectors[i], set),
						       "vector", vectors[i]);
}

/* TLFS, "Hypercall Inputs" and "Common Hypercall Status Codes". */
static void check_input_values(const struct vp_set *set)
{
	static const u64 reserved[] = { BIT(27), BIT(44), BIT(47), BIT(60), BIT(63) };

	expect_status(send(HVCALL_SEND_IPI | HV_HYPERCALL_REP_COUNT(1), BY_MEMORY, VECTOR, set),
		      HV_STATUS_INVALID_HYPERCALL_INPUT, "a rep count of a simple call");
	expect_status(send(HVCALL_SEND_IPI | HV_HYPERCALL_REP_START(1), BY_MEMORY, VECTOR, set),
		      HV_STATUS_INVALID_HYPERCALL_INPUT, "a rep start index of a simple call");
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		expect_status(send(HVCALL_SEND_IPI | reserved[i], BY_MEMORY, VECTOR, set),
			      HV_STATUS_INVALID_HYPERCALL_INPUT,
			      "a reserved bit of the input value");
	expect_status(send(0x7fff, BY_MEMORY, VECTOR, set), HV_STATUS_INVALID_HYPERCALL_CODE,
		      "a call code that does not exist");
}

static void check_bank_counts(const struct vp_set *set)
{
	u64 words[] = { VECTOR, HV_GENERIC_SET_SPARSE_4K, set->valid_banks, set->bank[0] };

	for (u64 banks = 0; banks <= 2; banks += 2)
		expect_refusal(call_with(HVCALL_SEND_IPI_EX | HV_HYPERCALL_VARHEAD(banks),
					 BY_MEMORY, words, ARRAY_SIZE(words)),
			       "one bank is valid, and the words of the variable header are",
			       banks);
}

TEST(bad_ipis_refused, .on = EACH_CPU, .needs = IPI,
     .about = "a hypercall for IPIs with bad input is refused with a status, and interrupts no CPU")
{
	struct vp_set set = { 0 };
	u64 result;
	int cpu;

	begin();
	for_each_cpu (cpu)
		add_cpu(&set, cpu);
	refusals = bad_calls = 0;
	check_vectors(&set);
	check_input_values(&set);
	if (can_call(HVCALL_SEND_IPI_EX, BY_MEMORY) && set.valid_banks == 1)
		check_bank_counts(&set);
	delay_us(1000);
	report(refusals == bad_calls && !interrupts(),
	       "%d of %d bad calls were refused; they made %u interrupts", refusals, bad_calls,
	       interrupts());
	if (can_call(HVCALL_SEND_IPI_EX, BY_MEMORY)) {
		set.format = 2;
		result = send(HVCALL_SEND_IPI_EX, BY_MEMORY, VECTOR, &set);
		hv_report_strict((u16)result != HV_STATUS_SUCCESS,
				 "a VP set of format 2: the result is 0x%lx", result);
		delay_us(1000);
	}
	end();
}
