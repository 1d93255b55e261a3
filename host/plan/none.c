// SPDX-License-Identifier: GPL-2.0-or-later
/* Plan none: the guest is left alone. What fails here has nothing to do with any action. */
#include "plan/plan.h"

const struct plan plan_none = {
	.name = "none",
	.about = "the guest is left alone",
};
