// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page-modification logging (Intel SDM volume 3, 29.3.6).
 *
 * A broken hypervisor loses the index or entries of the log in a migration, or logs a page twice or
 * never.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/vmx_ept/vmx_ept.h"

struct log {
	struct world *w;
	u64 *entries;
};

static struct log log_new(void)
{
	struct log log = { .entries = alloc_page() };

	make_with(true, false);
	log.w = world_new(true);
	make_with(false, false);
	vmx_set_controls(log.w->l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_PML);
	vmx_set(log.w->l2, PML_ADDRESS, virt_to_phys(log.entries));
	vmx_set(log.w->l2, GUEST_PML_INDEX, PML_ENTITY_NUM - 1);
	return log;
}

static void log_free(struct log *log)
{
	world_free(log->w);
	free_page(log->entries);
}

static u64 log_index(const struct log *log)
{
	return vmx_get(log->w->l2, GUEST_PML_INDEX) + broken("index");
}

/*
 * The places that are in the log, in order, four bits each. The log also has other pages that L2 or
 * its page walks have written to. Each entry should be the address of a page.
 */
static u64 logged(const struct log *log, const char *when)
{
	u64 index = log_index(log), places = 0;

	for (u64 i = PML_ENTITY_NUM - 1; i != (u16)index && i < PML_ENTITY_NUM; i--) {
		u64 address = log->entries[i];

		report_if_failed(address && IS_ALIGNED(address, PAGE_SIZE),
				 "%s: entry %lu of the log is 0x%lx, the index is %lu", when, i,
				 address, index);
		if (address - GPA_WINDOW < PLACES * PAGE_SIZE)
			places = places << 4 | (address - GPA_WINDOW) / PAGE_SIZE;
	}
	for (u64 i = (u16)(index + 1); i-- > 0;)
		report_if_failed(!log->entries[i],
				 "%s: entry %lu of the log is 0x%lx, the index is %lu", when, i,
				 log->entries[i], index);
	return places;
}

static bool logs(struct log *log, int first, int second, u64 expected, const char *when)
{
	u64 places;

	log->w->request = (struct request){ .deed = TOUCH, .length = BIT(first) | BIT(second) };
	if (!finish(log->w, when))
		return false;
	places = logged(log, when);
	return report_if_failed(places == expected,
				"%s: of the places 0x%lx are in the log, expected 0x%lx", when,
				places, expected);
}

TEST(pml, .on = EACH_CPU, .needs = VMX_PML,
     .about =
	     "the page-modification log has the pages that L2 makes dirty, in order, across migrations")
{
	struct log log = log_new();
	bool good = logs(&log, 0, 2, 0x02, "before the migrations");

	/* A page that is dirty already is not logged again. */
	good &= logs(&log, 1, 2, 0x021, "before the migrations");
	migrate_in_l2(log.w);
	good &= logs(&log, 2, 4, 0x0214, "after a migration in L2");
	migrate_quiet();
	good &= logs(&log, 4, 6, 0x02146, "after a migration in L1");
	log.w->nested_pt[1] &= ~VMX_EPT_DIRTY_BIT;
	vmx_flush(log.w->l2);
	good &= logs(&log, 1, 6, 0x021461, "made clean after a migration");
	report(good && !log.w->broken, "the log has each page that L2 has made dirty");
	log_free(&log);
}

TEST(pml_full, .on = EACH_CPU, .needs = VMX_PML,
     .about =
	     "a full page-modification log exits before the write, also after a migration; then L2 goes on")
{
	struct log log = log_new();
	struct l2 *l2 = log.w->l2;
	u64 *word = (u64 *)(page(log.w, first_page(3)) + 0x68), before = *word;
	/* After this all pages are dirty except those of the places. */
	bool good = logs(&log, 0, 1, 0x01, "before it is full");

	vmx_set(l2, GUEST_PML_INDEX, 0);
	ask(log.w, WRITE, place(2, 0x68), ~before);
	good &= finish(log.w, "the last entry");
	report_if_failed(log.entries[0] == GPA_WINDOW + 2 * PAGE_SIZE,
			 "the last entry is 0x%lx, expected 0x%lx", log.entries[0],
			 GPA_WINDOW + 2 * PAGE_SIZE);
	ask(log.w, WRITE, place(3, 0x68), ~before);
	for (int moved = 0; moved < 2; moved++) {
		l2_expect(l2, EXIT_REASON_PML_FULL,
			  moved ? "after the migration" : "the log is full");
		good &= report_if_failed(*word == before &&
						 !(log.w->nested_pt[3] & VMX_EPT_DIRTY_BIT),
					 "the page was written to before it was logged");
		if (!moved)
			migrate_quiet();
	}
	report(log_index(&log) == 0xffff, "the index is 0x%lx, expected 0xffff", log_index(&log));
	vmx_set(l2, GUEST_PML_INDEX, 1);
	good &= finish(log.w, "the log has room again");
	report(*word == ~before && log.entries[1] == GPA_WINDOW + 3 * PAGE_SIZE &&
		       log_index(&log) == 0,
	       "L2 went on: 0x%lx, expected 0x%lx; entry 1 is 0x%lx, expected 0x%lx; index %lu",
	       *word, ~before, log.entries[1], GPA_WINDOW + 3 * PAGE_SIZE, log_index(&log));
	report(good && !log.w->broken, "a full log has caused an exit, and lost nothing");
	log_free(&log);
}
