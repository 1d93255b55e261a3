// SPDX-License-Identifier: GPL-2.0-or-later
/* Chooses cases for a given time. See budget.h. */
#include "run/budget.h"
#include "run/cover.h"

struct item {
	struct test_case *test_case;
	char *name;   /* without "#2", as the matrix has it */
	char *family; /* see program_family() */
	double cost;  /* seconds of CPUs */
	gboolean fits_alone, measured, chosen;
};

/* What is known while cases are chosen. */
struct choice {
	const struct budget *budget;
	GArray *items; /* of struct item */
	struct cover *cover;
	double spent;
};

static void item_clear(struct item *item)
{
	g_free(item->name);
	g_free(item->family);
}

static struct item make_item(struct test_case *test_case, const struct budget *budget)
{
	const struct program *program = test_case->program;
	double seconds = test_case->skip_reason ? 0 : budget->expected(budget->data, test_case);
	gboolean local = g_str_equal(test_case->host, "local");
	struct item item = {
		.test_case = test_case,
		.name = g_strconcat(program->name, "/", test_case->plan_name, NULL),
		.family = program_family(program->name),
		/* A lab's machine takes one CPU, whatever runs in it. */
		.cost = seconds * (local ? MIN(program->smp, budget->slots) : 1),
		.fits_alone = seconds <= budget->longest,
	};

	item.measured = matrix_find(budget->matrix, MATRIX_UNPATCHED, item.name) != NULL;
	return item;
}

static void choose(struct choice *choice, struct item *item)
{
	item->chosen = TRUE;
	choice->spent += item->cost;
	cover_choose(choice->cover, item->name);
}

static gboolean fits(const struct choice *choice, const struct item *item)
{
	return !item->chosen && item->fits_alone &&
	       choice->spent + item->cost <= choice->budget->seconds;
}

static gboolean has_chosen_case(const struct choice *choice, const char *family)
{
	for (guint i = 0; i < choice->items->len; i++) {
		const struct item *item = &g_array_index(choice->items, struct item, i);

		if (item->chosen && !item->test_case->skip_reason &&
		    g_str_equal(item->family, family))
			return TRUE;
	}
	return FALSE;
}

/* The shortest case of the families that have none yet, or NULL. */
static struct item *shortest_of_new_family(const struct choice *choice)
{
	struct item *best = NULL;

	for (guint i = 0; i < choice->items->len; i++) {
		struct item *item = &g_array_index(choice->items, struct item, i);

		if (!item->chosen && (!best || item->cost < best->cost) &&
		    !has_chosen_case(choice, item->family))
			best = item;
	}
	return best;
}

/* The case that fits and notices most new patches in a second, or NULL. */
static struct item *most_worth(const struct choice *choice)
{
	struct item *best = NULL;
	double most = 0;

	for (guint i = 0; i < choice->items->len; i++) {
		struct item *item = &g_array_index(choice->items, struct item, i);
		/* Do not divide by 0. */
		double worth = cover_gain(choice->cover, item->name) / MAX(item->cost, 0.01);

		if (worth > most && fits(choice, item)) {
			most = worth;
			best = item;
		}
	}
	return best;
}

/* The shortest case that fits, one that was never measured if there is any, or NULL. */
static struct item *shortest(const struct choice *choice)
{
	struct item *best = NULL;

	for (guint i = 0; i < choice->items->len; i++) {
		struct item *item = &g_array_index(choice->items, struct item, i);

		if (!fits(choice, item))
			continue;
		if (!best ||
		    (item->measured != best->measured ? !item->measured : item->cost < best->cost))
			best = item;
	}
	return best;
}

static void choose_all(struct choice *choice)
{
	struct item *item;

	for (guint i = 0; i < choice->items->len; i++) {
		item = &g_array_index(choice->items, struct item, i);
		if (item->test_case->skip_reason)
			item->chosen = TRUE;
	}
	while ((item = shortest_of_new_family(choice)))
		choose(choice, item);
	while ((item = most_worth(choice)))
		choose(choice, item);
	while ((item = shortest(choice)))
		choose(choice, item);
}

struct budget_outcome budget_apply(GPtrArray *cases, const struct budget *budget)
{
	struct choice choice = {
		.budget = budget,
		.items = g_array_new(FALSE, FALSE, sizeof(struct item)),
		.cover = cover_new(budget->matrix),
	};
	struct budget_outcome outcome = { 0 };

	g_array_set_clear_func(choice.items, (GDestroyNotify)item_clear);
	for (guint i = 0; i < cases->len; i++) {
		struct item item = make_item(cases->pdata[i], budget);

		g_array_append_val(choice.items, item);
	}
	choose_all(&choice);
	for (guint i = choice.items->len; i-- > 0;) {
		const struct item *item = &g_array_index(choice.items, struct item, i);

		if (!item->chosen)
			g_ptr_array_remove_index(cases, i);
		else
			outcome.kept += !item->test_case->skip_reason;
	}
	outcome.needed = choice.spent;
	outcome.over = choice.spent > budget->seconds;
	cover_free(choice.cover);
	g_array_unref(choice.items);
	return outcome;
}
