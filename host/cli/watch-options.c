// SPDX-License-Identifier: GPL-2.0-or-later
/* Options of `ferry run` that watch for regressions. See watch-options.h. */
#include "cli/watch-options.h"
#include "util/text.h"

static struct watch_options options;
static char *shard;

static const GOptionEntry entries[] = {
	{ "against", 0, 0, G_OPTION_ARG_FILENAME, &options.against,
	  "Compare with the results in FILE, which --json wrote; the run fails if a test got worse, and only then",
	  "FILE" },
	{ "exclude", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.exclude,
	  "Leave out the cases that match PATTERN; may be repeated", "PATTERN" },
	{ "group", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.groups,
	  "Only programs of this group of unittests.cfg; may be repeated", "NAME" },
	{ "shard", 0, 0, G_OPTION_ARG_STRING, &shard,
	  "Run the I-th of N parts of the cases, or auto: as GitLab, Slurm or Kubernetes say",
	  "I/N" },
	{ "strict", 0, 0, G_OPTION_ARG_NONE, &options.strict,
	  "A pass is a failure where a known issue says that it fails each time", NULL },
	{ 0 },
};

const GOptionEntry *watch_options_entries(void)
{
	return entries;
}

const struct watch_options *watch_options_read(gboolean budget, GError **error)
{
	options.shard.count = 0;
	if (shard && budget) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"--budget chooses by what this machine remembers, so shards of it do not make a whole; leave out --budget or --shard");
		return NULL;
	}
	return !shard || shard_parse(shard, &options.shard, error) ? &options : NULL;
}

const struct watch_options *watch_options(void)
{
	return &options;
}
