// SPDX-License-Identifier: GPL-2.0-or-later
/* Plan dirtyring: like dirtylog, but KVM tells of written pages in rings and not in a bitmap. */
#include "plan/plan.h"

const struct plan plan_dirtyring = {
	.name = "dirtyring",
	.action = "migration",
	.about = "memory is carried by KVM's dirty rings alone, back to back while the guest works",
	.capabilities = VMM_CAN_CARRY,
	.habit = HABIT_CARRY_BY_RING,
	.act = plan_carry,
	.continuous = TRUE,
	.only_by_name = TRUE,
	.restores = TRUE,
};
