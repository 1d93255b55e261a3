// SPDX-License-Identifier: GPL-2.0-or-later
/* Live migrations of a guest, whole and broken off. Both begin when the destination has started. */
#include "guest/internal.h"

struct migration {
	struct guest_action base;
	struct migration_options options;
};

struct broken_migration {
	struct guest_action base;
	struct broken_migration_options options;
};

static void start_destination(struct guest *guest, gboolean postcopy)
{
	g_autoptr(GError) error = NULL;

	if (guest->failed || !guest->vm)
		return;
	guest->socket_path =
		g_strdup_printf("%s/%p-%u", guest->socket_dir, (void *)guest, guest->vms);
	guest->destination = guest_start_vm(guest, guest->socket_path, 0, postcopy, &error);
	if (!guest->destination)
		guest_fail(guest, KIND_VMM, "no destination for the migration: %s", error->message);
}

static gboolean can_begin(const struct guest *guest)
{
	return guest->destination_ready;
}

static const char *waits_for(const struct guest *guest, const struct guest_action *action)
{
	return action->begun ? "in the middle of a migration"
			     : "waiting for the destination to start";
}

#define DESTINATION_DIED "the destination died before the migration"

static void begin(struct guest *guest, struct guest_action *action)
{
	struct migration *migration = (struct migration *)action;

	guest->vmm->migrate(guest->vm, guest->destination, &migration->options, guest_action_done,
			    guest);
}

static void succeed(struct guest *guest, const struct action_stats *stats)
{
	guest_count_action(guest, stats);
	guest_retire_vm(guest);
	guest_adopt(guest);
}

static const struct guest_action_kind migration_kind = {
	.size = sizeof(struct migration),
	.can_begin = can_begin,
	.begin = begin,
	.succeed = succeed,
	.changes_vm = TRUE,
	.waits_for = waits_for,
	.destination_died = DESTINATION_DIED,
};

void guest_migrate(struct guest *guest, const struct migration_options *options,
		   action_done_function done, void *data)
{
	struct migration *migration = guest_new_action(guest, &migration_kind, done, data);

	migration->options = *options;
	start_destination(guest, options->postcopy);
}

/* ---- migrations that are broken off ---- */

static void begin_broken(struct guest *guest, struct guest_action *action)
{
	struct broken_migration *migration = (struct broken_migration *)action;

	guest->vmm->break_migration(guest->vm, guest->destination, &migration->options,
				    guest_action_done, guest);
}

/* A broken migration counts as an action only if the guest stood still. */
static void succeed_broken(struct guest *guest, const struct action_stats *stats)
{
	guest->vmm->free(g_steal_pointer(&guest->destination));
	guest->destination_ready = FALSE;
	guest_drop_socket(guest);
	if (stats->pause_max_ns)
		guest_count_action(guest, stats);
}

static const struct guest_action_kind broken_migration_kind = {
	.size = sizeof(struct broken_migration),
	.can_begin = can_begin,
	.begin = begin_broken,
	.succeed = succeed_broken,
	.waits_for = waits_for,
	.destination_died = DESTINATION_DIED,
};

void guest_break_migration(struct guest *guest, const struct broken_migration_options *options,
			   action_done_function done, void *data)
{
	struct broken_migration *migration =
		guest_new_action(guest, &broken_migration_kind, done, data);

	migration->options = *options;
	start_destination(guest, FALSE);
}
