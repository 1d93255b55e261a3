// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan srckill: a live migration whose source is killed (SIGKILL) as soon as it says that it has
 * sent all, instead of being told to quit. The destination may not yet have read all of it. What
 * the source would still do or send after that is lost with it.
 */
#include "plan/plan.h"

const struct plan plan_srckill = {
	.name = "srckill",
	.about = "live migration whose source is killed when it has sent all",
	.action = "migration",
	.capabilities = VMM_CAN_MIGRATE,
	.takes = OPTIONS_OF_A_WHOLE_MIGRATION,
	.act = plan_migrate,
	.kills_source = TRUE,
	.restores = TRUE,
};
