// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Snapshots of a guest: it is saved to a file, and another VM goes on with it from there.
 *
 * A guest that is stopped while it is saved exists only in the file afterwards, since its VMM ends.
 * If the guest runs while it is saved, there are two of it afterwards: the copy in the file, which
 * is GUEST here, and the snapshot source, which has the VM and gets a struct guest of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/internal.h"

struct snapshot {
	struct guest_action base;
	gboolean running; /* the guest runs while it is saved */
	int file;	  /* 0 if it is not open */
	gboolean was_saved;
	struct action_stats saved; /* what the VMM told of the saving */
};

static void close_file(struct snapshot *snapshot)
{
	if (snapshot->file > 0)
		close(snapshot->file);
	snapshot->file = 0;
}

/* A file without a name, so that it is gone with the last process that has it open. */
static int open_file(struct guest *guest)
{
	g_autofree char *path = g_build_filename(guest->socket_dir, "snapshot-XXXXXX", NULL);
	int file = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

	if (file < 0)
		guest_fail(guest, KIND_RUNNER, "cannot make a file for the snapshot in %s: %s",
			   guest->socket_dir, g_strerror(errno));
	else
		unlink(path);
	return file;
}

/* ---- restore ---- */

static void on_restored(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct snapshot *snapshot = (struct snapshot *)guest->action;
	struct action_stats whole = snapshot->saved;

	close_file(snapshot);
	if (problem) {
		guest_action_done(guest, NULL, problem);
		return;
	}
	whole.total_ns = clock_ns(CLOCK_REALTIME) - whole.started;
	whole.pause_max_ns = whole.total_ns;
	whole.pause_min_ns = CLAMP(stats->restored_at - whole.saved_at, 0, whole.pause_max_ns);
	guest_action_done(guest, &whole, NULL);
}

static void start_from_file(struct guest *guest, struct snapshot *snapshot)
{
	g_autoptr(GError) error = NULL;

	lseek(snapshot->file, 0, SEEK_SET);
	guest->destination = guest_start_vm(guest, NULL, snapshot->file, FALSE, &error);
	if (!guest->destination)
		guest_fail(guest, KIND_VMM, "no VMM to restore the guest: %s", error->message);
}

static void destination_ready(struct guest *guest, struct guest_action *action)
{
	guest->vmm->restore(guest->destination, on_restored, guest);
}

static gboolean sources_ended(struct guest *guest, struct guest_action *action)
{
	struct snapshot *snapshot = (struct snapshot *)action;

	if (!snapshot->was_saved || guest->failed)
		return FALSE;
	start_from_file(guest, snapshot);
	return TRUE;
}

/* ---- save ---- */

/*
 * Makes the snapshot source, which gets the VM. Its console has received the same bytes as the
 * copy's. It has a console log of its own; all other logs are the copy's.
 */
static struct guest *split(struct guest *guest, const struct action_stats *stats)
{
	struct guest *source = g_new0(struct guest, 1);
	g_autoptr(GError) error = NULL;

	source->vmm = guest->vmm;
	source->config = guest->config;
	source->vm = g_steal_pointer(&guest->vm);
	source->vmm->give_to(source->vm, source);
	source->retired = g_ptr_array_new();
	guest_copy_questions(source, guest);
	source->console = console_copy(guest->console, &guest_console_listener, source);
	source->boots = guest->boots;
	source->began = guest->began;
	source->actions = guest->actions;
	source->restores = guest->restores;
	source->pause_min_ns = guest->pause_min_ns;
	source->pause_max_ns = guest->pause_max_ns;
	guest_count_action(source, stats);
	source->console_path =
		g_strdup_printf("%s-original-%u", guest->console_path, ++guest->snapshot_sources);
	source->console_log = log_file_create(source->console_path, &error);
	if (!source->console_log)
		guest_fail(guest, KIND_RUNNER, "%s", error->message);
	return source;
}

static void on_saved(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct snapshot *snapshot = (struct snapshot *)guest->action;

	if (problem) {
		close_file(snapshot);
		guest_action_done(guest, NULL, problem);
		return;
	}
	snapshot->saved = *stats;
	snapshot->was_saved = TRUE;
	if (!snapshot->running) {
		guest_retire_vm(guest);
		return;
	}
	guest->snapshot_source = split(guest, stats);
	if (guest->failed)
		return;
	guest->listener->snapshot_source(guest->data, guest->snapshot_source);
	start_from_file(guest, snapshot);
}

static gboolean can_begin(const struct guest *guest)
{
	return !guest->snapshot_source;
}

static void begin(struct guest *guest, struct guest_action *action)
{
	struct snapshot *snapshot = (struct snapshot *)action;

	snapshot->file = open_file(guest);
	if (snapshot->file > 0)
		guest->vmm->save(guest->vm, snapshot->file, guest->socket_dir, snapshot->running,
				 on_saved, guest);
}

static void succeed(struct guest *guest, const struct action_stats *stats)
{
	guest_count_action(guest, stats);
	guest_adopt(guest);
}

static const char *waits_for(const struct guest *guest, const struct guest_action *action)
{
	const struct snapshot *snapshot = (const struct snapshot *)action;

	if (guest->snapshot_source && !action->begun)
		return "waiting for the source of the last snapshot";
	return snapshot->was_saved ? "being restored from a snapshot" : "being saved to a snapshot";
}

static void release(struct guest_action *action)
{
	close_file((struct snapshot *)action);
}

static const struct guest_action_kind snapshot_kind = {
	.size = sizeof(struct snapshot),
	.can_begin = can_begin,
	.begin = begin,
	.succeed = succeed,
	.changes_vm = TRUE,
	.destination_ready = destination_ready,
	.sources_ended = sources_ended,
	.waits_for = waits_for,
	.destination_died = "the guest could not be restored",
	.release = release,
};

void guest_snapshot(struct guest *guest, gboolean running, action_done_function done, void *data)
{
	struct snapshot *snapshot = guest_new_action(guest, &snapshot_kind, done, data);

	snapshot->running = running;
	guest_begin_action_when_ready(guest);
}

/* ---- the snapshot source ---- */

void guest_go_on(struct guest *source, const struct guest_listener *listener, void *data)
{
	source->listener = listener;
	source->data = data;
	guest_answer_waiting_questions(source);
	source->vmm->release_output(source->vm);
}

void guest_end_snapshot_source(struct guest *guest, gboolean keep)
{
	struct guest *source = g_steal_pointer(&guest->snapshot_source);

	if (!keep)
		unlink(source->console_path);
	guest_free(source);
	guest_begin_action_when_ready(guest);
}
