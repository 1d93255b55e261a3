// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Post-copy migrations whose stream is cut in mid-flight, and recovered: `migrate-pause`,
 * `migrate-recover`, and `migrate` with `resume` (QEMU's qapi/migration.json;
 * docs/devel/migration/postcopy, "Postcopy Recovery"). After the cut both sides say
 * "postcopy-paused". The guest runs at the destination with the memory that is there, and waits
 * when it touches memory that is missing. Then the destination is told to listen again and the
 * source to go on. They tell each other which pages have come, and the source sends the rest.
 *
 * The destination is told out of band, since its main thread may be waiting for a page, too.
 */
#include "vmm/qemu/migrate.h"

#define LAST_BANDWIDTH (8 << 20)

static JsonObject *address_of(const struct qemu *to)
{
	g_autofree char *uri = g_strconcat("unix:", to->incoming, NULL);
	JsonObject *arguments = json_object_new();

	json_object_set_string_member(arguments, "uri", uri);
	return arguments;
}

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);

	if (!migration)
		return;
	if (problem)
		qemu_action_fail(&migration->base, "the source would not go on after the cut: %s",
				 problem);
	else
		qemu_migration_progress(migration);
}

static void on_listening(void *data, JsonNode *value, const char *problem)
{
	struct qemu *to = data;
	struct qemu_migration *migration = qemu_migration_of(to);
	JsonObject *arguments;

	if (!migration)
		return;
	if (problem) {
		qemu_action_fail(&migration->base,
				 "the destination would not go on after the cut: %s", problem);
		return;
	}
	arguments = address_of(to);
	json_object_set_boolean_member(arguments, "resume", TRUE);
	migration->postcopy.cut = CUT_RECOVERING;
	qmp_execute(migration->base.from->qmp, "migrate", arguments, on_resumed,
		    migration->base.from);
}

static void on_left_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);
	JsonObject *figures;
	struct qemu *to;

	if (!migration)
		return;
	figures = qemu_action_figures(&migration->base, value, problem);
	if (!figures)
		return;
	to = migration->base.to;
	migration->postcopy.bytes_left =
		MAX(0, member_number(member_object(figures, "ram"), "remaining"));
	migration->postcopy.cut_in_flight = migration->postcopy.bytes_left > 0;
	qmp_execute_at_once(to->qmp, "migrate-recover", address_of(to), on_listening, to);
}

/* If the source has sent all by now, there is nothing to cut, and its refusal means nothing. */
static void on_cut_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_migration *migration = qemu_migration_of(qemu);

	if (problem && migration && has_status(qemu, "postcopy-active"))
		qemu_action_fail(&migration->base, "%s", problem);
}

static gboolean on_moment(gpointer data)
{
	struct qemu_migration *migration = data;
	struct qemu *from = migration->base.from;

	migration->postcopy.moment = 0;
	migration->postcopy.cut = CUT_ORDERED;
	qmp_execute(from->qmp, "migrate-pause", NULL, on_cut_reply, from);
	return G_SOURCE_REMOVE;
}

/* The cuts needed a slow stream; the rest does not. */
static void send_the_rest(struct qemu *from)
{
	JsonObject *arguments = json_object_new();

	json_object_set_int_member(arguments, "max-postcopy-bandwidth", LAST_BANDWIDTH);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply, from);
}

void qemu_recover_advance(struct qemu_migration *migration)
{
	struct qemu_postcopy *postcopy = &migration->postcopy;
	struct qemu *from = migration->base.from, *to = migration->base.to;

	switch (postcopy->cut) {
	case CUT_NONE:
		/* QEMU cannot pause a migration whose guest is not yet at the destination. */
		if (!postcopy->cuts_wanted || !has_status(from, "postcopy-active") ||
		    !to->resume_time || !to->pid)
			return;
		postcopy->cut = CUT_PLANNED;
		postcopy->moment = g_timeout_add(postcopy->cut_after_ms, on_moment, migration);
		return;
	case CUT_PLANNED:
		return;
	case CUT_ORDERED:
		if (!has_status(from, "postcopy-paused") || !has_status(to, "postcopy-paused"))
			return;
		postcopy->cut = CUT_MADE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_left_told, from);
		return;
	case CUT_MADE:
		return;
	case CUT_RECOVERING:
		if (!has_status(from, "postcopy-active") && !has_status(from, "completed"))
			return;
		postcopy->cuts_made += postcopy->cut_in_flight;
		if (!--postcopy->cuts_wanted)
			send_the_rest(from);
		postcopy->cut = CUT_NONE;
		qemu_recover_advance(migration);
		return;
	}
}
