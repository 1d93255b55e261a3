// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Accessed and dirty flags in EPT entries, and in L2's own tables under an EPT (Intel SDM volume
 * 3, 29.3.5 "Accessed and Dirty Flags for EPT").
 *
 * A broken hypervisor does not log a page of tables as dirty when only a page walk has written to
 * it, so that a migration loses the flags; or it sets none after a migration.
 */
#include "libcflat.h"
#include "x86/vmx_ept/vmx_ept.h"

TEST(used_flags_ept, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "accessed and dirty flags in an EPT survive a migration and are set after it")
{
	make_with(true, false);
	used_story(true, false);
	make_with(false, false);
}

TEST(used_bits_guest, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "accessed and dirty flags in L2's tables survive a migration, under an EPT without such flags")
{
	used_story(true, true);
}

TEST(used_bits_guest_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "accessed and dirty flags in L2's tables survive a migration, under an EPT with such flags")
{
	make_with(true, false);
	used_story(true, true);
	make_with(false, false);
}

TEST(used_during_move_ept, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "accessed and dirty flags that are set in EPT and in L2's tables during a migration survive it")
{
	make_with(true, false);
	used_during_migration_story(true);
	make_with(false, false);
}

#define USED_FLAGS (VMX_EPT_ACCESS_BIT | VMX_EPT_DIRTY_BIT)
#define L2_TABLES  4

/* Finds the EPT entries on the way to an address of L2, from the highest level down. */
static void find_way(struct l2 *l2, phys_addr_t address, u64 **way)
{
	for (int level = 4; level >= 1; level--)
		way[4 - level] = vmx_ept_entry_at(l2, address, level);
}

/* Finds the EPT entries that lead to each of L2's tables in the walk for place 0. */
static void find_tables(const struct world *w, u64 *(*ways)[4])
{
	const u64 *tables[L2_TABLES] = { w->pml4, w->pdpt, w->pd, w->pt };

	for (int i = 0; i < L2_TABLES; i++)
		find_way(w->l2, virt_to_phys(tables[i]), ways[i]);
}

static void clear_way(u64 *const *way)
{
	for (int i = 0; i < 4; i++)
		*way[i] &= ~USED_FLAGS;
}

/* Each entry should be accessed, and the last one dirty or not. */
static bool check_way(u64 *const *way, bool dirty, const char *what, const char *when)
{
	bool good = true;

	for (int i = 0; i < 4; i++)
		good &= report_if_failed(
			*way[i] & VMX_EPT_ACCESS_BIT,
			"%s: the EPT entry 0x%lx of level %d for %s is not accessed", when, *way[i],
			4 - i, what);
	return good & report_if_failed(!(*way[3] & VMX_EPT_DIRTY_BIT) == !dirty,
				       "%s: the EPT entry 0x%lx for %s, which was %swritten to",
				       when, *way[3], what, dirty ? "" : "not ");
}

static bool check_walk(u64 *(*tables)[4], u64 *const *data, const char *when)
{
	bool good = check_way(data, false, "the page that was read", when);

	for (int i = 0; i < L2_TABLES; i++)
		good &= check_way(tables[i], true, "a table of L2's", when);
	return good;
}

TEST(walks_set_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "L2's page walks set accessed flags in EPT on their way, and dirty flags for L2's tables")
{
	u64 *tables[L2_TABLES][4], *data[4];
	struct world *w;
	bool good;

	make_with(true, false);
	w = world_new(true);
	find_tables(w, tables);
	find_way(w->l2, GPA_WINDOW, data);
	vmx_flush(w->l2);
	good = reads(w, first_page(0), 0x18, "before the migration");
	migrate_in_l2(w);
	good &= check_walk(tables, data, "used before the migration");
	for (int i = 0; i < L2_TABLES; i++)
		clear_way(tables[i]);
	clear_way(data);
	vmx_flush(w->l2);
	good &= reads(w, first_page(0), 0x18, "after the migration");
	if (broken("used"))
		*tables[3][3] &= ~VMX_EPT_DIRTY_BIT;
	good &= check_walk(tables, data, "cleared and used after the migration");
	report(good && !w->broken, "L2's page walks have set the flags in its EPT");
	make_with(false, false);
	world_free(w);
}

/* L1 changes bit 6 of the EPTP, which turns the flags on. */
static void turn_flags(struct world *w, bool on)
{
	u64 eptp = vmx_root(w->l2, true) & ~VMX_EPTP_AD_ENABLE_BIT;

	vmx_set_root(w->l2, true, eptp | (on ? VMX_EPTP_AD_ENABLE_BIT : 0));
	vmx_flush(w->l2);
}

/* A mask of the places whose EPT entries have FLAG. */
static u64 flagged(const struct world *w, u64 flag)
{
	u64 mask = 0;

	for (int i = 0; i < PLACES; i++)
		if (w->nested_pt[i] & flag)
			mask |= BIT(i);
	return mask;
}

static bool touches(struct world *w, u64 read, u64 written, u64 accessed, u64 dirty,
		    const char *when)
{
	w->request = (struct request){ .deed = TOUCH, .value = read, .length = written };
	return finish(w, when) &&
	       report_if_failed(
		       flagged(w, VMX_EPT_ACCESS_BIT) == accessed &&
			       flagged(w, VMX_EPT_DIRTY_BIT) == dirty,
		       "%s: of the places 0x%lx are accessed and 0x%lx dirty, expected 0x%lx and 0x%lx",
		       when, flagged(w, VMX_EPT_ACCESS_BIT), flagged(w, VMX_EPT_DIRTY_BIT),
		       accessed, dirty);
}

TEST(used_flags_off, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "accessed and dirty flags in EPT are set only while EPTP bit 6 is on, across migrations")
{
	struct world *w = world_new(true);
	bool good = touches(w, 0x01, 0x02, 0, 0, "off");

	migrate_in_l2(w);
	good &= touches(w, 0x01, 0x02, 0, 0, "off, after a migration");
	turn_flags(w, !broken("used"));
	good &= touches(w, 0x01, 0x02, 0x03, 0x02, "turned on after a migration");
	turn_flags(w, false);
	migrate_quiet();
	good &= touches(w, 0x04, 0x09, 0x03, 0x02, "turned off before a migration");
	turn_flags(w, true);
	good &= touches(w, 0x04, 0x08, 0x0f, 0x0a, "turned on again after a migration");
	report(good && !w->broken, "accessed and dirty flags are set while EPTP bit 6 is on");
	world_free(w);
}
