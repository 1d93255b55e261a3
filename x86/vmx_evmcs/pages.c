// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of enlightened VMCSs in L1's memory, and the VP assist page that names one of them
 * (TLFS "Nested Virtualization": "Enlightened VMCS"; "Virtual Processors": "Virtual Processor
 * Assist Page").
 *
 * A broken hypervisor writes its copy of one enlightened VMCS into the page of another, or writes
 * to a page that is not active.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "msr.h"
#include "processor.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

/* ======== the page in memory ======== */

/* The first offset at which two pages differ, or -1. A hypervisor may clear clean bits. */
static int first_difference(const struct hv_enlightened_vmcs *was,
			    const struct hv_enlightened_vmcs *is)
{
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		u8 a = ((const u8 *)was)[i], b = ((const u8 *)is)[i];
		bool clean = i - offsetof(struct hv_enlightened_vmcs, hv_clean_fields) <
			     sizeof(was->hv_clean_fields);

		if (a != b && !(clean && !(b & ~a)))
			return i;
	}
	return -1;
}

static void check_page(const struct hv_enlightened_vmcs *was, const struct hv_enlightened_vmcs *is,
		       const char *what)
{
	int at = first_difference(was, is);
	int from = at < 0 ? 0 : at & ~7;

	report(at < 0,
	       "%s: the page should be as L1 has left it: at 0x%x it was 0x%lx and is 0x%lx (clean bits 0x%x, then 0x%x)",
	       what, at, *(const u64 *)((const u8 *)was + from),
	       *(const u64 *)((const u8 *)is + from), was->hv_clean_fields, is->hv_clean_fields);
}

/* Checks that a migration in L1 changes nothing in the page, and puts back what it changed. */
static void move_and_check_page(struct story *story, const char *what)
{
	struct hv_enlightened_vmcs *evmcs = story->l2->evmcs, *was = alloc_page();

	memcpy(was, evmcs, PAGE_SIZE);
	migrate_in_l1(story);
	if (broken("write"))
		evmcs->GUEST_RSP++;
	check_page(was, evmcs, what);
	was->hv_clean_fields = evmcs->hv_clean_fields & was->hv_clean_fields;
	memcpy(evmcs, was, PAGE_SIZE);
	free_page(was);
}

TEST(page_kept, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "a migration in L1 changes nothing in the active enlightened VMCS, but may clear clean bits")
{
	struct story *story = begin_story();

	if (round_is_right(story, "no migration:")) {
		change_fields(story);
		move_and_check_page(story, "active, after a migration");
		report(l2_is_call(story->l2, HERE) &&
			       vmx_get(story->l2, VM_EXIT_REASON) == EXIT_REASON_VMCALL,
		       "the exit should still be VMCALL: %s",
		       l2_exit_name(vmx_get(story->l2, VM_EXIT_REASON)));
		round_is_right(story, "after that:");
	}
	end_story(story);
}

TEST(assist_page, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "HV_X64_MSR_VP_ASSIST_PAGE and the page (but APIC_ASSIST) survive migrations in L1 and in L2")
{
	struct story *story = begin_story();
	struct hv_vp_assist_page *page = evmcs_assist_page(), was;
	const size_t begin = offsetof(struct hv_vp_assist_page, vtl_control);

	for (int in_l2 = 0; in_l2 < 2; in_l2++) {
		const char *when = in_l2 ? "migration in L2" : "migration in L1";

		vmx_make_current(story->l2);
		was = *page;
		story->move = in_l2;
		if (!in_l2)
			migrate_in_l1(story);
		else if (!round_is_right(story, "a migration in L2:"))
			break;
		report(rdmsr(HV_X64_MSR_VP_ASSIST_PAGE) == evmcs_assist_register() &&
			       !memcmp((u8 *)&was + begin, (u8 *)page + begin, sizeof(was) - begin),
		       "%s: the register reads 0x%lx, expected 0x%lx; enlightened entries %d (%d), by 0x%lx (0x%lx)",
		       when, rdmsr(HV_X64_MSR_VP_ASSIST_PAGE), evmcs_assist_register(),
		       page->enlighten_vmentry, was.enlighten_vmentry, page->current_nested_vmcs,
		       was.current_nested_vmcs);
	}
	end_story(story);
}

/* ======== two of them ======== */

/* Two L2s with different values. */
static void begin_two(struct story *two[2])
{
	for (int i = 0; i < 2; i++)
		two[i] = begin_story();
	two[1]->fields.number += 100;
	change_fields(two[1]);
}

static void end_two(struct story *two[2])
{
	for (int i = 1; i >= 0; i--)
		end_story(two[i]);
}

TEST(switched_after_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "two enlightened VMCSs keep their own fields when L1 switches between them after a migration")
{
	struct story *two[2];

	begin_two(two);
	if (round_is_right(two[0], "the first:") && round_is_right(two[1], "the second:")) {
		migrate_in_l1(two[1]);
		change_fields(two[0]);
		if (round_is_right(two[0], "the first, after the migration:"))
			round_is_right(two[1], "the second, after that:");
	}
	end_two(two);
}

/*
 * During the migration the assist page names an enlightened VMCS that is not active. A hypervisor
 * must not write to it before L1 enters it.
 */
static void named_before_move(bool entered_before)
{
	struct story *two[2];
	bool good = true;

	begin_two(two);
	if (entered_before) {
		good = round_is_right(two[1], "the second, before:");
		vmx_clear(two[1]->l2);
		change_fields(two[1]);
	}
	if (good && round_is_right(two[0], "the first:")) {
		vmx_make_current(two[1]->l2);
		move_and_check_page(two[1], "not active, but named by the assist page");
		if (round_is_right(two[1], "the second, after the migration:")) {
			change_fields(two[0]);
			round_is_right(two[0], "the first, after that:");
		}
	}
	end_two(two);
}

TEST(named_before_move_new, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "a migration changes nothing in an enlightened VMCS that the assist page names and nobody entered")
{
	named_before_move(false);
}

TEST(named_before_move_cleared, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "a migration changes nothing in an enlightened VMCS that the assist page names after VMCLEAR")
{
	named_before_move(true);
}

/* ======== VMCLEAR ======== */

TEST(cleared, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "an enlightened VMCS survives VMCLEAR and then a migration unchanged, and can be launched again")
{
	struct story *story = begin_story();

	if (round_is_right(story, "no migration:")) {
		vmx_clear(story->l2);
		move_and_check_page(story, "cleared, after a migration");
		change_fields(story);
		if (round_is_right(story, "launched again:")) {
			change_fields(story);
			round_is_right(story, "resumed:");
		}
	}
	end_story(story);
}

static void be_moved_and_call(void *data)
{
	migrate_quiet();
	l2_call(HERE);
}

TEST(back_to_vmcs, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "ordinary VMCSs survive migrations after the last enlightened one, and enlightened ones work again")
{
	struct story *story = begin_story();
	bool good = round_is_right(story, "enlightened:");
	struct l2 *l2;

	end_story(story);
	if (broken("assist"))
		wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, PAGE_SIZE);
	migrate_quiet();
	report(!rdmsr(HV_X64_MSR_VP_ASSIST_PAGE), "the assist page should be off: 0x%lx",
	       rdmsr(HV_X64_MSR_VP_ASSIST_PAGE));
	l2 = l2_new(be_moved_and_call, NULL);
	good = l2_expect_call(l2, HERE) && good;
	good = l2_expect_return(l2) && good;
	l2_free(l2);
	story = begin_story();
	if (good)
		round_is_right(story, "enlightened again:");
	end_story(story);
}
