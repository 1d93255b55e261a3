// SPDX-License-Identifier: GPL-2.0-or-later
/* See held-init.h. */
#include "x86/nested/held-init.h"
#include "deadline.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "test.h"

#define ARRIVAL_MS 2000
/*
 * The INIT may come a little later than it should. So a CPU that it should stop must go on for so
 * many rounds before the test fails. On a busy host a vCPU may not run for some time.
 */
#define MOST_ROUNDS 1000
#define STOPPED_MS  1000

static struct {
	const struct init_holder *holder;
	u32 held, released;
	bool may_release;
} rounds;

static void count(u32 *count)
{
	WRITE_ONCE(*count, *count + 1);
	show_life();
	pause();
}

static void hold_and_release(void *data)
{
	rounds.holder->hold();
	while (!READ_ONCE(rounds.may_release))
		count(&rounds.held);
	rounds.holder->release();
	for (;;)
		count(&rounds.released);
}

static bool goes_on(void)
{
	u32 before = READ_ONCE(rounds.held);

	return wait_until(READ_ONCE(rounds.held) != before, ARRIVAL_MS);
}

void check_held_init(const struct init_holder *holder)
{
	int cpu = cpu_count() - 1;

	memset(&rounds, 0, sizeof(rounds));
	rounds.holder = holder;
	on_cpu_async(cpu, hold_and_release, NULL);
	report(goes_on(), "CPU %d runs %s", cpu, holder->where);
	if (!broken("lost") && !broken("other"))
		smp_send_init(cpu);
	report(goes_on(), "CPU %d goes on %s while an INIT waits", cpu, holder->where);
	migrate_quiet();
	report(goes_on(), "after the action CPU %d goes on %s while an INIT waits", cpu,
	       holder->where);
	WRITE_ONCE(rounds.may_release, true);
	report(!wait_in_full(READ_ONCE(rounds.released) > MOST_ROUNDS, STOPPED_MS),
	       "after %s the INIT that waits stops CPU %d", holder->until, cpu);
	/* Whatever became of that INIT, the next one stops the CPU. */
	smp_send_init(cpu);
	smp_forget(cpu);
	if (!report(smp_start(cpu), "CPU %d has started by a SIPI", cpu))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
}
