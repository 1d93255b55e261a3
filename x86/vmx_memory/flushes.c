// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1 changes tables of L2 and flushes cached translations by INVEPT, INVVPID, a VM entry or a new
 * VPID (Intel SDM volume 3, 29.4.3 "Invalidating Cached Translation Information").
 *
 * A broken hypervisor keeps shadows of the tables as they were before the flush or before the
 * migration. L2 sees it by what it reads.
 */
#include "libcflat.h"
#include "x86/nested/vmx-nesting.h"

static void invept_context(struct world *w)
{
	if (!broken("flush"))
		vmx_check_success("INVEPT", invept(VMX_EPT_EXTENT_CONTEXT, vmx_root(w->l2, true)));
}

static void invept_global(struct world *w)
{
	if (!broken("flush"))
		vmx_check_success("INVEPT", invept(VMX_EPT_EXTENT_GLOBAL, 0));
}

static void invalidate_vpid(struct world *w, u64 type)
{
	u64 vpid = vmx_get(w->l2, VIRTUAL_PROCESSOR_ID);

	if (!broken("flush"))
		vmx_check_success("INVVPID", invvpid(type, vpid, (u64)WINDOW));
}

static void invvpid_address(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_INDIVIDUAL_ADDR);
}

static void invvpid_context(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_SINGLE_CONTEXT);
}

static void invvpid_all(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_ALL_CONTEXT);
}

static void invvpid_non_global(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_SINGLE_NON_GLOBAL);
}

static void new_vpid(struct world *w)
{
	use_new_vpid(w->l2);
}

static void by_entry(struct world *w)
{
}

static const struct flush flush_ept_context = { "single-context INVEPT", invept_context };
static const struct flush flush_ept_global = { "all-context INVEPT", invept_global };
static const struct flush flush_address = { "individual-address INVVPID", invvpid_address };
static const struct flush flush_context = { "single-context INVVPID", invvpid_context };
static const struct flush flush_all = { "all-context INVVPID", invvpid_all };
static const struct flush flush_non_global = { "INVVPID that retains globals", invvpid_non_global };
static const struct flush flush_new_vpid = { "a new VPID", new_vpid };
/* Entries and exits without a VPID flush linear and combined mappings (29.4.3.1). */
static const struct flush flush_by_entry = { "an entry without VPID", by_entry };

TEST(invept_context, .on = EACH_CPU, .needs = VMX_INVEPT_CONTEXT,
     .about = "L2 sees changes to its EPT after single-context INVEPT, across a migration in L2")
{
	flush_story(true, false, &flush_ept_context, true);
}

TEST(invept_context_pending, .on = EACH_CPU, .needs = VMX_INVEPT_CONTEXT,
     .about = "L2 sees changes to its EPT after single-context INVEPT and a migration in L1")
{
	flush_story(true, false, &flush_ept_context, false);
}

TEST(invept_global, .on = EACH_CPU, .needs = VMX_INVEPT_GLOBAL,
     .about = "L2 sees changes to its EPT after all-context INVEPT, across a migration in L2")
{
	flush_story(true, false, &flush_ept_global, true);
}

TEST(invept_global_pending, .on = EACH_CPU, .needs = VMX_INVEPT_GLOBAL,
     .about = "L2 sees changes to its EPT after all-context INVEPT and a migration in L1")
{
	flush_story(true, false, &flush_ept_global, false);
}

TEST(invept_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_INVEPT_CONTEXT, VMX_VPID),
     .about =
	     "an L2 with a VPID sees changes to its EPT after single-context INVEPT and a migration in L1")
{
	make_with(false, true);
	flush_story(true, false, &flush_ept_context, false);
	make_with(false, false);
}

/* Lets place 0 of all worlds lead to page N. A world is flushed when another one has run last. */
static void lead_all(struct world **worlds, int n, const struct flush *how)
{
	for (int i = 0; i < WORLDS; i++) {
		set_place(worlds[i], 0, page(worlds[i], n), EPT_PAGE);
		how->now(worlds[i]);
	}
}

static bool all_read(struct world **worlds, int n, const char *when)
{
	bool good = true;

	for (int i = 0; i < WORLDS; i++)
		good &= reads(worlds[i], n, 0x18, when);
	return good;
}

TEST(invept_several, .on = EACH_CPU, .needs = ALL_OF(VMX_INVEPT_CONTEXT, VMX_INVEPT_GLOBAL),
     .about =
	     "several L2s see changes to their EPTs, flushed while another EPT is in use, across migrations")
{
	struct world *worlds[WORLDS];
	bool good;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(true);
	good = all_read(worlds, first_page(0), "before the change");
	lead_all(worlds, first_page(1), &flush_ept_context);
	good &= all_read(worlds, first_page(1), "changed before the migration");
	lead_all(worlds, first_page(2), &flush_ept_context);
	migrate_quiet();
	good &= all_read(worlds, first_page(2), "changed right before the migration");
	migrate_in_l2(worlds[1]);
	lead_all(worlds, first_page(3), &flush_ept_context);
	good &= all_read(worlds, first_page(3), "changed right after the migration");
	lead_all(worlds, first_page(4), &flush_ept_global);
	good &= all_read(worlds, first_page(4), "changed after the migration");
	report(good, "%d L2s see what L1 has changed in their EPTs", WORLDS);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

TEST(entry_flushes_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "L2 under EPT without a VPID sees L1's changes to its tables at the next entry, across a migration")
{
	flush_story(true, true, &flush_by_entry, false);
}

TEST(entry_flushes_cr3, .on = EACH_CPU, .needs = VMX,
     .about =
	     "L2 without EPT and VPID sees L1's changes to its tables at the next entry, across a migration")
{
	flush_story(false, true, &flush_by_entry, true);
}

static void vpid_story(bool nested, const struct flush *flush, bool in_l2)
{
	make_with(false, true);
	flush_story(nested, true, flush, in_l2);
	make_with(false, false);
}

TEST(invvpid_address_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_INVVPID_INDIVIDUAL_ADDR),
     .about =
	     "L2 under EPT sees L1's changes to its tables after individual-address INVVPID, across a migration")
{
	vpid_story(true, &flush_address, true);
}

TEST(invvpid_address_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_INDIVIDUAL_ADDR,
     .about =
	     "L2 without EPT sees L1's changes to its tables after individual-address INVVPID, across a migration")
{
	vpid_story(false, &flush_address, false);
}

TEST(invvpid_context_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_INVVPID_SINGLE_CONTEXT),
     .about =
	     "L2 under EPT sees L1's changes to its tables after single-context INVVPID, across a migration")
{
	vpid_story(true, &flush_context, false);
}

TEST(invvpid_context_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_SINGLE_CONTEXT,
     .about =
	     "L2 without EPT sees L1's changes to its tables after single-context INVVPID, across a migration")
{
	vpid_story(false, &flush_context, true);
}

TEST(invvpid_all_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_ALL_CONTEXT,
     .about =
	     "L2 without EPT sees L1's changes to its tables after all-context INVVPID, across a migration")
{
	vpid_story(false, &flush_all, false);
}

TEST(invvpid_non_global_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_SINGLE_NON_GLOBAL,
     .about = "L2 without EPT sees L1's changes to its tables after INVVPID that retains globals")
{
	vpid_story(false, &flush_non_global, false);
}

TEST(new_vpid_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about =
	     "L2 under EPT sees L1's changes to its tables when it gets a new VPID, across a migration")
{
	vpid_story(true, &flush_new_vpid, false);
}

TEST(new_vpid_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about =
	     "L2 without EPT sees L1's changes to its tables when it gets a new VPID, across a migration")
{
	vpid_story(false, &flush_new_vpid, false);
}

TEST(invlpg_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 under EPT changes its tables, is migrated, executes INVLPG and sees the change")
{
	own_invlpg_story(true);
}

TEST(invlpg_vpid, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "L2 with a VPID changes its tables, is migrated, executes INVLPG and sees the change")
{
	make_with(false, true);
	own_invlpg_story(false);
	make_with(false, false);
}
