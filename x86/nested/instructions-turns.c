// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs rows of instructions in L2 and judges what each has done. The tests of rows that SVM and VMX
 * share are here, too. See instructions.h.
 */
#include "x86/nested/instructions.h"
#include "apic.h"
#include "isr.h"
#include "migrate.h"
#include "processor.h"
#include "vm.h"
#include "xsave.h"

#define TSS_BUSY   BIT(41)
#define MANY_EXITS 1000000

/* The tests run on one CPU at a time; these belong to it. */
const struct row *rows;
int row_count;
bool is_there[MOST_ROWS];
bool wanted[MOST_ROWS];
struct outcome natural[MOST_ROWS];
volatile bool migrate_inside;
bool was_migrated;
u32 base_port;

static volatile int current = -1;
static struct outcome outcomes[MOST_ROWS];

struct outcome *current_outcome(const struct row **row)
{
	if (current < 0)
		return NULL;
	*row = &rows[current];
	return &outcomes[current];
}

/*
 * An exception in L2, or in L1 when the rows are run there. The table continues after the
 * instruction.
 */
static void note_exception(struct ex_regs *regs)
{
	const struct row *row = current < 0 ? NULL : &rows[current];
	struct outcome *outcome;

	if (!row || regs->rip < (u64)row->at || regs->rip > (u64)row->after)
		unhandled_exception(regs);
	outcome = &outcomes[current];
	outcome->exceptions++;
	outcome->vector = regs->vector;
	outcome->error = regs->error_code;
	outcome->rip = regs->rip;
	outcome->cr2 = regs->vector == PF_VECTOR ? read_cr2() : 0;
	regs->rip = (u64)row->after;
	regs->rflags &= ~X86_EFLAGS_TF;
}

static void note_software_interrupt(isr_regs_t *regs)
{
	if (current >= 0)
		outcomes[current].interrupts++;
}

/* A row writes to an MSR what the row before has read from it in L1. */
static void run_row(int index)
{
	current = index;
	operand_ecx = rows[index].number;
	operand_value = index ? natural[index - 1].read : 0;
	operand_port = base_port + rows[index].number;
	rows[index].run();
	end_wakeup();
	outcomes[index].passed++;
	current = -1;
}

static void rows_in_l2(void *unused)
{
	for (;;) {
		if (migrate_inside) {
			migrate_inside = false;
			migrate_quiet();
		}
		for (int i = 0; i < row_count; i++)
			if (is_there[i])
				run_row(i);
		end_turn();
	}
}

static void clear_outcomes(void)
{
	for (int i = 0; i < row_count; i++)
		outcomes[i] = (struct outcome){ .vector = NO_EXCEPTION };
}

/* ---- L1's side ---- */

/* A handler in L1 and a handler in L2 must be told the same. */
static bool check_handler(const struct row *row, const struct outcome *outcome, const char *when)
{
	bool behind = row->traps || row->vector == BP_VECTOR || row->vector == OF_VECTOR;
	u64 rip = (u64)(behind ? row->after : row->at);

	return report_if_failed(
		outcome->vector == row->vector && outcome->error == row->error &&
			outcome->rip == rip && outcome->cr2 == row->address,
		"%s: %s: the handler got %s, error code 0x%x, RIP 0x%lx, CR2 0x%lx and not %s, 0x%x, 0x%lx, 0x%lx",
		when, row->name, exception_mnemonic(outcome->vector), outcome->error, outcome->rip,
		outcome->cr2, exception_mnemonic(row->vector), row->error, rip, row->address);
}

static void restore_tr(void)
{
	this_gdt()[TSS_MAIN / 8] &= ~TSS_BUSY;
	ltr(TSS_MAIN);
}

/* Runs all rows in L1, where nothing exits, and keeps the outcomes. */
static void run_in_l1(void)
{
	clear_outcomes();
	for (int i = 0; i < row_count; i++) {
		const struct row *row = &rows[i];

		natural[i] = outcomes[i];
		if (row->only_in_l2)
			natural[i].vector = UD_VECTOR;
		if (!is_there[i] || row->only_in_l2)
			continue;
		run_row(i);
		natural[i] = outcomes[i];
		natural[i].read = operand_read;
		check_wakeup(row, &natural[i], "in L1");
		if (row->raises && !(row->optional && natural[i].vector == NO_EXCEPTION))
			check_handler(row, &natural[i], "in L1");
	}
	restore_tr();
}

static const u8 handled_vectors[] = {
	DE_VECTOR, DB_VECTOR, BP_VECTOR, OF_VECTOR, BR_VECTOR, UD_VECTOR, NM_VECTOR,
	NP_VECTOR, SS_VECTOR, GP_VECTOR, PF_VECTOR, MF_VECTOR, XM_VECTOR,
};

struct l2 *begin_rows(const struct row *table, int count)
{
	u64 *gdt = this_gdt();

	assert(count <= MOST_ROWS);
	rows = table;
	row_count = count;
	/* L1 asks this beforehand, since CPUID in L2 may exit. */
	for (int i = 0; i < count; i++) {
		is_there[i] = !table[i].there || table[i].there();
		wanted[i] = table[i].always;
	}
	migrate_inside = false;
	was_migrated = false;
	operand_xcr0 = xsave_enable();
	operand_cr[0] = read_cr0();
	operand_cr[2] = 0x123456789;
	operand_cr[3] = read_cr3();
	operand_cr[4] = read_cr4();
	operand_cr[8] = read_cr8();
	operand_dr[0] = read_dr0();
	operand_dr[1] = read_dr1();
	operand_dr[2] = read_dr2();
	operand_dr[3] = read_dr3();
	operand_dr[6] = read_dr6();
	operand_dr[7] = read_dr7();
	sidt(&operand_idtr);
	/* VM exits set the limit to its maximum. Then no selector would be beyond it. */
	sgdt(&operand_gdtr);
	operand_gdtr.limit = GDT_ENTRIES * 8 - 1;
	lgdt(&operand_gdtr);
	gdt[TSS_SPARE / 8] = gdt[TSS_MAIN / 8] & ~TSS_BUSY;
	gdt[TSS_SPARE / 8 + 1] = gdt[TSS_MAIN / 8 + 1];
	gdt[NP_STACK / 8] = gdt[KERNEL_DS / 8] & ~BIT(47);
	operand_tss = (u64)&gdt[TSS_SPARE / 8];
	for (unsigned i = 0; i < ARRAY_SIZE(handled_vectors); i++)
		handle_exception(handled_vectors[i], note_exception);
	handle_irq_any(SWINT_VECTOR, note_software_interrupt);
	begin_wakeups();
	run_in_l1();
	return l2_new(rows_in_l2, NULL);
}

void end_rows(struct l2 *l2)
{
	u64 *gdt = this_gdt();

	l2_free(l2);
	for (unsigned i = 0; i < ARRAY_SIZE(handled_vectors); i++)
		handle_exception(handled_vectors[i], NULL);
	unhandle_irq(SWINT_VECTOR);
	end_wakeups();
	restore_tr();
	gdt[TSS_SPARE / 8] = gdt[TSS_SPARE / 8 + 1] = gdt[NP_STACK / 8] = 0;
	current = -1;
}

/* Whether the exit belongs to the row that L2 is at. Then L2 goes on after the row. */
static bool note_exit(struct l2 *l2, const char *when)
{
	const struct row *row = current < 0 ? NULL : &rows[current];

	if (!row || l2_rip(l2) != (u64)(row->traps ? row->after : row->at))
		return false;
	outcomes[current].wrong |= !check_information(l2, row, when);
	outcomes[current].exits++;
	go_on_behind(l2, row);
	return true;
}

/*
 * A row that should exit must do so once and have no other effect in L2. Otherwise it must do in L2
 * what it did in L1.
 */
static bool judge(int index, const char *when)
{
	const struct row *row = &rows[index];
	const struct outcome *outcome = &outcomes[index];
	bool exits = wanted[index];
	int vector = exits ? NO_EXCEPTION : natural[index].vector;
	bool good = !outcome->wrong & check_wakeup(row, outcome, when);

	if (!report_if_failed(outcome->exits == exits, "%s: %s: %s", when, row_text(index),
			      !exits		? "L1 got an exit that it did not ask for"
			      : !outcome->exits ? "did not exit, L2 executed it"
						: "exited more than once"))
		return false;
	good &= report_if_failed(outcome->vector == vector && outcome->exceptions <= 1,
				 "%s: %s%s: L2 got %s (%u times) instead of %s", when, row->name,
				 exits ? ", after its exit" : "",
				 exception_mnemonic(outcome->vector), outcome->exceptions,
				 exception_mnemonic(vector));
	good &= report_if_failed(outcome->passed == 1, "%s: %s: L2 came past it %u times", when,
				 row->name, outcome->passed);
	good &= report_if_failed(outcome->interrupts == (exits ? 0 : natural[index].interrupts),
				 "%s: %s: L2's handler ran %u times", when, row->name,
				 outcome->interrupts);
	if (good && row->raises && !exits && natural[index].vector != NO_EXCEPTION)
		good = check_handler(row, outcome, when);
	return good;
}

bool quiet_turn(struct l2 *l2, const char *when)
{
	bool good = true;

	clear_outcomes();
	was_migrated |= migrate_inside;
	before_turn(l2);
	for (u64 count = 0;; count++) {
		l2_enter(l2);
		if (current < 0 && skip_turn_end(l2))
			break;
		if (count < MANY_EXITS && (note_exit(l2, when) || carry_out(l2)))
			continue;
		report_fail("%s: at or before %s: exit %s%s", when,
			    current < 0 ? "no instruction of the test" : rows[current].name,
			    l2_exit_text(l2),
			    count < MANY_EXITS ? ", for which there was no reason"
					       : ", after a million others");
		current = -1;
		return false;
	}
	for (int i = 0; i < row_count; i++)
		if (is_there[i])
			good &= judge(i, when);
	return good;
}

bool turn(struct l2 *l2, const char *when)
{
	int there = 0, exits = 0;

	if (!quiet_turn(l2, when))
		return false;
	for (int i = 0; i < row_count; i++) {
		there += is_there[i];
		exits += outcomes[i].exits;
	}
	report_pass("%s: %d instructions, %d of them exited", when, there, exits);
	return true;
}

bool migrated_turn(struct l2 *l2, const char *when)
{
	bool good;

	migrate_inside = true;
	good = turn(l2, when);
	return report_if_failed(!migrate_inside, "%s: L2 has not asked to be migrated", when) &&
	       good;
}

bool turn_after_migration(struct l2 *l2, const char *when)
{
	migrate_quiet();
	was_migrated = true;
	return turn(l2, when);
}

/* ---- what L1 wants ---- */

void want(struct l2 *l2, row_choice *chosen, int argument)
{
	int number = 0;

	for (int i = 0; i < row_count; i++) {
		number += i && rows[i].control != rows[i - 1].control;
		wanted[i] = rows[i].always || chosen(number, argument);
		if (is_there[i] && !rows[i].always)
			set_control(l2, &rows[i], wanted[i]);
	}
}

void want_msrs(struct l2 *l2, row_choice *chosen, int argument)
{
	for (int i = 0; i < row_count; i++) {
		wanted[i] = rows[i].always || chosen(i, argument);
		if (rows[i].write && !rows[i].always)
			l2_intercept_msr(l2, rows[i].number, wanted[i - 1], wanted[i]);
	}
}

void want_vectors(struct l2 *l2, u32 vectors)
{
	for (int i = 0; i < row_count; i++) {
		wanted[i] = vectors >> rows[i].vector & 1;
		set_control(l2, &rows[i], wanted[i]);
	}
}

bool all(int number, int unused)
{
	return true;
}

bool none(int number, int unused)
{
	return false;
}

bool every_other(int number, int first)
{
	return number >= first && (number - first) % 2 == 0;
}

_Static_assert(1 << PATTERNS / 2 >= MOST_ROWS, "no two rows are in the same patterns");

bool in_pattern(int number, int pattern)
{
	return (number >> pattern / 2 & 1) != pattern % 2;
}

/* ======== tests of instructions ======== */

/* A broken hypervisor forgets controls when it makes L2's VMCB or VMCS anew on the destination. */
TEST(instructions_all, .on = EACH_CPU, .needs = L2,
     .about = "every instruction that L1 wants to exit still exits after a migration in L2")
{
	struct l2 *l2 = begin_instructions();

	want(l2, all, 0);
	if (turn(l2, "all, before the migration"))
		migrated_turn(l2, "all, after a migration in L2");
	end(l2);
}

/* A broken hypervisor gives L1 exits that only the hypervisor itself wants. */
TEST(instructions_none, .on = EACH_CPU, .needs = L2,
     .about =
	     "after a migration in L2, only those instructions exit that L1 wants to exit, or that always do")
{
	struct l2 *l2 = begin_instructions();

	want(l2, none, 0);
	if (turn(l2, "none, before the migration"))
		migrated_turn(l2, "none, after a migration in L2");
	end(l2);
}

TEST(instructions_patterns, .on = EACH_CPU, .needs = L2,
     .about =
	     "exactly those instructions exit that L1 wants to, also after a migration in L2, in patterns that tell any two controls apart")
{
	struct l2 *l2 = begin_instructions();
	bool good = true;
	int pattern;

	migrate_inside = true;
	for (pattern = 0; good && pattern < PATTERNS; pattern++) {
		report_prefix_pushf("pattern %d", pattern);
		want(l2, in_pattern, pattern);
		good = quiet_turn(l2, pattern ? "after a migration in the first"
					      : "after a migration in L2");
		report_prefix_pop();
	}
	report(good && !migrate_inside, "%d instructions in %d patterns", row_count, pattern);
	end(l2);
}
