/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `ferry run` for runs that watch for regressions, and for those on many machines.
 */
#ifndef FERRY_HOST_WATCH_OPTIONS_H
#define FERRY_HOST_WATCH_OPTIONS_H

#include <glib.h>

#include "run/shard.h"

struct watch_options {
	char *against;	    /* a results file to compare with; NULL: none */
	char **exclude;	    /* patterns of cases to leave out, or NULL */
	char **groups;	    /* of unittests.cfg: only programs of one of these; NULL: all */
	gboolean strict;    /* an unexpected pass is a failure */
	struct shard shard; /* of 0 shards: the whole */
};

/* The options, to be parsed. */
const GOptionEntry *watch_options_entries(void);

/*
 * What was parsed, good until the program ends. NULL and ERROR if something is wrong. BUDGET says
 * that --budget was given.
 */
const struct watch_options *watch_options_read(gboolean budget, GError **error);

/* The options as far as they are parsed, without these checks. */
const struct watch_options *watch_options(void);

#endif
