// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan storm: live migrations back to back, from the guest's first line to its last and at least
 * --moves of them, while the guest works and asks for nothing. It finds the moments that no test
 * thought of.
 */
#include "plan/plan.h"

const struct plan plan_storm = {
	.name = "storm",
	.about = "live migrations back to back while the guest works",
	.action = "migration",
	.capabilities = VMM_CAN_MIGRATE,
	.takes = OPTIONS_OF_A_WHOLE_MIGRATION | OPTION_PEEK,
	.act = plan_migrate,
	.continuous = TRUE,
	.restores = TRUE,
};
