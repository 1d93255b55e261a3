// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's questions and their answers (docs/protocol.md, "Questions").
 *
 * Input for the guest that the VMM has not yet read does not travel with a migration. So no action
 * begins while an answer is on its way, and no answer is given during an action.
 */
#include <string.h>

#include "guest/internal.h"
#include "util/kvm.h"

struct question {
	guint64 sequence;
	char *what;
};

static void question_free(struct question *question)
{
	g_free(question->what);
	g_free(question);
}

/* ---- the answers ---- */

static char *answer_time(struct guest *guest, guint64 sequence)
{
	gint64 monotonic = clock_ns(CLOCK_MONOTONIC);
	gint64 longest = guest->pause_max_ns;
	enum vm_habit habit = guest->config.machine.habit;
	gboolean cycles = habit_is_cycle(habit);

	/* Nobody knows how long the VMM has stopped the clocks by itself: at most all the time. */
	if (guest->vm->clocks_stop)
		longest += monotonic - guest->began;
	guest->listener->time_told(guest->data, sequence, monotonic, guest->pause_min_ns, longest);
	return g_strdup_printf("realtime=%" G_GINT64_FORMAT " monotonic=%" G_GINT64_FORMAT
			       " moves=%" G_GUINT64_FORMAT " restores=%" G_GUINT64_FORMAT
			       " pause_min=%" G_GINT64_FORMAT " pause_max=%" G_GINT64_FORMAT
			       " cycles=%d",
			       clock_ns(CLOCK_REALTIME), monotonic, guest->actions, guest->restores,
			       guest->pause_min_ns, longest, cycles);
}

static char *answer_more(struct guest *guest, guint64 sequence)
{
	return g_strdup_printf("more=%d", guest->listener->wants_more(guest->data));
}

static char *answer_boot(struct guest *guest, guint64 sequence)
{
	return guest->listener->boot_asked(guest->data, guest->boots);
}

static char *answer_disk(struct guest *guest, guint64 sequence)
{
	return guest->listener->disk_asked(guest->data);
}

static char *answer_suspend(struct guest *guest, guint64 sequence)
{
	return guest_suspend_answer(guest);
}

/* The guest has room for this many MSRs in one answer, and may ask for more. */
#define MSRS_IN_ANSWER 32
#define MSRS_FROM      "msrs-from-"

/* The MSRs that this machine's KVM lists, from number FROM of the list on. NULL: unknown. */
static char *answer_msrs(const struct guest *guest, const char *from)
{
	const struct kvm_offers *offers = kvm_offers();
	g_autoptr(GString) text = NULL;
	guint64 first;

	if (g_strcmp0(guest->config.machine.accel, "kvm") || !offers->msr_count ||
	    !g_ascii_string_to_unsigned(from, 10, 0, offers->msr_count, &first, NULL))
		return NULL;
	text = g_string_new(NULL);
	g_string_printf(text, "total=%u list=", offers->msr_count);
	for (guint64 i = first; i < MIN(first + MSRS_IN_ANSWER, offers->msr_count); i++)
		g_string_append_printf(text, "%s%x", i > first ? "," : "", offers->msrs[i]);
	return g_strdup(text->str);
}

static void answer(struct guest *guest, const struct question *question)
{
	static const struct {
		const char *what;
		char *(*answer)(struct guest *guest, guint64 sequence);
	} answers[] = {
		{ "time", answer_time }, { "more", answer_more },	{ "boot", answer_boot },
		{ "disk", answer_disk }, { "suspend", answer_suspend },
	};
	g_autofree char *text = NULL, *line = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(answers) && !text; i++)
		if (g_str_equal(question->what, answers[i].what))
			text = answers[i].answer(guest, question->sequence);
	if (g_str_has_prefix(question->what, MSRS_FROM))
		text = answer_msrs(guest, question->what + strlen(MSRS_FROM));
	line = g_strdup_printf("=%" G_GUINT64_FORMAT " %s\n", question->sequence,
			       text ? text : "error=unknown");
	guest->unread_answers++;
	guest->vmm->send(guest->vm, line, strlen(line));
}

void guest_answer_sentence(struct guest *guest)
{
	if (!guest->vm || guest_suspend_defers_answer(guest))
		return;
	if (console_speaks_protocol(guest->console))
		guest->unread_answers++;
	guest->vmm->send(guest->vm, "\n", 1);
}

/* ---- questions that wait ---- */

void guest_answer_waiting_questions(struct guest *guest)
{
	struct question *question;

	while (guest->vm && (question = g_queue_pop_head(guest->questions))) {
		answer(guest, question);
		question_free(question);
	}
}

void guest_on_question(struct guest *guest, const struct machine_line *line)
{
	const char *what = machine_line_value(line, "what");
	struct question *question = g_new0(struct question, 1);

	question->sequence = line->sequence;
	question->what = g_strdup(what ? what : "");
	g_queue_push_tail(guest->questions, question);
	if (!guest->action || !guest->action->begun)
		guest_answer_waiting_questions(guest);
}

void guest_forget_questions(struct guest *guest)
{
	g_queue_clear_full(guest->questions, (GDestroyNotify)question_free);
	guest->unread_answers = 0;
}

void guest_copy_questions(struct guest *source, const struct guest *guest)
{
	source->questions = g_queue_copy(guest->questions);
	for (GList *link = source->questions->head; link; link = link->next) {
		struct question *copy = g_memdup2(link->data, sizeof(*copy));

		copy->what = g_strdup(copy->what);
		link->data = copy;
	}
}

void guest_free_questions(struct guest *guest)
{
	g_queue_free_full(guest->questions, (GDestroyNotify)question_free);
}
