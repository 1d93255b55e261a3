/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of a run's cases are this machine's, if several machines share the run. */
#ifndef FERRY_HOST_RUN_SHARD_H
#define FERRY_HOST_RUN_SHARD_H

#include <glib.h>

struct shard {
	unsigned index; /* from 1 */
	unsigned count; /* 0: the run is not divided */
};

/*
 * TEXT is "I/N", or "auto": what the environment variables of GitLab, Slurm or Kubernetes say.
 * FALSE and ERROR if it is neither, or if "auto" finds the variables of none or of more than one of
 * them.
 */
gboolean shard_parse(const char *text, struct shard *shard, GError **error);

/* Something to be shared out. */
struct share_of_shard {
	const char *name; /* no two have the same */
	const char *kind; /* each kind is shared out by itself */
	double seconds;	  /* how long it is expected to take */
	unsigned shard;	  /* the result: from 1 */
};

/* Shares ITEMS out among COUNT shards. The result depends on nothing but the arguments. */
void shard_assign(struct share_of_shard *items, guint length, unsigned count);

/* Removes those of CASES, struct test_case, that are not in SHARD. */
void shard_keep(GPtrArray *cases, const struct shard *shard);

#endif
