// SPDX-License-Identifier: GPL-2.0-or-later
/* Pauses of a QEMU: `stop` and `cont` of the QMP reference. */
#include "vmm/qemu/action.h"

struct pause {
	struct qemu_action base;
	guint milliseconds;
	guint timer; /* of the pause, or 0 */
};

static void release(struct qemu_action *action)
{
	struct pause *pause = (struct pause *)action;

	if (pause->timer)
		g_source_remove(pause->timer);
}

static const struct qemu_action_kind pause_kind = {
	.size = sizeof(struct pause),
	.release = release,
};

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct pause *pause = qemu_action_of(qemu, &pause_kind);
	struct action_stats stats = { 0 };

	if (!pause)
		return;
	if (problem) {
		qemu_action_fail(&pause->base, "%s", problem);
		return;
	}
	qemu_action_take_time(&pause->base, &stats);
	/*
	 * QEMU stops the clocks between our `stop` and its STOP event, and starts them
	 * between the RESUME event and its answer to `cont`.
	 */
	stats.pause_max_ns = stats.total_ns;
	stats.stopped = qemu->stop_time * NS_PER_US;
	stats.pause_min_ns =
		CLAMP((qemu->resume_time - qemu->stop_time) * NS_PER_US, 0, stats.pause_max_ns);
	qemu_action_finish(&pause->base, &stats, NULL);
}

static gboolean on_pause_over(gpointer data)
{
	struct pause *pause = data;

	pause->timer = 0;
	qmp_execute(pause->base.from->qmp, "cont", NULL, on_resumed, pause->base.from);
	return G_SOURCE_REMOVE;
}

static void on_stopped(void *data, JsonNode *value, const char *problem)
{
	struct pause *pause = qemu_action_of(data, &pause_kind);

	if (!pause)
		return;
	if (problem) {
		qemu_action_fail(&pause->base, "%s", problem);
		return;
	}
	qemu_peek(data);
	pause->timer = g_timeout_add(pause->milliseconds, on_pause_over, pause);
}

void qemu_pause(struct vm *vm, gint64 microseconds, action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct pause *pause = qemu_action_begin(&pause_kind, qemu, NULL, done, data);

	pause->milliseconds = MAX(1, microseconds / 1000);
	qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}
