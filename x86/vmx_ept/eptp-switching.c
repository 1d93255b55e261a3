// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPTP switching by VMFUNC (Intel SDM volume 3, 26.5.6.3 "EPTP Switching").
 *
 * In a migration a broken hypervisor forgets the EPTP list, or which EPT L2 has switched to.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/vmx_ept/vmx_ept.h"

#define HOPS 6

struct hopper {
	u64 index[HOPS]; /* the entries of the EPTP list to switch to */
	u64 seen[HOPS];	 /* what L2 reads in word 0x18 of place 0 after each */
	u64 leaf, entry; /* for a single VMFUNC, after the hops */
	u64 moved_after; /* the hop after which L2 asks for a migration */
};

static void vmfunc(u64 leaf, u64 index)
{
	asm volatile("vmfunc" : : "a"(leaf), "c"(index) : "memory");
}

/* L2's code makes all hops without an exit, with a migration after one, and then single VMFUNCs. */
static void hop(void *data)
{
	struct hopper *hopper = data;

	for (u64 i = 0; i < HOPS; i++) {
		vmfunc(0, broken("hop") ? 0 : hopper->index[i]);
		if (i == hopper->moved_after)
			migrate_quiet();
		hopper->seen[i] = *place(0, 0x18);
		*place(1, 0x20) = i;
	}
	for (;;) {
		l2_call(DONE);
		hopper->seen[0] = *place(0, 0x18);
		vmfunc(hopper->leaf, hopper->entry);
		hopper->seen[1] = *place(0, 0x18);
	}
}

static bool check_hops(struct world **worlds, const struct hopper *hopper)
{
	bool good = true;

	for (int i = 0; i < HOPS; i++) {
		const struct world *w = worlds[hopper->index[i]];
		u64 should = content(w, first_page(0), 0x18);

		good &= report_if_failed(hopper->seen[i] == should,
					 "after hop %d to EPT %lu L2 reads 0x%lx, expected 0x%lx",
					 i, hopper->index[i], hopper->seen[i], should);
	}
	/* Each EPT's page should have the last write through that EPT. */
	for (int n = 0; n < WORLDS; n++) {
		u64 is = *(u64 *)(page(worlds[n], first_page(1)) + 0x20);
		u64 should = content(worlds[n], first_page(1), 0x20);

		for (int i = 0; i < HOPS; i++)
			if (hopper->index[i] == (u64)n)
				should = i;
		good &= report_if_failed(is == should,
					 "L2 wrote through EPT %d: L1 finds 0x%lx, expected 0x%lx",
					 n, is, should);
	}
	return good;
}

/* The VMCS should have the EPTP that L2 has switched to. */
static void check_eptp(const struct l2 *l2, const u64 *list, u64 index, const char *when)
{
	report(vmx_root(l2, true) == list[index], "%s: EPT_POINTER is 0x%lx, expected 0x%lx", when,
	       vmx_root(l2, true), list[index]);
}

/* L2's next VMFUNC should exit and change nothing. */
static void expect_exit(struct l2 *l2, struct hopper *hopper, const u64 *list, u64 leaf, u64 entry,
			u64 current, const char *what)
{
	u64 start;

	hopper->leaf = leaf;
	hopper->entry = entry;
	l2_expect(l2, EXIT_REASON_VMFUNC, "%s", what);
	check_eptp(l2, list, current, what);
	/* L2 executes the same VMFUNC again, and then L1 skips it. */
	start = vmx_get(l2, GUEST_RIP);
	l2_enter(l2);
	report(l2->exit_reason == EXIT_REASON_VMFUNC && vmx_get(l2, GUEST_RIP) == start,
	       "%s: entered again: exit %s, expected VMFUNC at 0x%lx", what, l2_exit_text(l2),
	       start);
	vmx_skip(l2);
	l2_expect_call(l2, DONE);
}

static void hop_story(bool vpid)
{
	struct hopper hopper = { .index = { 0, 1, 2, 1, 0, 2 }, .moved_after = 3 };
	struct world *worlds[WORLDS];
	u64 *list = alloc_page();
	struct l2 *l2;

	make_with(false, vpid);
	for (int i = 0; i < WORLDS; i++) {
		worlds[i] = world_new(true);
		list[i] = vmx_root(worlds[i]->l2, true);
	}
	make_with(false, false);
	/* An EPTP with no levels, which is invalid. */
	list[VMFUNC_EPTP_ENTRIES - 1] = list[1] & ~0x38ul;
	l2 = worlds[0]->l2;
	l2_start(l2, hop, &hopper);
	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
	vmx_set(l2, VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	vmx_set(l2, EPTP_LIST_ADDRESS, virt_to_phys(list));
	if (l2_expect_call(l2, DONE)) {
		report(check_hops(worlds, &hopper), "L2 uses the EPT that it has switched to");
		check_eptp(l2, list, 2, "after the exit");
		expect_exit(l2, &hopper, list, 0, VMFUNC_EPTP_ENTRIES, 2, "beyond the list");
		migrate_quiet();
		check_eptp(l2, list, 2, "after a migration in L1");
		expect_exit(l2, &hopper, list, 0, VMFUNC_EPTP_ENTRIES - 1, 2,
			    "to an EPTP that is invalid");
		expect_exit(l2, &hopper, list, 1, 0, 2, "a VM function that is off");
		report(hopper.seen[0] == content(worlds[2], first_page(0), 0x18) &&
			       hopper.seen[1] == hopper.seen[0],
		       "L2 reads 0x%lx, and 0x%lx after a VMFUNC that exits, expected 0x%lx",
		       hopper.seen[0], hopper.seen[1], content(worlds[2], first_page(0), 0x18));
		hopper.leaf = 0;
		hopper.entry = 1;
		l2_expect_call(l2, DONE);
		check_eptp(l2, list, 1, "switched to another one after a migration");
		report(hopper.seen[1] == content(worlds[1], first_page(0), 0x18),
		       "L2 reads 0x%lx, expected 0x%lx", hopper.seen[1],
		       content(worlds[1], first_page(0), 0x18));
	}
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
	free_page(list);
}

TEST(eptp_switching, .on = EACH_CPU, .needs = VMX_EPTP_SWITCHING,
     .about = "L2 switches its EPT by VMFUNC, before and after migrations; a wrong VMFUNC exits")
{
	hop_story(false);
}

TEST(eptp_switching_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_EPTP_SWITCHING, VMX_VPID),
     .about =
	     "L2 with a VPID switches its EPT by VMFUNC, and sees no stale translations, across migrations")
{
	hop_story(true);
}
