// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which tables L2's accesses go through after a migration: its own, those of another L2, or those
 * that L1 has given it. See memory-world.h.
 *
 * A broken hypervisor uses the tables of L1, or of the L2 that ran before.
 */
#include "x86/nested/memory-world.h"

static void move(struct world *w, bool in_l2)
{
	if (in_l2)
		migrate_in_l2(w);
	else
		migrate_quiet();
}

void remap_story(bool nested, bool in_l2)
{
	struct world *w = world_new(nested);
	bool good = check_all(w, 0x18, "before the migration");

	good &= check_writes(w, 0x20, "before the migration");
	move(w, in_l2);
	good &= check_all(w, 0x18, "after the migration");
	/* These words were not touched before the migration. */
	good &= check_all(w, 0xff8, "after the migration");
	good &= check_writes(w, 0x20, "after the migration");
	report(good && !w->broken, "L2 sees %d pages through %s, before the migration and after it",
	       PLACES, kind(nested));
	world_free(w);
}

/* ---- several ---- */

static bool visit_all(struct world **worlds, int visits, const char *when)
{
	bool good = true;

	for (int visit = 0; visit < visits; visit++)
		for (int i = 0; i < WORLDS; i++)
			good &= check_all(worlds[i], 8 * visit, when);
	for (int i = 0; i < WORLDS; i++)
		good &= check_writes(worlds[i], 0x800, when);
	return good;
}

void several_story(bool nested, bool mixed)
{
	struct world *worlds[WORLDS];
	bool good;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(mixed && i == WORLDS - 1 ? !nested : nested);
	good = visit_all(worlds, 3, "before the migration");
	migrate_in_l2(worlds[WORLDS - 1]);
	good &= visit_all(worlds, 3, "after the migration");
	report(good, "%d L2s, entered in turn, each see their own %d pages", WORLDS, PLACES);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

void shared_tag_story(bool nested)
{
	struct world *worlds[WORLDS];
	bool good = true;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(nested);
	for (int visit = 0; visit < 6; visit++) {
		if (visit == 3)
			migrate_quiet();
		for (int i = 0; i < WORLDS; i++) {
			nesting.share_tag(worlds[i]->l2);
			good &= check_all(worlds[i], 8 * visit,
					  visit < 3 ? "before the migration"
						    : "after the migration");
		}
	}
	report(good,
	       "%d L2s that share an ASID or VPID, flushed at each entry, each see their own pages",
	       WORLDS);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

/* ---- one L2, other tables ---- */

static void use_tables_of(struct world *w, const struct world *other)
{
	nesting.set_root(w->l2, w->nested, nesting.root(other->l2, w->nested));
	nesting.flush(w->l2);
	w->block = other->block;
	w->magic = other->magic;
}

void other_tables_story(bool nested)
{
	struct world *w = world_new(nested), *others[] = { world_new(nested), world_new(nested) };
	struct world first = *w;
	bool good = true;

	for (int round = 0; round < 4; round++) {
		use_tables_of(w, others[round & 1]);
		good &= check_all(w, 8 * round, "with tables that it did not have the last time");
		if (round == 1) {
			/*
			 * The VMCB or VMCS names other tables in this migration than L2 has run
			 * with.
			 */
			use_tables_of(w, others[0]);
			migrate_quiet();
			good &= check_all(w, 0x100, "tables were changed before the migration");
		}
	}
	report(good, "L2 goes through the tables that it is given at each entry");
	w->block = first.block;
	world_free(w);
	world_free(others[0]);
	world_free(others[1]);
}
