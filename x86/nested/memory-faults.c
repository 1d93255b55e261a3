// SPDX-License-Identifier: GPL-2.0-or-later
/* Page faults in L2 and L1: each comes once, with its own CR2. See memory-world.h. */
#include "x86/nested/memory-world.h"
#include "exception.h"
#include "percpu.h"

/* Addresses where nothing is mapped: after L2's window, and at 1 TiB for L1. */
#define L2_NOWHERE ((u64)WINDOW + (1ul << 30))
#define L1_NOWHERE (1ul << 40)

/* The one instruction that may fault; the handler continues after it. */
void storm_read(u64 address);
extern char storm_instruction[], storm_after[];
asm(".pushsection .text\n"
    "storm_read:\n"
    "storm_instruction:\n"
    "	movb	(%rdi), %al\n"
    "storm_after:\n"
    "	ret\n"
    ".popsection\n");

struct storm {
	u64 expected; /* CR2 */
	u64 faults, wrong, miscounted;
	u64 first_is, first_should, first_error;
	bool move; /* in the handler, before it looks at CR2 */
};

static PER_CPU(struct storm, storm);
static handler handler_before;

static void on_page_fault(struct ex_regs *regs)
{
	struct storm *s = &this_cpu(storm);
	u64 cr2;

	if (regs->rip != (u64)storm_instruction)
		unhandled_exception(regs);
	if (s->move) {
		s->move = false;
		migrate_quiet();
	}
	cr2 = read_cr2();
	s->faults++;
	if ((cr2 != s->expected || regs->error_code) && !s->wrong++) {
		s->first_is = cr2;
		s->first_should = s->expected;
		s->first_error = regs->error_code;
	}
	regs->rip = (u64)storm_after;
}

static u64 nowhere(u64 base, u64 n)
{
	return base + n * PAGE_SIZE + n * 24 % PAGE_SIZE;
}

u64 l2_nowhere(u64 n)
{
	return nowhere(L2_NOWHERE, n);
}

u64 l1_nowhere(u64 n)
{
	return nowhere(L1_NOWHERE, n);
}

void fault_at(u64 address)
{
	struct storm *s = &this_cpu(storm);
	u64 before = s->faults;

	WRITE_ONCE(s->expected, address + (broken("cr2") ? sizeof(u64) : 0));
	storm_read(address);
	if (READ_ONCE(s->faults) != before + 1)
		s->miscounted++;
}

void storm_begin(void)
{
	memset(&this_cpu(storm), 0, sizeof(this_cpu(storm)));
	handler_before = handle_exception(PF_VECTOR, on_page_fault);
}

void storm_end(u64 should)
{
	const struct storm *s = &this_cpu(storm);

	handle_exception(PF_VECTOR, handler_before);
	report(s->faults == should && !s->miscounted,
	       "%lu faults for %lu accesses; %lu accesses did not fault exactly once", s->faults,
	       should, s->miscounted);
	report(!s->wrong,
	       "%lu faults had another CR2 or error code; the first: CR2 0x%lx and not 0x%lx, error code 0x%lx",
	       s->wrong, s->first_is, s->first_should, s->first_error);
}

struct storm_plan {
	u64 count;
	bool in_handler;
};

static void storm_in_l2(void *data)
{
	const struct storm_plan *plan = data;

	for (u64 n = 0; n < plan->count; n++) {
		if (n == plan->count / 2) {
			if (plan->in_handler)
				this_cpu(storm).move = true;
			else
				migrate_quiet();
		}
		fault_at(l2_nowhere(n));
	}
}

void storm_story(bool nested, bool in_handler)
{
	struct world *w = world_new(nested);
	struct storm_plan plan = { .count = scaled_count(20000, 400), .in_handler = in_handler };

	storm_begin();
	nesting.exit_on_page_faults(w->l2, false);
	l2_start(w->l2, storm_in_l2, &plan);
	l2_expect_return(w->l2);
	report(nesting.cr2(w->l2) == l2_nowhere(plan.count - 1), "%s is 0x%lx, L2's last was 0x%lx",
	       nesting.cr2_name, nesting.cr2(w->l2), l2_nowhere(plan.count - 1));
	storm_end(plan.count);
	world_free(w);
}

/* ---- L1's and L2's faults in turn ---- */

struct turns {
	u64 n, cr2; /* for cr2: L2's CR2 at its next entry */
	u64 wrong_at_entry, found, should;
};

static void fault_in_turn(void *data)
{
	struct turns *turns = data;

	for (;;) {
		u64 cr2 = read_cr2(), should = READ_ONCE(turns->cr2);

		if (cr2 != should && !turns->wrong_at_entry++) {
			turns->found = cr2;
			turns->should = should;
		}
		fault_at(l2_nowhere(READ_ONCE(turns->n)));
		l2_call(DONE);
	}
}

/*
 * VMRUN loads CR2 and #VMEXIT saves it, and neither restores L1's (APM volume 2, 15.5.1, 15.6).
 * Entry and exit of VMX do not touch CR2 (SDM volume 3, 27.3.2, 28.3). So after an exit L1 has its
 * own last CR2 or L2's, and nothing else.
 */
void turns_story(bool nested)
{
	struct world *w = world_new(nested);
	struct turns turns = { 0 };
	u64 count = scaled_count(600, 60), foreign = 0, lost = 0, last = 0;

	storm_begin();
	nesting.exit_on_page_faults(w->l2, false);
	l2_start(w->l2, fault_in_turn, &turns);
	for (; turns.n < count && !w->broken; turns.n++) {
		u64 own = l1_nowhere(turns.n), its = l2_nowhere(turns.n), cr2;

		fault_at(own);
		turns.cr2 = nesting.cr2(w->l2);
		if (turns.n == count / 3)
			migrate_quiet();
		finish(w, "L2 faults");
		if (turns.n == count / 2)
			migrate_quiet();
		cr2 = read_cr2();
		foreign += cr2 != own && cr2 != its;
		if (nesting.cr2(w->l2) != its) {
			lost++;
			last = nesting.cr2(w->l2);
		}
	}
	report(!foreign, "%lu times L1's CR2 was neither L1's last nor L2's", foreign);
	report(!lost, "%lu times %s was not L2's last (once 0x%lx)", lost, nesting.cr2_name, last);
	report(!turns.wrong_at_entry,
	       "%lu times L2 was entered with a wrong CR2 (first 0x%lx, not 0x%lx)",
	       turns.wrong_at_entry, turns.found, turns.should);
	storm_end(2 * count);
	world_free(w);
}

/* ---- #PF that L1 intercepts ---- */

/*
 * L1 removes an entry of L2's tables. L2's #PF exits and leaves CR2 unchanged. L2 reads when L1 has
 * restored the entry.
 */
void repaired_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 count = scaled_count(400, 40), wrong_cr2 = 0, wrong_value = 0;

	nesting.exit_on_page_faults(w->l2, true);
	for (u64 n = 0; n < count && !w->broken; n++) {
		int i = n % PLACES;
		u64 sentinel = 0x7000000000 + n, offset = n * 24 % PAGE_SIZE;
		u64 entry = w->pt[i];
		struct fault fault = { .kind = PAGE_FAULT, .linear = (u64)place(i, offset) };

		w->pt[i] = 0;
		nesting.flush(w->l2);
		nesting.set_cr2(w->l2, sentinel);
		ask(w, READ, place(i, offset), ~0ul);
		expect_fault(w, &fault, "L2's fault exits to L1");
		wrong_cr2 += nesting.cr2(w->l2) != sentinel;
		if (n == count / 2)
			migrate_quiet();
		w->pt[i] = entry;
		finish(w, "L1 has repaired it");
		wrong_value += w->request.value != content(w, first_page(i), offset);
		wrong_cr2 += nesting.cr2(w->l2) != sentinel;
	}
	report(!w->broken && !wrong_value, "%lu intercepted faults repaired, %lu reads went wrong",
	       count, wrong_value);
	report(!wrong_cr2, "%lu times a #PF that exits has changed L2's CR2", wrong_cr2);
	world_free(w);
}

/* L1 injects a #PF that has exited: L2 has the CR2 that L1 gives it. */
static void read_nowhere(void *data)
{
	u64 count = *(u64 *)data;

	for (u64 n = 0; n < count; n++)
		fault_at(l2_nowhere(n));
}

void passed_on_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 count = scaled_count(200, 20), n;

	storm_begin();
	nesting.exit_on_page_faults(w->l2, true);
	l2_start(w->l2, read_nowhere, &count);
	for (n = 0; n < count; n++) {
		struct fault fault = { .kind = PAGE_FAULT, .linear = l2_nowhere(n) };

		if (!expect_fault(w, &fault, "L2's fault exits to L1"))
			break;
		nesting.inject_page_fault(w->l2, fault.linear);
		if (n == count / 2)
			migrate_quiet();
	}
	if (n == count)
		l2_expect_return(w->l2);
	storm_end(count);
	world_free(w);
}
