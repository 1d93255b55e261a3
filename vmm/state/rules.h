/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may differ after a restore, since time has passed. */
#ifndef VMM_STATE_RULES_H
#define VMM_STATE_RULES_H

#include "check.h"

struct rule {
	const char *piece, *field; /* FIELD may end in '*' */
	/* What must still hold. */
	bool (*holds)(const struct comparison *comparison, uint64_t old, uint64_t new);
	const char *reason;
};

/* NULL if FIELD must not differ. */
const struct rule *rule_find(const char *piece, const char *field);

#endif
