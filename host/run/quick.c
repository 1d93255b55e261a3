// SPDX-License-Identifier: GPL-2.0-or-later
/* Chooses the quick set. See quick.h. */
#include <string.h>

#include "run/cover.h"
#include "run/quick.h"

/* What is known while the set grows. */
struct choice {
	const struct matrix *matrix;
	const struct quick_limits *limits;
	struct quick_set *set;
};

static gboolean is_in(const struct quick_set *set, const char *name)
{
	for (guint i = 0; i < set->cases->len; i++)
		if (g_str_equal(g_array_index(set->cases, struct quick_case, i).name, name))
			return TRUE;
	return FALSE;
}

/* Every case outside of the set that ran on unpatched KVM and did not fail there. */
static GArray *candidates(const struct choice *choice)
{
	GArray *cases = g_array_new(FALSE, FALSE, sizeof(struct quick_case));

	for (guint i = 0; i < choice->matrix->lines->len; i++) {
		const struct matrix_line *line = choice->matrix->lines->pdata[i];
		struct quick_case candidate = {
			.name = line->case_name,
			.seconds = matrix_seconds(choice->matrix, line->case_name),
		};

		if (g_str_equal(line->patch, MATRIX_UNPATCHED) && candidate.seconds > 0 &&
		    !is_in(choice->set, candidate.name))
			g_array_append_val(cases, candidate);
	}
	return cases;
}

static gboolean fits(const struct choice *choice, const struct quick_case *candidate)
{
	return choice->set->seconds + candidate->seconds <= choice->limits->seconds;
}

static void add(const struct choice *choice, const struct quick_case *chosen)
{
	g_array_append_val(choice->set->cases, *chosen);
	choice->set->seconds += chosen->seconds;
}

static void add_sanity_case(const struct choice *choice, struct cover *cover)
{
	const struct matrix_line *line =
		matrix_find(choice->matrix, MATRIX_UNPATCHED, QUICK_SANITY_CASE);
	double seconds = matrix_seconds(choice->matrix, QUICK_SANITY_CASE);

	if (!seconds)
		return;
	add(choice, &(struct quick_case){ .name = line->case_name, .seconds = seconds });
	cover_choose(cover, QUICK_SANITY_CASE);
}

/* Adds the case that notices most in a second. FALSE if there is none that fits. */
static gboolean add_best(const struct choice *choice, struct cover *cover)
{
	g_autoptr(GArray) cases = candidates(choice);
	const struct quick_case *best = NULL;
	double most = 0;

	for (guint i = 0; i < cases->len; i++) {
		const struct quick_case *candidate = &g_array_index(cases, struct quick_case, i);
		double worth = cover_gain(cover, candidate->name) / candidate->seconds;

		if (worth > most && fits(choice, candidate)) {
			most = worth;
			best = candidate;
		}
	}
	if (!best)
		return FALSE;
	cover_choose(cover, best->name);
	add(choice, best);
	return TRUE;
}

/* How many patches the set notices without its case number LEFT_OUT. */
static guint caught_without(const struct choice *choice, guint left_out)
{
	struct cover *cover = cover_new(choice->matrix);
	guint caught;

	for (guint i = 0; i < choice->set->cases->len; i++)
		if (i != left_out)
			cover_choose(cover,
				     g_array_index(choice->set->cases, struct quick_case, i).name);
	caught = cover_caught(cover);
	cover_free(cover);
	return caught;
}

/*
 * Takes out the longest case without which the set still notices as much as it must. The sanity
 * case stays. FALSE if there is no such case.
 */
static gboolean take_out_one(const struct choice *choice)
{
	struct quick_set *set = choice->set;
	guint needed = MIN(set->wanted, caught_without(choice, G_MAXUINT)), longest = 0;
	double seconds = 0;

	for (guint i = 0; i < set->cases->len; i++) {
		const struct quick_case *member = &g_array_index(set->cases, struct quick_case, i);

		if (member->seconds > seconds && !g_str_equal(member->name, QUICK_SANITY_CASE) &&
		    caught_without(choice, i) >= needed) {
			seconds = member->seconds;
			longest = i;
		}
	}
	if (!seconds)
		return FALSE;
	set->seconds -= seconds;
	g_array_remove_index(set->cases, longest);
	return TRUE;
}

/* The family of the program of the case NAME. The caller frees it. */
static char *family_of(const char *name)
{
	g_autofree char *program = g_strndup(name, strcspn(name, "/"));

	return program_family(program);
}

/* Does a program of the family that NAME's program is of have a case in the set? */
static gboolean has_program(const struct quick_set *set, const char *name)
{
	g_autofree char *family = family_of(name);

	for (guint i = 0; i < set->cases->len; i++) {
		g_autofree char *other =
			family_of(g_array_index(set->cases, struct quick_case, i).name);

		if (g_str_equal(other, family))
			return TRUE;
	}
	return FALSE;
}

/* Adds the shortest case of a program that has none in the set. FALSE if there is none that fits.
 */
static gboolean add_further_program(const struct choice *choice)
{
	g_autoptr(GArray) cases = candidates(choice);
	const struct quick_case *shortest = NULL;

	for (guint i = 0; i < cases->len; i++) {
		const struct quick_case *candidate = &g_array_index(cases, struct quick_case, i);

		if (fits(choice, candidate) && !has_program(choice->set, candidate->name) &&
		    (!shortest || candidate->seconds < shortest->seconds))
			shortest = candidate;
	}
	if (shortest)
		add(choice, shortest);
	return shortest != NULL;
}

struct quick_set quick_choose(const struct matrix *matrix, const struct quick_limits *limits)
{
	struct quick_set set = { .cases = g_array_new(FALSE, FALSE, sizeof(struct quick_case)) };
	const struct choice choice = { .matrix = matrix, .limits = limits, .set = &set };
	struct cover *cover = cover_new(matrix);

	set.total = cover_total(cover);
	set.wanted = (set.total * limits->percent + 99) / 100;
	add_sanity_case(&choice, cover);
	while (cover_caught(cover) < set.wanted && add_best(&choice, cover))
		;
	cover_free(cover);
	while (take_out_one(&choice))
		;
	set.covering = set.cases->len;
	while (add_further_program(&choice))
		;
	set.caught = caught_without(&choice, G_MAXUINT);
	return set;
}

void quick_set_clear(struct quick_set *set)
{
	g_array_unref(set->cases);
}
