// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What L1 changes in an enlightened VMCS before a migration or after it (TLFS "Nested
 * Virtualization": "Clean Fields").
 */
#include "libcflat.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

TEST(changed_before_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "what L1 has changed in an active enlightened VMCS before a move holds at the entry "
	      "behind it")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		change_fields(story);
		move_in_l1(story);
		if (round_is_right(story, "changed, then moved:")) {
			change_fields(story);
			round_is_right(story, "changed once more:");
		}
	}
	end_story(story);
}

TEST(changed_after_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "what L1 changes in an active enlightened VMCS behind a move holds at the next entry")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		move_in_l1(story);
		change_fields(story);
		round_is_right(story, "moved, then changed:");
	}
	end_story(story);
}

TEST(moved_before_first_entry, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an enlightened VMCS that was made before a move is launched behind it")
{
	struct story *story = begin_story();

	move_in_l1(story);
	if (round_is_right(story, "launched after the move:")) {
		change_fields(story);
		round_is_right(story, "resumed:");
	}
	end_story(story);
}

TEST(moved_in_l2, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an L2 by an enlightened VMCS goes on when it was moved, and L1's next changes hold")
{
	struct story *story = begin_story();

	for (int i = 0; i < 3; i++) {
		story->move = i < 2;
		if (!round_is_right(story, i < 2 ? "moved in L2:" : "changed after that:"))
			break;
		change_fields(story);
	}
	end_story(story);
}
