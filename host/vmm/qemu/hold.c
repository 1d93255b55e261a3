// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps live migrations in flight until their options have shown an effect.
 *
 * XBZRLE and auto-converge do something only if QEMU passes over memory several times, and the copy
 * of a small guest is complete before that. QEMU ends a migration when what is left takes no longer
 * than `downtime-limit` at the speed that it has measured (QEMU's qapi/migration.json). With a
 * limit of 1 ms, and a stream that carries less than a page in 1 ms, it goes on as long as the
 * guest writes.
 */
#include "vmm/qemu/migrate.h"

/* QEMU's default, for a migration that is not held. */
#define DOWNTIME_LIMIT_MS 300
#define HELD_DOWNTIME_MS  1
/* Bytes a second: less than a page in HELD_DOWNTIME_MS. */
#define HELD_BANDWIDTH (3 << 20)
/* After the first pass: hardly a page in each of the periods of 100 ms that QEMU counts in. */
#define HELD_AGAIN_BANDWIDTH (64 << 10)
#define HELD_PASS_MS	     500
#define HELD_QUESTION_MS     100
/* A migration is let go after this time, even if its options have shown no effect. */
#define LONGEST_HOLD_MS 8000

#define HELD_OPTIONS (OPTION_XBZRLE | OPTION_AUTO_CONVERGE)

static void set_speed(struct qemu *qemu, guint64 bandwidth, unsigned downtime_ms)
{
	JsonObject *arguments = json_object_new();

	json_object_set_int_member(arguments, "max-bandwidth",
				   bandwidth ? bandwidth : UNLIMITED_BANDWIDTH);
	if (qemu->options & HELD_OPTIONS)
		json_object_set_int_member(arguments, "downtime-limit", downtime_ms);
	qmp_execute(qemu->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply, qemu);
}

static void let_go(struct qemu_migration *migration)
{
	g_source_remove(migration->hold.timer);
	migration->hold.timer = 0;
	set_speed(migration->base.from, 0, DOWNTIME_LIMIT_MS);
}

/* Sets a bandwidth at which a pass over the BYTES that are left takes a while, but not forever. */
static void slow_down(struct qemu_migration *migration, guint64 bytes)
{
	guint64 bandwidth =
		CLAMP(bytes * 1000 / HELD_PASS_MS, HELD_AGAIN_BANDWIDTH, HELD_BANDWIDTH);

	if (bandwidth == migration->hold.bandwidth)
		return;
	migration->hold.bandwidth = bandwidth;
	set_speed(migration->base.from, bandwidth, HELD_DOWNTIME_MS);
}

static gboolean is_positive(JsonObject *object, const char *name)
{
	return object && member_number(object, name) > 0;
}

/* The figures show auto-converge only while it works. */
static unsigned seen_at_work(JsonObject *figures)
{
	unsigned seen = 0;

	if (is_positive(member_object(figures, "ram"), "multifd-bytes"))
		seen |= OPTION_MULTIFD;
	if (is_positive(member_object(figures, "xbzrle-cache"), "pages"))
		seen |= OPTION_XBZRLE;
	if (is_positive(member_object(figures, "compression"), "pages"))
		seen |= OPTION_COMPRESS;
	if (is_positive(figures, "cpu-throttle-percentage"))
		seen |= OPTION_AUTO_CONVERGE;
	return seen;
}

static void on_held_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *from = data;
	struct qemu_migration *migration = qemu_migration_of(from);
	JsonObject *figures;

	if (!migration || !migration->hold.timer || problem || !JSON_NODE_HOLDS_OBJECT(value))
		return;
	figures = json_node_get_object(value);
	migration->hold.seen |= seen_at_work(figures);
	if (!(from->options & HELD_OPTIONS & ~migration->hold.seen) ||
	    g_get_real_time() - migration->base.started > LONGEST_HOLD_MS * 1000)
		let_go(migration);
	else if (migration->hold.slowed)
		slow_down(migration,
			  MAX(0, member_number(member_object(figures, "ram"), "remaining")));
}

static gboolean on_hold(gpointer data)
{
	struct qemu_migration *migration = data;
	struct qemu *from = migration->base.from;

	if (has_status(from, "active"))
		qmp_execute(from->qmp, "query-migrate", NULL, on_held_figures, from);
	return G_SOURCE_CONTINUE;
}

void qemu_hold_begin(struct qemu_migration *migration, guint64 bandwidth)
{
	struct qemu *from = migration->base.from;
	gboolean held = from->options & HELD_OPTIONS;

	if (held) {
		migration->hold.timer = g_timeout_add(HELD_QUESTION_MS, on_hold, migration);
		bandwidth = bandwidth ? MIN(bandwidth, HELD_BANDWIDTH) : HELD_BANDWIDTH;
	}
	set_speed(from, bandwidth, held ? HELD_DOWNTIME_MS : DOWNTIME_LIMIT_MS);
}

void qemu_hold_pass(struct qemu_migration *migration, gint64 pass)
{
	if (!migration->hold.timer || migration->hold.slowed || pass < 2)
		return;
	migration->hold.slowed = TRUE;
	slow_down(migration, 0);
}

unsigned qemu_hold_unused(const struct qemu_migration *migration, JsonObject *figures)
{
	const unsigned told =
		OPTION_MULTIFD | OPTION_XBZRLE | OPTION_COMPRESS | OPTION_AUTO_CONVERGE;

	return migration->base.from->options & told &
	       ~(migration->hold.seen | seen_at_work(figures));
}
