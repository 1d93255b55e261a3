// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shares cases out among lab machines. See share.h.
 *
 * This is bin packing, by the method known as MULTIFIT: a slot has a limit, and each case goes into
 * the first slot that stays within it, long cases first. The lowest limit with which all cases fit
 * is searched for by halving. A slot runs one machine after the other, one for each lab and clock
 * that its cases need, so a case costs a boot more where its slot has no such machine yet. The
 * cases of one lab are packed together and prefer slots that have it: so a lab has no more machines
 * than it needs, and two labs with the same work get a slot each.
 *
 * Expected durations can be wrong by half, so a long share keeps its last quarter for a machine of
 * its own, which boots in whichever slot is free first.
 */
#include "run/share.h"

/* The limit is found to within a 2^20th of what one slot alone would take. */
#define HALVINGS 20
/* The part of a long share that is held back. It must take this many times as long as a boot. */
#define PART_HELD_BACK	0.25
#define BOOTS_HELD_BACK 6

/* The cases of one lab and clock, which one machine can run. */
struct group {
	double boot_seconds;
	double seconds; /* of all its cases */
};

struct piece {
	struct test_case *test_case;
	struct group *group;
	double seconds;
	guint number; /* in the suite's order, which decides between equals */
};

/* A machine of a slot. */
struct machine {
	const struct group *group;
	struct share *share;
};

struct slot {
	double seconds;
	GArray *machines; /* of struct machine */
};

struct packing {
	GArray *pieces;
	struct slot *slots;
	unsigned count; /* of slots */
};

static void share_free(struct share *share)
{
	g_ptr_array_unref(share->cases);
	g_free(share);
}

/* The lab with most to do comes first, and of its cases the longest. */
static gint longest_first(gconstpointer a, gconstpointer b)
{
	const struct piece *left = a, *right = b;

	if (left->group->seconds != right->group->seconds)
		return left->group->seconds < right->group->seconds ? 1 : -1;
	if (left->seconds != right->seconds)
		return left->seconds < right->seconds ? 1 : -1;
	return left->number < right->number ? -1 : 1;
}

/* The group of TEST_CASE. GROUPS owns it. */
static struct group *find_group(GHashTable *groups, const struct test_case *test_case,
				const struct share_costs *costs)
{
	g_autofree char *name = g_strjoin(" ", test_case->host, test_case->lab_clock, NULL);
	struct group *group = g_hash_table_lookup(groups, name);

	if (group)
		return group;
	group = g_new0(struct group, 1);
	group->boot_seconds = costs->boot_seconds(costs->data, test_case->host);
	g_hash_table_insert(groups, g_steal_pointer(&name), group);
	return group;
}

static GArray *sorted_pieces(GPtrArray *cases, GHashTable *groups, const struct share_costs *costs)
{
	GArray *pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));

	for (guint i = 0; i < cases->len; i++) {
		struct piece piece = { .test_case = cases->pdata[i], .number = i };

		if (g_str_equal(piece.test_case->host, "local"))
			continue;
		piece.group = find_group(groups, piece.test_case, costs);
		piece.seconds = costs->case_seconds(costs->data, piece.test_case);
		piece.group->seconds += piece.seconds;
		g_array_append_val(pieces, piece);
	}
	g_array_sort(pieces, longest_first);
	return pieces;
}

/* The slot's machine for GROUP, or NULL. */
static struct share *find_share(const struct slot *slot, const struct group *group)
{
	for (guint i = 0; i < slot->machines->len; i++) {
		struct machine *machine = &g_array_index(slot->machines, struct machine, i);

		if (machine->group == group)
			return machine->share;
	}
	return NULL;
}

/* What SLOT has to do once it has this piece, too. */
static double seconds_with(const struct slot *slot, const struct piece *piece)
{
	double boot = find_share(slot, piece->group) ? 0 : piece->group->boot_seconds;

	return slot->seconds + boot + piece->seconds;
}

static struct share *new_share(const char *host, const char *clock)
{
	struct share *share = g_new0(struct share, 1);

	share->host = host;
	share->clock = clock;
	share->cases = g_ptr_array_new();
	return share;
}

static struct share *add_machine(struct slot *slot, const struct piece *piece)
{
	struct share *share = new_share(piece->test_case->host, piece->test_case->lab_clock);
	struct machine machine = { piece->group, share };

	g_array_append_val(slot->machines, machine);
	return share;
}

static void give(struct slot *slot, const struct piece *piece)
{
	struct share *share = find_share(slot, piece->group);
	double before = slot->seconds;

	slot->seconds = seconds_with(slot, piece);
	if (!share)
		share = add_machine(slot, piece);
	share->seconds += slot->seconds - before;
	g_ptr_array_add(share->cases, piece->test_case);
}

/* The slot that stays within LIMIT with this piece, or NULL. */
static struct slot *find_slot(const struct packing *packing, const struct piece *piece,
			      double limit)
{
	struct slot *without_machine = NULL;

	for (unsigned i = 0; i < packing->count; i++) {
		struct slot *slot = &packing->slots[i];

		if (seconds_with(slot, piece) > limit)
			continue;
		if (find_share(slot, piece->group))
			return slot;
		if (!without_machine)
			without_machine = slot;
	}
	return without_machine;
}

static void clear(struct slot *slot)
{
	for (guint i = 0; i < slot->machines->len; i++)
		share_free(g_array_index(slot->machines, struct machine, i).share);
	g_array_set_size(slot->machines, 0);
	slot->seconds = 0;
}

/* Packs anew. FALSE if not all fits. */
static gboolean pack(struct packing *packing, double limit)
{
	for (unsigned i = 0; i < packing->count; i++)
		clear(&packing->slots[i]);
	for (guint i = 0; i < packing->pieces->len; i++) {
		const struct piece *piece = &g_array_index(packing->pieces, struct piece, i);
		struct slot *slot = find_slot(packing, piece, limit);

		if (!slot)
			return FALSE;
		give(slot, piece);
	}
	return TRUE;
}

/* Packs within the lowest limit that is possible. */
static void pack_tightly(struct packing *packing)
{
	double too_low = 0, enough;

	pack(packing, G_MAXDOUBLE);
	enough = packing->slots[0].seconds;
	for (unsigned i = 0; i < HALVINGS; i++) {
		double limit = (too_low + enough) / 2;

		if (pack(packing, limit))
			enough = limit;
		else
			too_low = limit;
	}
	pack(packing, enough);
}

/*
 * Cases were added longest first. The shortest goes to the front, so that the first verdict comes
 * soon; the others stay, so that a machine that runs two at a time does not end with a long one.
 */
static void put_shortest_first(GPtrArray *cases)
{
	gpointer shortest = g_ptr_array_steal_index(cases, cases->len - 1);

	g_ptr_array_insert(cases, 0, shortest);
}

/*
 * Takes the last cases of a long share for a share of their own. Returns NULL if they would take
 * too little time to be worth a boot.
 */
static struct share *hold_back(struct share *share, double boot_seconds,
			       const struct share_costs *costs)
{
	GPtrArray *cases = share->cases;
	double held = 0;
	guint kept = cases->len;
	struct share *rest;

	while (kept > 1) {
		double seconds = costs->case_seconds(costs->data, cases->pdata[kept - 1]);

		if (held + seconds > share->seconds * PART_HELD_BACK)
			break;
		held += seconds;
		kept--;
	}
	if (held < BOOTS_HELD_BACK * boot_seconds || !held)
		return NULL;
	rest = new_share(share->host, share->clock);
	for (guint i = kept; i < cases->len; i++)
		g_ptr_array_add(rest->cases, cases->pdata[i]);
	g_ptr_array_set_size(cases, kept);
	rest->seconds = boot_seconds + held;
	share->seconds -= held;
	return rest;
}

static gint longest_share_first(gconstpointer a, gconstpointer b)
{
	const struct share *left = *(struct share *const *)a, *right = *(struct share *const *)b;

	return (left->seconds < right->seconds) - (left->seconds > right->seconds);
}

/* Adds what a machine has to do, in two shares if that is of use. */
static void add_shares(GPtrArray *shares, const struct machine *machine, gboolean may_hold_back,
		       const struct share_costs *costs)
{
	struct share *share = machine->share, *rest = NULL;

	put_shortest_first(share->cases);
	g_ptr_array_add(shares, share);
	if (may_hold_back)
		rest = hold_back(share, machine->group->boot_seconds, costs);
	if (rest)
		g_ptr_array_add(shares, rest);
}

GPtrArray *share_out(GPtrArray *cases, unsigned slots, const struct share_costs *costs)
{
	GPtrArray *shares = g_ptr_array_new_with_free_func((GDestroyNotify)share_free);
	g_autoptr(GHashTable) groups =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GArray) pieces = sorted_pieces(cases, groups, costs);
	g_autofree struct slot *all = g_new0(struct slot, slots);
	struct packing packing = { pieces, all, slots };

	for (unsigned i = 0; i < slots; i++)
		all[i].machines = g_array_new(FALSE, FALSE, sizeof(struct machine));
	pack_tightly(&packing);
	for (unsigned i = 0; i < slots; i++) {
		for (guint j = 0; j < all[i].machines->len; j++)
			add_shares(shares, &g_array_index(all[i].machines, struct machine, j),
				   slots > 1, costs);
		g_array_unref(all[i].machines);
	}
	/* The schedule starts one as soon as it has a slot, and long ones are best begun early. */
	g_ptr_array_sort(shares, longest_share_first);
	return shares;
}
