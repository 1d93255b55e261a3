// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 sleeps, and another CPU wakes it after a migration. See wake.h.
 *
 * On the command line: with break=early, the other CPU sends before the migration.
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/nested/wake.h"
#include "smp.h"

/* Enough time for what must not wake L2 to do so. */
#define DISTURBED_US 20000

static void migrate_then_wake(void *data)
{
	struct waker *waker = data;

	if (!wait_in_full(waker->sleeping, PATIENCE_MS))
		return;
	delay_us(EVENT_SILENCE_US);
	if (broken("early") && waker->send)
		waker->send(waker->cpu);
	migrate_quiet();
	if (waker->disturb) {
		waker->disturb(waker->cpu);
		delay_us(DISTURBED_US);
	}
	delay_us(EVENT_SILENCE_US);
	waker->early = waker->exits;
	if (waker->send && !waker->exits)
		waker->send(waker->cpu);
	if (wait_until(waker->exits, PATIENCE_MS))
		return;
	waker->rescued = 1;
	apic_send_ipi(waker->cpu, HIGH_VECTOR);
	if (!wait_until(waker->exits, PATIENCE_MS))
		apic_send_nmi(waker->cpu);
}

void wake_after_migration(struct waker *waker)
{
	waker->cpu = smp_id();
	on_cpu_async(other_cpu(), migrate_then_wake, waker);
}

void check_wake(const struct waker *waker)
{
	on_cpu_wait(other_cpu());
	report(!waker->rescued, "L2 was woken by %s",
	       waker->rescued ? "a second interrupt or NMI, and not by what was sent first"
			      : "what was sent");
	report(!waker->early, "L2 slept until it was sent (%u exits before)", waker->early);
}
