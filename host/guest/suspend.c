// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Guests that suspend themselves (docs/protocol.md, "Suspend marks"). The action that such a guest
 * asks for begins when the VM is suspended. After it the guest gets no answer before it says that
 * it is awake: waking resets the UART, which would lose the byte. Unless something else wakes the
 * guest, the VMM does so after the time that the mark has named.
 */
#include "guest/internal.h"

static void disarm(struct guest *guest)
{
	if (guest->suspend.timer)
		g_source_remove(guest->suspend.timer);
	guest->suspend.timer = 0;
}

static gboolean on_sleep_over(gpointer data)
{
	struct guest *guest = data;

	guest->suspend.timer = 0;
	if (guest->vm && guest->vmm->wake) {
		guest->suspend.woken = TRUE;
		guest->vmm->wake(guest->vm);
	}
	return G_SOURCE_REMOVE;
}

/* Both have come: the end of what the guest has asked for, and the beginning of its sleep. */
static void arm_if_due(struct guest *guest)
{
	if (!guest->suspend.answer_due || !guest->suspend.asleep || guest->suspend.timer)
		return;
	guest->suspend.acted = clock_ns(CLOCK_MONOTONIC);
	guest->suspend.timer = g_timeout_add(guest->suspend.wake_ms, on_sleep_over, guest);
}

void guest_suspend_mark(struct guest *guest, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "name");
	const char *wake = machine_line_value(line, "wake");
	gboolean due = guest->suspend.answer_due, asleep = guest->suspend.asleep;

	if (!g_strcmp0(name, "suspend")) {
		guest_suspend_forget(guest);
		guest->suspend.expected = TRUE;
		/* The VMM may have told of the sleep before the mark was read. */
		guest->suspend.asleep = asleep;
		guest->suspend.wake_ms = wake ? g_ascii_strtoull(wake, NULL, 10) : 0;
	} else if (!g_strcmp0(name, "awake")) {
		disarm(guest);
		guest->suspend.expected = guest->suspend.asleep = guest->suspend.answer_due = FALSE;
		if (due)
			guest_answer_sentence(guest);
		/* An action that has waited for a guest which never slept. */
		guest_begin_action_when_ready(guest);
	}
}

void guest_suspended(struct guest *guest)
{
	guest->suspend.asleep = TRUE;
	arm_if_due(guest);
	guest_begin_action_when_ready(guest);
}

gboolean guest_awaits_suspend(const struct guest *guest)
{
	return guest->suspend.expected && !guest->suspend.asleep;
}

gboolean guest_is_suspended(const struct guest *guest)
{
	return guest->suspend.asleep;
}

gboolean guest_suspend_defers_answer(struct guest *guest)
{
	if (!guest->suspend.expected)
		return FALSE;
	guest->suspend.answer_due = TRUE;
	arm_if_due(guest);
	return TRUE;
}

char *guest_suspend_answer(const struct guest *guest)
{
	return g_strdup_printf("acted=%" G_GINT64_FORMAT " woken=%d", guest->suspend.acted,
			       guest->suspend.woken);
}

void guest_suspend_forget(struct guest *guest)
{
	disarm(guest);
	guest->suspend = (struct suspend){ 0 };
}
