// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smm: CPUs that are migrated, or met by another action of the host, in system management mode
 * (Intel SDM volume 3, "System Management Mode"; AMD APM volume 2, "System-Management Mode"), and
 * SMIs that come in the middle of an action.
 *
 * A guest with UEFI firmware is in SMM each time that it writes a variable of the firmware. By
 * KVM_GET_VCPU_EVENTS and MSR_IA32_SMBASE KVM reports that a CPU is in SMM, what is pending until
 * RSM, and SMBASE. KVM itself writes the state that RSM restores to the guest's memory, and the
 * handler's memory has dirty logs of its own (KVM_CAP_MULTI_ADDRESS_SPACE).
 *
 * A broken hypervisor forgets that the CPU is in SMM. Then RSM is invalid: the handler, which has
 * no IDT, ends in a triple fault, and the machine resets. Or it forgets an NMI, an SMI or an INIT
 * that waits for RSM, delivers it at once or twice, sends the next SMI to the wrong address, or
 * loses what was written in SMM.
 *
 * How the tests see it: the handlers of the boot CPU and the last CPU count, and loop until they
 * may leave. In between the boot CPU asks for actions. The tests cannot tell a KVM that reports a
 * wrong state from a VMM that does not carry it. The library has no handler for other CPUs.
 */
#include "apic.h"
#include "exception.h"
#include "processor.h"
#include "x86/smm/smm.h"

static struct busy busy;

/* Starts be_busy() on `cpu`, and lets an SMI interrupt it. If none does, the CPU is idle again. */
static bool enter_busy(int cpu)
{
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, be_busy, &busy);
	goes_on(&busy);
	if (report(enter_smm(cpu, true), "an SMI interrupts CPU %d", cpu))
		return true;
	leave_smm(cpu);
	end_busy(cpu, &busy);
	return false;
}

static void check_area(int cpu, u32 entries)
{
	volatile struct smm_area *area = smm_area(cpu);

	report(area->entries == entries && !area->torn,
	       "CPU %d's handler was entered %u times, should be %u; %u of its %u turns found a count that the one before had not left",
	       cpu, area->entries, entries, area->torn, area->turns);
}

/* The CPU is in SMM all the time from before the first action until after the last one. */
static void be_migrated_in_smm(int actions)
{
	int cpu = cpu_count() - 1;
	u32 entries, rounds;

	if (!smm_set_up())
		return;
	entries = smm_area(cpu)->entries;
	if (!enter_busy(cpu))
		return;
	rounds = READ_ONCE(busy.rounds);
	for (int i = 0; i < actions; i++)
		migrate_quiet();
	if (broken("left"))
		leave_smm(cpu);
	check_still_in_smm(cpu, &busy, rounds);
	check_area(cpu, entries + 1);
	leave_smm(cpu);
	report(goes_on(&busy), "after RSM CPU %d goes on with what the SMI has interrupted", cpu);
	end_busy(cpu, &busy);
}

TEST(in_handler, .needs = SMP,
     .about =
	     "a CPU that is in an SMI handler goes on there after an action, and RSM takes it back")
{
	be_migrated_in_smm(1);
}

TEST(in_handler_twice, .needs = SMP,
     .about = "a CPU that stays in an SMI handler over two actions goes on there")
{
	be_migrated_in_smm(2);
}

/* The idle CPU waits in HLT, and the handler's RSM may return to the HLT or behind it. */
TEST(halted_before, .needs = SMP,
     .about = "a CPU that has halted before its SMI runs functions again after an action and RSM")
{
	int cpu = cpu_count() - 1;

	if (!smm_set_up())
		return;
	report(enter_smm(cpu, true), "an SMI wakes CPU %d", cpu);
	migrate_quiet();
	report(runs_in_smm(cpu), "CPU %d is still in its SMI handler after the action", cpu);
	leave_smm(cpu);
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, be_busy, &busy);
	report(goes_on(&busy), "after RSM CPU %d takes interrupts", cpu);
	end_busy(cpu, &busy);
}

/* ---- what waits for RSM ---- */

static PER_CPU(u32, nmis);
static PER_CPU(u32, nmis_in_smm);

static void on_nmi(struct ex_regs *regs)
{
	this_cpu(nmis)++;
	/* In SMM an NMI would find no IDT. This counts NMIs of a CPU that left SMM too early. */
	if (smm_area(smp_id())->stay)
		this_cpu(nmis_in_smm)++;
}

TEST(nmi_waits, .needs = SMP,
     .about = "an NMI that is sent to a CPU in SMM before an action comes once, after RSM")
{
	int cpu = cpu_count() - 1;
	handler before;

	if (!smm_set_up())
		return;
	before = handle_exception(NMI_VECTOR, on_nmi);
	*cpu_ptr(nmis, cpu) = *cpu_ptr(nmis_in_smm, cpu) = 0;
	if (enter_busy(cpu)) {
		apic_send_nmi(cpu);
		report(runs_in_smm(cpu), "SMM goes on while an NMI waits");
		migrate_quiet();
		report(runs_in_smm(cpu), "SMM goes on after the action while an NMI waits");
		leave_smm(cpu);
		wait_until(READ_ONCE(*cpu_ptr(nmis, cpu)), SMI_MS);
		report(goes_on(&busy), "after RSM CPU %d goes on", cpu);
		end_busy(cpu, &busy);
		report(*cpu_ptr(nmis, cpu) == 1 && !*cpu_ptr(nmis_in_smm, cpu),
		       "CPU %d has got %u NMIs, %u of them before RSM; one waited", cpu,
		       *cpu_ptr(nmis, cpu), *cpu_ptr(nmis_in_smm, cpu));
	}
	handle_exception(NMI_VECTOR, before);
}

/* A CPU keeps one SMI that comes in SMM, and takes it right after RSM. */
TEST(smi_waits, .needs = SMP,
     .about = "an SMI that is sent to a CPU in SMM before an action comes once, after RSM")
{
	int cpu = cpu_count() - 1;
	volatile struct smm_area *area;
	u32 entries;

	if (!smm_set_up())
		return;
	area = smm_area(cpu);
	entries = area->entries;
	if (!enter_busy(cpu))
		return;
	send_smi(cpu);
	migrate_quiet();
	report(runs_in_smm(cpu), "SMM goes on after the action");
	check_area(cpu, entries + 1);
	leave_smm(cpu);
	wait_until(area->entries == entries + 2, SMI_MS);
	report(goes_on(&busy), "after both RSMs CPU %d goes on", cpu);
	end_busy(cpu, &busy);
	check_area(cpu, entries + 2);
}

TEST(interrupt_waits, .needs = SMP,
     .about = "an interrupt that is sent to a CPU in SMM before an action comes after RSM")
{
	int cpu = cpu_count() - 1;
	struct busy second = { 0 };

	if (!smm_set_up() || !enter_busy(cpu))
		return;
	WRITE_ONCE(busy.stop, 1);
	migrate_quiet();
	report(runs_in_smm(cpu), "SMM goes on after the action");
	leave_smm(cpu);
	end_busy(cpu, &busy);
	/* The library interrupts the CPU for this. */
	report(enter_smm(cpu, true), "an SMI comes to CPU %d when it is idle", cpu);
	on_cpu_async(cpu, be_busy, &second);
	migrate_quiet();
	report(!READ_ONCE(second.rounds), "the interrupt waits while CPU %d is in SMM", cpu);
	leave_smm(cpu);
	report(goes_on(&second), "after RSM CPU %d takes the interrupt that waited", cpu);
	end_busy(cpu, &second);
}

/*
 * How long a test waits to see whether a CPU goes on that an INIT should have stopped. On a busy
 * host a vCPU may not run for much longer than stands_still() waits.
 */
#define STOPPED_MS 1000

/* INIT leaves SMBASE as it is (Intel SDM volume 3, "Processor State After Reset"). */
TEST(init_waits, .needs = SMP,
     .about = "an INIT that is sent to a CPU in SMM before an action stops it after RSM")
{
	int cpu = cpu_count() - 1;
	u32 rounds;

	if (!smm_set_up() || !enter_busy(cpu))
		return;
	rounds = busy.rounds;
	smp_send_init(cpu);
	migrate_quiet();
	report(runs_in_smm(cpu), "SMM goes on after the action while an INIT waits");
	leave_smm(cpu);
	wait_until(stands_still(&smm_area(cpu)->turns), SMI_MS);
	if (!report(!wait_until(READ_ONCE(busy.rounds) != rounds, STOPPED_MS),
		    "after RSM the INIT stops CPU %d, which has made %u rounds since it was sent",
		    cpu, busy.rounds - rounds)) {
		end_busy(cpu, &busy);
		return;
	}
	smp_forget(cpu);
	if (!report(smp_start(cpu), "CPU %d has started by a SIPI", cpu))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
	if (!report(enter_smm(cpu, false), "its next SMI begins at SMBASE 0x%x", smm_base(cpu)))
		smm_set_up_anew();
}

/* An NMI handler that an SMI has interrupted: NMIs stay blocked until the handler's IRET. */
static struct busy busy_in_nmi;
static bool in_nmi;

/* Both NMIs have one stack, so a nested one cannot return. */
static void stay_in_nmi(struct ex_regs *regs)
{
	if (READ_ONCE(in_nmi))
		report_abort(
			"an NMI came to CPU %d inside its NMI handler, which an SMI has interrupted before",
			smp_id());
	if (this_cpu(nmis)++)
		return;
	WRITE_ONCE(in_nmi, true);
	be_busy(&busy_in_nmi);
	WRITE_ONCE(in_nmi, false);
}

TEST(nmi_blocked_behind, .needs = SMP,
     .about = "NMIs stay blocked after an action and RSM if the SMI has interrupted an NMI handler")
{
	int cpu = cpu_count() - 1;
	handler before;

	if (!smm_set_up())
		return;
	before = handle_exception(NMI_VECTOR, stay_in_nmi);
	memset(&busy_in_nmi, 0, sizeof(busy_in_nmi));
	*cpu_ptr(nmis, cpu) = 0;
	apic_send_nmi(cpu);
	report(goes_on(&busy_in_nmi), "CPU %d is in its NMI handler", cpu);
	if (report(enter_smm(cpu, true), "an SMI interrupts the NMI handler")) {
		migrate_quiet();
		report(runs_in_smm(cpu), "SMM goes on after the action");
		leave_smm(cpu);
		report(goes_on(&busy_in_nmi), "after RSM the NMI handler goes on");
		apic_send_nmi(cpu);
		goes_on(&busy_in_nmi);
		goes_on(&busy_in_nmi);
	}
	WRITE_ONCE(busy_in_nmi.stop, 1);
	wait_until(READ_ONCE(*cpu_ptr(nmis, cpu)) == 2, SMI_MS);
	report(*cpu_ptr(nmis, cpu) == 2,
	       "CPU %d has got %u NMIs; one was sent before the SMI and one after it", cpu,
	       *cpu_ptr(nmis, cpu));
	report(!busy_in_nmi.differ, "the NMI handler has its registers (0x%lx differ)",
	       busy_in_nmi.differ);
	handle_exception(NMI_VECTOR, before);
}

/* ---- SMIs in the middle of an action ---- */

static u32 sent;

static void send_next(void)
{
	int cpu = cpu_count() - 1;

	if (smm_area(cpu)->entries != sent)
		return;
	sent++;
	send_smi(cpu);
}

/*
 * KVM itself writes the registers to the save area. If such a write is not in the dirty log, RSM at
 * the destination finds those of an earlier SMI.
 */
TEST(smis_all_along, .needs = SMP,
     .about =
	     "SMIs that are sent throughout an action come once each, and RSM restores the registers")
{
	int cpu = cpu_count() - 1;
	u32 entries, turns;

	if (!smm_set_up())
		return;
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, be_busy, &busy);
	smm_area(cpu)->stay = 0;
	entries = sent = smm_area(cpu)->entries;
	turns = smm_area(cpu)->turns;
	for (int i = 0; i < 2; i++)
		migrate_quiet_while(send_next);
	report(wait_until(smm_area(cpu)->entries == sent, SMI_MS),
	       "the last SMI has come (%u of %u)", smm_area(cpu)->entries - entries,
	       sent - entries);
	report(goes_on(&busy), "CPU %d goes on", cpu);
	end_busy(cpu, &busy);
	check_area(cpu, sent);
	report(smm_area(cpu)->turns - turns == sent - entries,
	       "%u SMIs were sent, and the handler has made %u turns, one for each", sent - entries,
	       smm_area(cpu)->turns - turns);
}

/* smm_set_up() has given these CPUs SMBASEs of their own. */
TEST(base_kept, .needs = SMP,
     .about = "after an action SMIs begin at the address that each CPU's handler has chosen")
{
	int cpus[] = { 0, cpu_count() - 1 };

	if (!smm_set_up())
		return;
	migrate_quiet();
	for (int i = 0; i < 2; i++) {
		u32 entries = smm_area(cpus[i])->entries;

		report(enter_smm(cpus[i], false) && smm_area(cpus[i])->entries == entries + 1,
		       "an SMI to CPU %d begins at SMBASE 0x%x", cpus[i], smm_base(cpus[i]));
	}
}

/* Intel SDM volume 4, MSR_SMI_COUNT. KVM counts for every CPU. */
static void read_count(void *data)
{
	rdmsr_safe(MSR_SMI_COUNT, data);
}

TEST(count_goes_on, .needs = SMP, .about = "the count of a CPU's SMIs goes on after an action")
{
	int cpu = cpu_count() - 1;
	u64 first = 0, before = 0, after = 0;

	if (!smm_set_up())
		return;
	on_cpu(cpu, read_count, &first);
	enter_smm(cpu, false);
	on_cpu(cpu, read_count, &before);
	if (before != first + 1) {
		report_skip(
			"this CPU does not count its SMIs: MSR_SMI_COUNT was %lu before one, and %lu after it",
			first, before);
		return;
	}
	migrate_quiet();
	on_cpu(cpu, read_count, &after);
	report(after == before, "MSR_SMI_COUNT of CPU %d is %lu after the action, was %lu", cpu,
	       after, before);
	enter_smm(cpu, false);
	on_cpu(cpu, read_count, &after);
	report(after == before + 1, "after another SMI it is %lu", after);
}
