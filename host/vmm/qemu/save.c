// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Saves a guest of QEMU to a file and restores it from there. To QEMU this is a migration whose
 * stream goes to a file descriptor, and comes from one: `getfd`, `migrate` and `migrate-incoming`
 * with "fd:" (QEMU's qapi/migration.json). Newer QEMUs open the same file by its path below /proc,
 * with "file:". QEMU writes the file itself. So "completed" means that all of it was written, and
 * QEMU tells when the disk is full.
 *
 * With OPTION_DISK_ERROR the limit of the size of QEMU's files (RLIMIT_FSIZE, getrlimit(2)) is 0
 * until QEMU has stopped the guest because a write to the disk was refused (werror=stop), or until
 * it is clear that the guest writes nothing. QEMU keeps the refused request, saves it, and makes it
 * again when the restored guest goes on.
 *
 * The capability background-snapshot lets the guest run meanwhile. QEMU stops the guest and saves
 * its devices. Then it write-protects the memory and lets the guest go on, and saves each page
 * before the guest may write to it. The file holds the guest as it was when it was stopped. Ferry
 * stops it before that and reads its console, so it knows what the guest had written until then.
 * Before 9.0 QEMU lets it go on all the same (bg_migration_vm_start_bh()). Since 9.0 it does not,
 * so the plan is skipped (monitor.c).
 */
#define _GNU_SOURCE /* prlimit() */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/qemu/action.h"
#include "vmm/qemu/capability.h"

/* What QEMU calls the descriptor of the file between `getfd` and `migrate`. */
#define FD_NAME "snapshot"

static void too_late(struct qemu_action *action, const char *what)
{
	const char *status = action->from->migration_status;

	qemu_action_fail(action, "QEMU did not %s the guest in time (migration %s)", what,
			 status ? status : "not begun");
}

/* ---- save ---- */

struct save {
	struct qemu_action base;
	int file;	  /* the caller's */
	gboolean running; /* the guest goes on while it is saved */
	const char *path; /* what messages call the file */
	guint error_wait; /* while a write to the disk is to be refused: its deadline; or 0 */
	gboolean refused; /* QEMU has stopped the guest for it */
};

static struct save *save_of(const struct qemu *qemu);

static void on_saved_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct save *save = save_of(qemu);
	struct action_stats stats = { 0 };
	JsonObject *figures;

	if (!save)
		return;
	figures = qemu_action_figures(&save->base, value, problem);
	if (!figures)
		return;
	if (has_status(qemu, "failed")) {
		g_autofree char *reason = qemu_action_failure(value, problem);

		qemu_action_fail(&save->base, "QEMU could not save the guest to %s: %s", save->path,
				 reason);
		return;
	}
	if (!qemu_action_read_pages(figures, &stats)) {
		qemu_action_fail(&save->base, "query-migrate does not tell page size and pages");
		return;
	}
	qemu_action_take_time(&save->base, &stats);
	stats.saved_at = (save->running ? qemu->resume_time : qemu->stop_time) * NS_PER_US;
	stats.stopped = qemu->stop_time * NS_PER_US;
	if (!save->refused)
		stats.unused = qemu->options & OPTION_DISK_ERROR;
	stats.early =
		save->running && qemu->resume_time && qemu->resume_time < qemu->migration_time;
	if (save->running) {
		stats.pause_max_ns = stats.total_ns;
		stats.pause_min_ns = CLAMP((qemu->resume_time - qemu->stop_time) * NS_PER_US, 0,
					   stats.pause_max_ns);
	} else {
		vm_console_drain(&qemu->console);
	}
	qemu_action_finish(&save->base, &stats, NULL);
}

static void on_image_written(struct qemu *qemu)
{
	qmp_execute(qemu->qmp, "query-migrate", NULL, on_saved_figures, qemu);
}

static void ask_for_figures(struct qemu_action *action)
{
	struct qemu *qemu = action->from;

	if (qemu->images && ram_images_wanted(qemu->images) && has_status(qemu, "completed"))
		qemu_write_ram(qemu, ram_images_begin(qemu->images), on_image_written);
	else
		on_image_written(qemu);
}

static void end_disk_error(struct save *save, gboolean refused);

static void on_saving(struct qemu_action *action)
{
	struct qemu *qemu = action->from;
	struct save *save = (struct save *)action;

	if (action->finishing)
		return;
	if (save->error_wait && qemu->pid) {
		if (qemu->stop_time)
			end_disk_error(save, TRUE);
		return;
	}
	if (!qemu->pid && WIFSIGNALED(qemu->exit.wait_status)) {
		g_autofree char *death = vm_exit_describe(&qemu->exit);

		qemu_action_fail(action, "QEMU died while it saved the guest (%s)", death);
	} else if (!qemu->pid) {
		/* The guest ended by itself. Its exit, and all that it wrote, is reported. */
		qemu->console.held = FALSE;
		qemu_action_forget(qemu);
	} else if (has_status(qemu, "completed") || has_status(qemu, "failed")) {
		action->finishing = TRUE;
		qemu_action_settle(action, ask_for_figures);
	}
}

static void migrate_to_file(struct qemu *qemu)
{
	JsonObject *arguments = json_object_new();
	g_autofree char *path =
		g_strdup_printf("file:/proc/%d/fd/%d", getpid(), save_of(qemu)->file);

	json_object_set_string_member(arguments, "uri", qemu->opens_files ? path : "fd:" FD_NAME);
	qmp_execute(qemu->qmp, "migrate", arguments, qemu_action_on_reply, qemu);
}

static void on_stopped(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct save *save = save_of(qemu);

	if (!save)
		return;
	if (problem) {
		qemu_action_fail(&save->base, "%s", problem);
		return;
	}
	if (save->running) {
		vm_console_drain(&qemu->console);
		vm_console_hold(&qemu->console);
		qemu->listener->stands_still(qemu->owner, &qemu->vm);
	}
	migrate_to_file(qemu);
}

static void on_save_too_late(struct qemu_action *action)
{
	too_late(action, "save");
}

static void release_save(struct qemu_action *action)
{
	struct save *save = (struct save *)action;

	if (save->error_wait)
		g_source_remove(save->error_wait);
}

static const struct qemu_action_kind save_kind = {
	.size = sizeof(struct save),
	.release = release_save,
	.progress = on_saving,
	.too_late = on_save_too_late,
};

static struct save *save_of(const struct qemu *qemu)
{
	return qemu_action_of(qemu, &save_kind);
}

/* ---- a write that is refused ---- */

/* How long a guest may take until it writes to its disk. */
#define DISK_WRITE_MS 500

static void limit_files(const struct qemu *qemu, rlim_t limit)
{
	struct rlimit both;

	if (prlimit(qemu->pid, RLIMIT_FSIZE, NULL, &both) < 0)
		return;
	both.rlim_cur = MIN(limit, both.rlim_max);
	prlimit(qemu->pid, RLIMIT_FSIZE, &both, NULL);
}

static void end_disk_error(struct save *save, gboolean refused)
{
	struct qemu *qemu = save->base.from;

	g_source_remove(save->error_wait);
	save->error_wait = 0;
	save->refused = refused;
	limit_files(qemu, RLIM_INFINITY);
	/* A guest that is stopped already stays as it is: QEMU's status is still "io-error". */
	qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}

static gboolean on_no_write(gpointer data)
{
	end_disk_error(data, FALSE);
	return G_SOURCE_REMOVE;
}

static void begin_disk_error(struct save *save)
{
	save->base.from->stop_time = 0;
	save->error_wait = g_timeout_add(DISK_WRITE_MS, on_no_write, save);
	limit_files(save->base.from, 0);
}

void qemu_save(struct vm *vm, int file, const char *path, gboolean running,
	       action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct save *save = qemu_action_begin(&save_kind, qemu, NULL, done, data);
	JsonObject *arguments = json_object_new();

	save->file = file;
	save->path = path;
	save->running = running;
	qemu_action_set_deadline(&save->base, ACTION_DEADLINE_FACTOR * qemu->reply_seconds);
	qemu_want_postcopy(qemu, FALSE);
	g_clear_pointer(&qemu->migration_status, g_free);
	if (!qemu->opens_files) {
		json_object_set_string_member(arguments, "fdname", FD_NAME);
		qmp_execute_with_file(qemu->qmp, "getfd", arguments, file, qemu_action_on_reply,
				      qemu);
		arguments = json_object_new();
	}
	json_object_set_int_member(arguments, "max-bandwidth", UNLIMITED_BANDWIDTH);
	qmp_execute(qemu->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply, qemu);
	qemu->resume_time = 0;
	if (qemu->options & OPTION_DISK_ERROR && !running)
		begin_disk_error(save);
	else
		qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}

/* ---- restore ---- */

static struct qemu_action *restore_of(const struct qemu *qemu);

static void on_running(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = restore_of(qemu);
	struct action_stats stats = { 0 };

	if (!action)
		return;
	if (problem) {
		qemu_action_fail(action, "%s", problem);
		return;
	}
	qemu_action_take_time(action, &stats);
	stats.restored_at = qemu->resume_time * NS_PER_US;
	qemu_action_finish(action, &stats, NULL);
}

static void go_on(struct qemu *qemu)
{
	qemu_peek(qemu);
	qmp_execute(qemu->qmp, "cont", NULL, on_running, qemu);
}

static void on_restored_image_written(struct qemu *qemu)
{
	ram_images_compare(qemu->images);
	go_on(qemu);
}

static void on_restoring(struct qemu_action *action)
{
	struct qemu *qemu = action->from;

	if (!qemu->pid) {
		g_autofree char *death = vm_exit_describe(&qemu->exit);

		qemu_action_fail(action, "the guest could not be restored (%s)", death);
	} else if (has_status(qemu, "completed") && !action->finishing) {
		/* A guest that was saved while it was stopped is restored stopped. */
		action->finishing = TRUE;
		if (qemu->images && ram_images_wanted(qemu->images))
			qemu_write_ram(qemu, ram_images_destination(qemu->images),
				       on_restored_image_written);
		else
			go_on(qemu);
	}
}

static void on_restore_too_late(struct qemu_action *action)
{
	too_late(action, "restore");
}

static const struct qemu_action_kind restore_kind = {
	.size = sizeof(struct qemu_action),
	.progress = on_restoring,
	.too_late = on_restore_too_late,
};

static struct qemu_action *restore_of(const struct qemu *qemu)
{
	return qemu_action_of(qemu, &restore_kind);
}

void qemu_restore(struct vm *vm, action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_action *action = qemu_action_begin(&restore_kind, qemu, NULL, done, data);

	qemu_action_set_deadline(action, ACTION_DEADLINE_FACTOR * qemu->reply_seconds);
}
