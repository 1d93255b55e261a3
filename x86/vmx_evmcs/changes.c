// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What L1 changes in an enlightened VMCS before a migration or after it (TLFS "Nested
 * Virtualization": "Clean Fields").
 *
 * A broken hypervisor uses the copy that it has saved, and not what L1 has changed since; or it
 * takes the clean bits for valid although it has lost its copy.
 */
#include "libcflat.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

TEST(changed_before_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "what L1 changes in an active enlightened VMCS before a migration takes effect at the next entry")
{
	struct story *story = begin_story();

	if (round_is_right(story, "no migration:")) {
		change_fields(story);
		migrate_in_l1(story);
		if (round_is_right(story, "changed, then a migration:")) {
			change_fields(story);
			round_is_right(story, "changed once more:");
		}
	}
	end_story(story);
}

TEST(changed_after_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "what L1 changes in an active enlightened VMCS after a migration takes effect at the next entry")
{
	struct story *story = begin_story();

	if (round_is_right(story, "no migration:")) {
		migrate_in_l1(story);
		change_fields(story);
		round_is_right(story, "a migration, then changed:");
	}
	end_story(story);
}

TEST(moved_before_first_entry, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an enlightened VMCS that was made before a migration can be launched after it")
{
	struct story *story = begin_story();

	migrate_in_l1(story);
	if (round_is_right(story, "launched after a migration:")) {
		change_fields(story);
		round_is_right(story, "resumed:");
	}
	end_story(story);
}

TEST(moved_in_l2, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "an L2 on an enlightened VMCS goes on after a migration in L2, and L1's next changes take effect")
{
	struct story *story = begin_story();

	for (int i = 0; i < 3; i++) {
		story->move = i < 2;
		if (!round_is_right(story, i < 2 ? "a migration in L2:" : "changed after that:"))
			break;
		change_fields(story);
	}
	end_story(story);
}
