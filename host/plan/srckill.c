// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan srckill: a live migration whose source is killed (SIGKILL) as soon as it says that
 * it has sent all, instead of being told to quit. The destination has then perhaps not
 * read all of it; what the source still owed it (a last flush, a word in passing) is lost
 * with the source.
 */
#include "plan/plan.h"

const struct plan plan_srckill = {
	.name = "srckill",
	.action = "migration",
	.about = "live migration whose source is killed when it has sent all",
	.capabilities = VMM_CAN_MIGRATE,
	.takes = OPTIONS_OF_A_WHOLE_MIGRATION,
	.act = plan_migrate,
	.kills_source = TRUE,
};
