// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations of a QEMU that are broken off in mid-flight, so that the guest stays:
 * `migrate_cancel` (QEMU's qapi/migration.json), or the death of the destination. Afterwards the
 * source says "cancelled" or "failed", and the guest must run there.
 *
 * A late break comes when QEMU has stopped the guest and waits for leave to send the state of its
 * devices (capability pause-before-switchover). If the destination dies then, the source gets this
 * leave and finds that nobody takes the state.
 */
#include <sys/wait.h>

#include "vmm/qemu/action.h"
#include "vmm/qemu/capability.h"
#include "vmm/qemu/channel.h"

struct broken_migration {
	struct qemu_action base;
	struct broken_migration_options options;
	guint moment; /* the timer of the break, or 0 */
	gboolean in_flight, broken;
	gboolean goes_on;	    /* the source has leave to go on without the destination */
	struct action_stats flight; /* the migration just before it was broken off */
};

static struct broken_migration *broken_migration_of(const struct qemu *qemu);

static void on_reply(void *data, JsonNode *value, const char *problem)
{
	struct broken_migration *migration = broken_migration_of(data);

	if (problem && migration)
		qemu_action_fail(&migration->base, "%s", problem);
}

static const char *way(const struct broken_migration *migration)
{
	return migration->options.how == BREAK_BY_CANCEL ? "was cancelled"
							 : "had lost its destination";
}

/* ---- the guest goes on ---- */

static void finish(struct broken_migration *migration)
{
	const struct qemu *from = migration->base.from;
	struct action_stats stats = migration->flight;

	qemu_action_take_time(&migration->base, &stats);
	/* A guest whose migration is broken off early is seldom stopped. */
	if (from->stop_time >= migration->base.started) {
		stats.stopped = from->stop_time * NS_PER_US;
		stats.pause_max_ns = stats.total_ns;
		stats.pause_min_ns = CLAMP((from->resume_time - from->stop_time) * NS_PER_US, 0,
					   stats.pause_max_ns);
	}
	qemu_action_finish(&migration->base, &stats, NULL);
}

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct broken_migration *migration = broken_migration_of(data);

	if (!migration)
		return;
	if (problem)
		qemu_action_fail(&migration->base, "%s", problem);
	else
		finish(migration);
}

static void on_status(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct broken_migration *migration = broken_migration_of(qemu);
	const char *status = value && JSON_NODE_HOLDS_OBJECT(value)
				     ? member_string(json_node_get_object(value), "status")
				     : NULL;

	if (!migration)
		return;
	if (problem || !status) {
		qemu_action_fail(&migration->base, "%s",
				 problem ? problem : "query-status answers with nonsense");
	} else if (g_str_equal(status, "running")) {
		finish(migration);
	} else if (migration->options.how == BREAK_BY_DEATH &&
		   (g_str_equal(status, "paused") || g_str_equal(status, "postmigrate"))) {
		/* QEMU had stopped the guest to send it, and does not start it again by itself. */
		qmp_execute(qemu->qmp, "cont", NULL, on_continued, qemu);
	} else {
		qemu_action_fail(&migration->base,
				 "QEMU left the guest stopped (%s) when the migration %s", status,
				 way(migration));
	}
}

static void ask_for_status(struct qemu_action *action)
{
	const struct broken_migration *migration = (struct broken_migration *)action;

	if (migration->options.late)
		qemu_want_switchover_pause(action->from, FALSE);
	qmp_execute(action->from->qmp, "query-status", NULL, on_status, action->from);
}

/* ---- mid-flight ---- */

/* The state in which the migration is to be broken off. */
static const char *fatal_state(const struct broken_migration *migration)
{
	return migration->options.late ? "pre-switchover" : "active";
}

static void on_flight_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct broken_migration *migration = broken_migration_of(qemu);
	JsonObject *figures;

	if (!migration)
		return;
	figures = qemu_action_figures(&migration->base, value, problem);
	if (!figures)
		return;
	if (g_strcmp0(member_string(figures, "status"), fatal_state(migration)) ||
	    !qemu_action_read_pages(figures, &migration->flight)) {
		qemu_action_fail(&migration->base,
				 "the migration was not in flight when it was to be broken off");
		return;
	}
	migration->flight.bytes_left =
		MAX(0, member_number(member_object(figures, "ram"), "remaining"));
	migration->broken = TRUE;
	/*
	 * The end of its stream makes the destination exit with an error. That is no failure here.
	 */
	migration->base.to->exit.ordered = TRUE;
	if (migration->options.how == BREAK_BY_CANCEL)
		qmp_execute(qemu->qmp, "migrate_cancel", NULL, on_reply, qemu);
	else
		qemu_kill(&migration->base.to->vm);
}

static gboolean on_moment(gpointer data)
{
	struct broken_migration *migration = data;
	struct qemu *from = migration->base.from;

	migration->moment = 0;
	qmp_execute(from->qmp, "query-migrate", NULL, on_flight_told, from);
	return G_SOURCE_REMOVE;
}

static void go_on_alone(struct broken_migration *migration)
{
	struct qemu *from = migration->base.from;
	JsonObject *arguments = json_object_new();

	migration->goes_on = TRUE;
	json_object_set_string_member(arguments, "state", "pre-switchover");
	qmp_execute(from->qmp, "migrate-continue", arguments, on_reply, from);
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct broken_migration *migration = broken_migration_of(data);
	g_autofree char *reason = qemu_action_failure(value, problem);

	if (migration)
		qemu_action_fail(&migration->base, "QEMU says that the migration failed: %s",
				 reason);
}

static void progress(struct qemu_action *action)
{
	struct broken_migration *migration = (struct broken_migration *)action;
	const char *end = migration->options.how == BREAK_BY_CANCEL ? "cancelled" : "failed";
	struct qemu *from = action->from, *to = action->to;
	g_autofree char *death = NULL;

	if (action->finishing)
		return;
	if (!from->pid && WIFSIGNALED(from->exit.wait_status)) {
		death = vm_exit_describe(&from->exit);
		qemu_action_fail(action, "the source died in mid-migration (%s)", death);
	} else if (!from->pid) {
		qemu_action_forget(from); /* the guest ended by itself; its exit is reported */
	} else if (has_status(from, "completed")) {
		qemu_action_fail(action, "QEMU completed a migration that %s",
				 migration->broken ? way(migration)
						   : "should have been in mid-flight");
	} else if (!migration->broken && !to->pid) {
		death = vm_exit_describe(&to->exit);
		qemu_action_fail(action, "the destination died in mid-migration (%s)", death);
	} else if (!migration->broken && has_status(from, "failed")) {
		action->finishing = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_failure_told, from);
	} else if (!migration->broken && has_status(from, fatal_state(migration)) &&
		   !migration->in_flight) {
		migration->in_flight = TRUE;
		migration->moment =
			g_timeout_add(migration->options.after_ms, on_moment, migration);
	} else if (migration->broken && has_status(from, end)) {
		action->finishing = TRUE;
		qemu_action_settle(action, ask_for_status);
	} else if (migration->broken && has_status(from, "pre-switchover") && !to->pid &&
		   !migration->goes_on) {
		go_on_alone(migration);
	}
}

static void too_late(struct qemu_action *action)
{
	struct broken_migration *migration = (struct broken_migration *)action;
	const char *told = action->from->migration_status;
	const char *status = told ? told : "not begun";

	if (migration->broken)
		qemu_action_fail(
			action,
			"the source did not notice in time that the migration %s (migration %s)",
			way(migration), status);
	else
		qemu_action_fail(action, "the migration did not get going in time (migration %s)",
				 status);
}

static void release(struct qemu_action *action)
{
	struct broken_migration *migration = (struct broken_migration *)action;

	if (migration->moment)
		g_source_remove(migration->moment);
}

static const struct qemu_action_kind broken_migration_kind = {
	.size = sizeof(struct broken_migration),
	.progress = progress,
	.too_late = too_late,
	.release = release,
};

static struct broken_migration *broken_migration_of(const struct qemu *qemu)
{
	return qemu_action_of(qemu, &broken_migration_kind);
}

void qemu_break_migration(struct vm *vm, struct vm *to_vm,
			  const struct broken_migration_options *options, action_done_function done,
			  void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct broken_migration *migration =
		qemu_action_begin(&broken_migration_kind, from, to, done, data);
	JsonObject *arguments = json_object_new();

	migration->options = *options;
	g_clear_pointer(&from->migration_status, g_free);
	qemu_action_set_deadline(&migration->base, ACTION_DEADLINE_FACTOR * from->reply_seconds);
	qemu_want_postcopy(from, FALSE);
	if (options->late)
		qemu_want_switchover_pause(from, TRUE);
	json_object_set_int_member(arguments, "max-bandwidth",
				   options->late ? UNLIMITED_BANDWIDTH : options->bandwidth);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, on_reply, from);
	qmp_execute(from->qmp, "migrate", qemu_channel_target(to), on_reply, from);
}
