/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry corpus score`: the page docs/corpus.md, which tells what is caught and what is not. */
#ifndef FERRY_HOST_CORPUS_SCORE_H
#define FERRY_HOST_CORPUS_SCORE_H

#include "cli/corpus-bug.h"
#include "cli/corpus-verdicts.h"
#include "run/matrix.h"

struct score_options {
	const char *verdicts, *matrix; /* the files to read; the matrix need not be there */
	const char *output;	       /* the file to write */
};

/* Writes the page of BUGS (of struct bug), and prints the score. Returns an enum exit_status. */
int corpus_score(const GPtrArray *bugs, const struct score_options *options);

/* What is known of a patch. */
enum score_state {
	SCORE_CAUGHT,
	SCORE_MISSED,
	SCORE_UNKNOWN,	 /* it has not run */
	SCORE_STALE,	 /* it has changed since it ran */
	SCORE_NOT_BUILT, /* it could not be built */
	SCORE_NOT_RUN,	 /* no case could run */
	SCORE_BROKEN,	 /* no case came to its end */
	SCORE_STATES
};

struct score_entry {
	const struct bug *bug;
	const char *area; /* of corpus_areas, or SCORE_OTHER_AREA */
	enum score_state state;
	/* What has caught it, in which case, and after how many seconds (-1: unknown); or NULL. */
	const char *test, *case_name;
	double seconds;
};

#define SCORE_OTHER_AREA "other"

/*
 * What VERDICTS (of struct verdict_line) and MATRIX hold of BUGS, in their order: an array of
 * struct score_entry, which the caller unrefs. The arguments outlive it. What the matrix has
 * measured counts if corpus/verdicts has nothing of the patch as it is now.
 */
GPtrArray *score_entries(const GPtrArray *bugs, const GPtrArray *verdicts,
			 const struct matrix *matrix);

struct score_counts {
	guint all, caught, missed; /* the others have no verdict */
};

/* Counts the entries of this KIND and AREA; NULL stands for all. */
struct score_counts score_count(const GPtrArray *entries, const struct bug_kind *kind,
				const char *area);

/* The page, in Markdown. The caller frees it. In corpus-score-page.c. */
char *score_page(const GPtrArray *entries, const GPtrArray *verdicts);

#endif
