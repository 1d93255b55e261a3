// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry corpus quick`: computes the quick set from the matrix. See run/quick.h. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-matrix.h"
#include "run/quick.h"

/*
 * Of the time on all CPUs, so much is left for cases. The rest goes into the labs' boot, and into
 * the end of the run, when one CPU has nothing left to do.
 */
#define PERCENT_FOR_CASES 80

static void tell(const struct quick_set *set, const struct quick_options *options)
{
	guint percent = set->total ? set->caught * 100 / set->total : 0;

	printf("%u cases, %.0f s of cases, about %.0f min on %d CPUs; they notice %u of %u patches that any case notices (%u %%)\n",
	       set->cases->len, set->seconds,
	       set->seconds * 100 / PERCENT_FOR_CASES / options->jobs / 60, options->jobs,
	       set->caught, set->total, percent);
	if (set->caught < set->wanted)
		printf("%d minutes are too short for %d %%; --minutes gives more\n",
		       options->minutes, options->percent);
}

int corpus_quick(const struct quick_options *options)
{
	const struct quick_limits limits = {
		.percent = options->percent,
		.seconds = options->minutes * 60.0 * options->jobs * PERCENT_FOR_CASES / 100,
	};
	g_autoptr(GError) error = NULL;
	struct matrix *matrix = matrix_read(options->matrix_path, &error);
	struct quick_set set;
	int status = EXIT_ALL_PASSED;

	if (!matrix)
		return usage_error("%s; 'ferry corpus matrix' measures", error->message);
	set = quick_choose(matrix, &limits);
	if (!set.cases->len)
		status = usage_error("%s: no case was measured on unpatched KVM",
				     options->matrix_path);
	else if (!quick_write(&set, matrix, options->path, &error))
		status = usage_error("%s", error->message);
	else
		tell(&set, options);
	if (status == EXIT_ALL_PASSED && set.caught < set.wanted)
		status = EXIT_SOME_FAILED;
	quick_set_clear(&set);
	matrix_free(matrix);
	return status;
}
