// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An INIT that is sent to a CPU between CLGI and STGI waits for STGI (AMD APM volume 2, 15.17,
 * "Global Interrupt Flag, STGI and CLGI Instructions"). See svm_event.c.
 *
 * A broken hypervisor forgets the INIT in an action, so that the CPU goes on for good, or lets it
 * in at once. The test does not tell an INIT that comes at STGI from one that comes some time
 * later.
 */
#include "libcflat.h"
#include "deadline.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_event/svm_event.h"

#define ARRIVAL_MS 2000
/*
 * The INIT may come somewhat later than STGI. A CPU that it should stop has that long for going on
 * instead: on a busy host a vCPU may not run for some time.
 */
#define MOST_ROUNDS 1000
#define STOPPED_MS  1000

static struct {
	u32 with_gif_clear, with_gif_set;
	bool may_set_gif;
} rounds;

static void count(u32 *count)
{
	WRITE_ONCE(*count, *count + 1);
	show_life();
	pause();
}

static void wait_with_gif_clear(void *data)
{
	svm_enable();
	clgi();
	while (!READ_ONCE(rounds.may_set_gif))
		count(&rounds.with_gif_clear);
	stgi();
	for (;;)
		count(&rounds.with_gif_set);
}

static bool goes_on(void)
{
	u32 before = READ_ONCE(rounds.with_gif_clear);

	return wait_until(READ_ONCE(rounds.with_gif_clear) != before, ARRIVAL_MS);
}

TEST(gif_holds_init, .needs = ALL_OF(SVM, SMP),
     .about =
	     "an INIT that is sent to a CPU between CLGI and STGI waits through a migration, and stops the CPU after STGI")
{
	int cpu = cpu_count() - 1;

	memset(&rounds, 0, sizeof(rounds));
	on_cpu_async(cpu, wait_with_gif_clear, NULL);
	report(goes_on(), "CPU %d runs with GIF clear", cpu);
	if (!broken("lost"))
		smp_send_init(cpu);
	report(goes_on(), "CPU %d goes on with GIF clear while an INIT waits", cpu);
	migrate_quiet();
	report(goes_on(), "after the action CPU %d goes on with GIF clear while an INIT waits",
	       cpu);
	WRITE_ONCE(rounds.may_set_gif, true);
	report(!wait_in_full(READ_ONCE(rounds.with_gif_set) > MOST_ROUNDS, STOPPED_MS),
	       "after STGI the INIT that waits stops CPU %d", cpu);
	/* Whatever became of that INIT, the next one stops the CPU. */
	smp_send_init(cpu);
	smp_forget(cpu);
	if (!report(smp_start(cpu), "CPU %d has started by a SIPI", cpu))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
}
