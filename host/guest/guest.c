// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest and the VMs that carry it. The one rule that is not obvious: input for
 * the guest that the VMM has not yet read does not travel with a move, so no move
 * begins while an answer is on its way, and no answer is given during a move
 * (docs/protocol.md, "Questions").
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/guest.h"
#include "util/text.h"

/* A guest that writes more than this floods; the rest would only fill the disk. */
#define MOST_CONSOLE_BYTES (32 << 20)

struct question {
	guint64 sequence;
	char *what;
};

struct order {
	enum {
		ORDER_NONE,
		ORDER_PAUSE,
		ORDER_MIGRATION,
		ORDER_RESET,
		ORDER_SNAPSHOT,
		ORDER_BREAK
	} kind;
	gboolean begun;
	gboolean was_reset, booted;	  /* what a reset waits for */
	struct action_stats reset;	  /* what the VMM told of it */
	gint64 microseconds;		  /* of a pause */
	int file;			  /* of a snapshot */
	gboolean running;		  /* while it is made */
	gboolean was_saved;		  /* to the file */
	struct action_stats saved;	  /* what the VMM told of that */
	struct migration_options options; /* of a move */
	struct broken_migration_options breaking;
	action_done_function done;
	void *data;
};

struct guest {
	const struct vmm *vmm;
	struct guest_config config;
	const struct guest_listener *listener;
	void *data;

	struct vm *vm;		/* carries the guest; NULL when it has ended */
	struct vm *destination; /* started for the next move */
	gboolean destination_ready;
	GPtrArray *retired; /* VMs that the guest has left, until they end */
	struct vm_exit exit;
	gboolean ended, failed;
	unsigned vms;	   /* started so far */
	gboolean in_other; /* the guest is carried by the other of two binaries */

	/* The guest as it goes on where it was saved while it ran. */
	struct guest *snapshot_source;
	unsigned snapshot_sources; /* so far */
	char *console_path;

	struct console *console;
	struct log_file *console_log, *transcript;
	char *stderr_path, *command_path, *socket_dir, *socket_path;

	struct order order;
	unsigned unread_answers; /* the guest has not said `got` to */
	GQueue *questions;	 /* asked during a move */

	unsigned boots; /* that have said hello */
	/* In this boot: */
	guint64 actions;
	gint64 pause_min_ns, pause_max_ns; /* summed */
};

static G_GNUC_PRINTF(2, 3) void fail(struct guest *guest, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	if (guest->failed)
		return;
	guest->failed = TRUE;
	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	guest->listener->failed(guest->data, problem);
}

/* ---- questions ---- */

static struct question *question_copy(const struct question *question)
{
	struct question *copy = g_memdup2(question, sizeof(*question));

	copy->what = g_strdup(question->what);
	return copy;
}

static void question_free(struct question *question)
{
	g_free(question->what);
	g_free(question);
}

static gint64 clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

static char *answer_time(struct guest *guest, guint64 sequence)
{
	gint64 monotonic = clock_ns(CLOCK_MONOTONIC);

	guest->listener->time_told(guest->data, sequence, monotonic, guest->pause_min_ns,
				   guest->pause_max_ns);
	return g_strdup_printf("realtime=%" G_GINT64_FORMAT " monotonic=%" G_GINT64_FORMAT
			       " moves=%" G_GUINT64_FORMAT " pause_min=%" G_GINT64_FORMAT
			       " pause_max=%" G_GINT64_FORMAT,
			       clock_ns(CLOCK_REALTIME), monotonic, guest->actions,
			       guest->pause_min_ns, guest->pause_max_ns);
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

static void answer(struct guest *guest, const struct question *question)
{
	static const struct {
		const char *what;
		char *(*answer)(struct guest *guest, guint64 sequence);
	} answers[] = {
		{ "time", answer_time },
		{ "more", answer_more },
		{ "boot", answer_boot },
		{ "disk", answer_disk },
	};
	g_autofree char *text = NULL, *line = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(answers) && !text; i++)
		if (g_str_equal(question->what, answers[i].what))
			text = answers[i].answer(guest, question->sequence);
	line = g_strdup_printf("=%" G_GUINT64_FORMAT " %s\n", question->sequence,
			       text ? text : "error=unknown");
	guest->unread_answers++;
	guest->vmm->send(guest->vm, line, strlen(line));
}

static void answer_waiting_questions(struct guest *guest)
{
	struct question *question;

	while (guest->vm && (question = g_queue_pop_head(guest->questions))) {
		answer(guest, question);
		question_free(question);
	}
}

static void on_question(struct guest *guest, const struct machine_line *line)
{
	const char *what = machine_line_value(line, "what");
	struct question *question = g_new0(struct question, 1);

	question->sequence = line->sequence;
	question->what = g_strdup(what ? what : "");
	g_queue_push_tail(guest->questions, question);
	if (!guest->order.begun)
		answer_waiting_questions(guest);
}

static void forget_questions(struct guest *guest)
{
	g_queue_clear_full(guest->questions, (GDestroyNotify)question_free);
	guest->unread_answers = 0;
}

/* ---- pauses, moves and resets ---- */

static void drop_socket(struct guest *guest)
{
	if (guest->socket_path)
		unlink(guest->socket_path);
	g_clear_pointer(&guest->socket_path, g_free);
}

/* The destination has the guest. */
static void adopt(struct guest *guest)
{
	guest->vm = guest->destination;
	guest->in_other = guest->config.other_binary && !guest->in_other;
	guest->destination = NULL;
	guest->destination_ready = FALSE;
	drop_socket(guest);
}

static void drop_destination(struct guest *guest)
{
	if (guest->destination)
		guest->vmm->free(guest->destination);
	guest->destination = NULL;
	guest->destination_ready = FALSE;
	drop_socket(guest);
}

static void retire(struct guest *guest)
{
	g_ptr_array_add(guest->retired, guest->vm);
	guest->vmm->quit(guest->vm);
	adopt(guest);
}

static void on_order_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct order order = guest->order;

	guest->order = (struct order){ 0 };
	if (guest->failed)
		return;
	if (stats && order.kind == ORDER_BREAK)
		drop_destination(guest);
	/* One that was broken off is none, unless the guest stood still. */
	if (stats && order.kind != ORDER_RESET &&
	    (order.kind != ORDER_BREAK || stats->pause_max_ns)) {
		guest->actions++;
		guest->pause_min_ns += stats->pause_min_ns;
		guest->pause_max_ns += stats->pause_max_ns;
		if (order.kind == ORDER_MIGRATION)
			retire(guest);
		else if (order.kind == ORDER_SNAPSHOT)
			adopt(guest);
	}
	answer_waiting_questions(guest);
	order.done(order.data, stats, problem);
	/* Last, since the guest may have ended there, and tell so now. */
	if (stats && (order.kind == ORDER_MIGRATION || order.kind == ORDER_SNAPSHOT))
		guest->vmm->release_output(guest->vm);
}

static void finish_reset(struct guest *guest)
{
	struct order *order = &guest->order;
	struct action_stats stats = order->reset;

	if (!order->was_reset || (console_speaks_protocol(guest->console) && !order->booted))
		return;
	stats.total_ns = clock_ns(CLOCK_REALTIME) - stats.started;
	on_order_done(guest, &stats, NULL);
}

static void on_reset(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;

	if (problem) {
		on_order_done(guest, NULL, problem);
		return;
	}
	guest->order.was_reset = TRUE;
	guest->order.reset = *stats;
	finish_reset(guest);
}

/* Nothing that the last boot was in the middle of has an end any more. */
static void on_hello(struct guest *guest)
{
	guest->boots++;
	forget_questions(guest);
	guest->actions = 0;
	guest->pause_min_ns = guest->pause_max_ns = 0;
	guest->order.booted = TRUE;
}

/* ---- snapshots ---- */

static const struct vm_listener vm_listener;
static const struct console_listener console_listener;
static struct vm *start_vm(struct guest *guest, const char *incoming, int restore, GError **error);

static void close_snapshot(struct guest *guest)
{
	if (guest->order.kind == ORDER_SNAPSHOT && guest->order.file > 0)
		close(guest->order.file);
	guest->order.file = 0;
}

/* A file without a name, so that it is gone with the last who has it open. */
static int open_snapshot(struct guest *guest)
{
	g_autofree char *path = g_build_filename(guest->socket_dir, "snapshot-XXXXXX", NULL);
	int file = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

	if (file < 0)
		fail(guest, "cannot make a file for the snapshot in %s: %s", guest->socket_dir,
		     g_strerror(errno));
	else
		unlink(path);
	return file;
}

static void on_restored(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct action_stats whole = guest->order.saved;

	close_snapshot(guest);
	if (problem) {
		on_order_done(guest, NULL, problem);
		return;
	}
	whole.total_ns = clock_ns(CLOCK_REALTIME) - whole.started;
	whole.pause_max_ns = whole.total_ns;
	whole.pause_min_ns = CLAMP(stats->restored_at - whole.saved_at, 0, whole.pause_max_ns);
	on_order_done(guest, &whole, NULL);
}

static void start_from_snapshot(struct guest *guest)
{
	g_autoptr(GError) error = NULL;

	lseek(guest->order.file, 0, SEEK_SET);
	guest->destination = start_vm(guest, NULL, guest->order.file, &error);
	if (!guest->destination)
		fail(guest, "no VMM to restore the guest: %s", error->message);
}

/*
 * The VMM that was saved while its guest ran, with that guest. It has told as much of the
 * console as the copy begins with, and its logs are the copy's, but for the console's.
 */
static struct guest *split(struct guest *guest, const struct action_stats *stats)
{
	struct guest *source = g_new0(struct guest, 1);
	g_autoptr(GError) error = NULL;

	source->vmm = guest->vmm;
	source->config = guest->config;
	source->vm = g_steal_pointer(&guest->vm);
	source->vmm->give_to(source->vm, source);
	source->retired = g_ptr_array_new();
	/* What was asked before is asked by both. */
	source->questions = g_queue_copy(guest->questions);
	for (GList *link = source->questions->head; link; link = link->next)
		link->data = question_copy(link->data);
	source->console = console_copy(guest->console, &console_listener, source);
	source->boots = guest->boots;
	source->actions = guest->actions + 1;
	source->pause_min_ns = guest->pause_min_ns + stats->pause_min_ns;
	source->pause_max_ns = guest->pause_max_ns + stats->pause_max_ns;
	source->console_path =
		g_strdup_printf("%s-original-%u", guest->console_path, ++guest->snapshot_sources);
	source->console_log = log_file_create(source->console_path, &error);
	if (!source->console_log)
		fail(guest, "%s", error->message);
	return source;
}

/*
 * The file is to be all that is left of the guest, so its VMM ends first; if the guest ran
 * while it was saved, there are two of it now.
 */
static void on_saved(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;

	if (problem) {
		close_snapshot(guest);
		on_order_done(guest, NULL, problem);
		return;
	}
	guest->order.saved = *stats;
	guest->order.was_saved = TRUE;
	if (guest->order.running) {
		guest->snapshot_source = split(guest, stats);
		if (guest->failed)
			return;
		guest->listener->snapshot_source(guest->data, guest->snapshot_source);
		start_from_snapshot(guest);
		return;
	}
	g_ptr_array_add(guest->retired, guest->vm);
	guest->vmm->quit(guest->vm);
	guest->vm = NULL;
}

void guest_go_on(struct guest *source, const struct guest_listener *listener, void *data)
{
	source->listener = listener;
	source->data = data;
	answer_waiting_questions(source);
	source->vmm->release_output(source->vm);
}

static void save(struct guest *guest)
{
	guest->order.file = open_snapshot(guest);
	if (guest->order.file > 0)
		guest->vmm->save(guest->vm, guest->order.file, guest->socket_dir,
				 guest->order.running, on_saved, guest);
}

static void begin_order_when_ready(struct guest *guest)
{
	struct order *order = &guest->order;

	if (order->kind == ORDER_NONE || order->begun || guest->unread_answers || !guest->vm ||
	    guest->failed)
		return;
	if ((order->kind == ORDER_MIGRATION || order->kind == ORDER_BREAK) &&
	    !guest->destination_ready)
		return;
	if (order->kind == ORDER_SNAPSHOT && guest->snapshot_source)
		return;
	order->begun = TRUE;
	switch (order->kind) {
	case ORDER_PAUSE:
		guest->vmm->pause(guest->vm, order->microseconds, on_order_done, guest);
		break;
	case ORDER_MIGRATION:
		guest->vmm->migrate(guest->vm, guest->destination, &order->options, on_order_done,
				    guest);
		break;
	case ORDER_RESET:
		order->booted = FALSE;
		console_expect_boot(guest->console);
		guest->vmm->reset(guest->vm, on_reset, guest);
		break;
	case ORDER_BREAK:
		guest->vmm->break_migration(guest->vm, guest->destination, &order->breaking,
					    on_order_done, guest);
		break;
	case ORDER_SNAPSHOT:
		save(guest);
		break;
	case ORDER_NONE:
		break;
	}
}

void guest_end_snapshot_source(struct guest *guest, gboolean keep)
{
	struct guest *source = g_steal_pointer(&guest->snapshot_source);

	if (!keep)
		unlink(source->console_path);
	guest_free(source);
	begin_order_when_ready(guest);
}

void guest_snapshot(struct guest *guest, gboolean running, action_done_function done, void *data)
{
	g_assert(guest->order.kind == ORDER_NONE);
	guest->order = (struct order){
		.kind = ORDER_SNAPSHOT, .running = running, .done = done, .data = data
	};
	begin_order_when_ready(guest);
}

void guest_pause(struct guest *guest, gint64 microseconds, action_done_function done, void *data)
{
	g_assert(guest->order.kind == ORDER_NONE);
	guest->order = (struct order){
		.kind = ORDER_PAUSE, .microseconds = microseconds, .done = done, .data = data
	};
	begin_order_when_ready(guest);
}

void guest_reset(struct guest *guest, action_done_function done, void *data)
{
	g_assert(guest->order.kind == ORDER_NONE);
	guest->order = (struct order){ .kind = ORDER_RESET, .done = done, .data = data };
	begin_order_when_ready(guest);
}

static struct vm *start_vm(struct guest *guest, const char *incoming, int restore, GError **error)
{
	g_autofree char *label = g_strdup_printf("%u", ++guest->vms);
	gboolean first = !incoming && !restore;
	struct vm_config config = {
		.machine = guest->config.machine,
		.tuning = guest->config.tuning,
		.endpoint = {
			.binary = guest->config.binary,
			.label = label,
			.transcript = guest->transcript,
			.stderr_path = guest->stderr_path,
			.command_path = first ? guest->command_path : NULL,
			.incoming = incoming,
			.restore = restore,
			.images = guest->config.images,
		},
	};

	/* The guest goes to and fro between two builds. */
	if (guest->config.other_binary && !first && !guest->in_other)
		config.endpoint.binary = guest->config.other_binary;
	return guest->vmm->start(&config, &vm_listener, guest, error);
}

static void start_destination(struct guest *guest)
{
	g_autoptr(GError) error = NULL;

	if (guest->failed || !guest->vm)
		return;
	guest->socket_path =
		g_strdup_printf("%s/%p-%u", guest->socket_dir, (void *)guest, guest->vms);
	guest->destination = start_vm(guest, guest->socket_path, 0, &error);
	if (!guest->destination)
		fail(guest, "no destination for the move: %s", error->message);
}

void guest_migrate(struct guest *guest, const struct migration_options *options,
		   action_done_function done, void *data)
{
	g_assert(guest->order.kind == ORDER_NONE);
	guest->order = (struct order){
		.kind = ORDER_MIGRATION, .options = *options, .done = done, .data = data
	};
	start_destination(guest);
}

void guest_break_migration(struct guest *guest, const struct broken_migration_options *options,
			   action_done_function done, void *data)
{
	g_assert(guest->order.kind == ORDER_NONE);
	guest->order = (struct order){
		.kind = ORDER_BREAK, .breaking = *options, .done = done, .data = data
	};
	start_destination(guest);
}

void guest_answer_sentence(struct guest *guest)
{
	if (!guest->vm)
		return;
	if (console_speaks_protocol(guest->console))
		guest->unread_answers++;
	guest->vmm->send(guest->vm, "\n", 1);
}

/* ---- what the console tells ---- */

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct guest *guest = data;

	guest->listener->human(guest->data, kind, text, number);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct guest *guest = data;

	guest->listener->sentence(guest->data, sentence);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct guest *guest = data;

	if (g_str_equal(line->verb, "ask")) {
		on_question(guest, line);
	} else if (g_str_equal(line->verb, "got")) {
		if (guest->unread_answers)
			guest->unread_answers--;
		begin_order_when_ready(guest);
	} else if (g_str_equal(line->verb, "hello")) {
		on_hello(guest);
		guest->listener->machine(guest->data, line);
		if (guest->order.kind == ORDER_RESET)
			finish_reset(guest);
	} else {
		guest->listener->machine(guest->data, line);
	}
}

static void on_violation(void *data, const char *problem)
{
	struct guest *guest = data;

	guest->listener->violation(guest->data, problem);
}

static const struct console_listener console_listener = {
	.human = on_human,
	.sentence = on_sentence,
	.machine = on_machine,
	.violation = on_violation,
};

/* ---- what VMs tell ---- */

static void on_version(void *owner, struct vm *vm, const char *version)
{
	struct guest *guest = owner;

	guest->listener->version(guest->data, version);
}

static void on_output(void *owner, struct vm *vm, const char *bytes, gsize length)
{
	struct guest *guest = owner;

	if (guest->failed)
		return;
	log_file_write(guest->console_log, bytes, length);
	console_feed(guest->console, bytes, length);
	if (console_bytes(guest->console) > MOST_CONSOLE_BYTES)
		fail(guest, "the guest floods its console: more than %d MiB",
		     MOST_CONSOLE_BYTES >> 20);
	else if (guest_log_problem(guest))
		fail(guest, "%s", guest_log_problem(guest));
}

static void on_stands_still(void *owner, struct vm *vm)
{
	struct guest *guest = owner;

	guest->listener->stands_still(guest->data);
}

static void on_ready(void *owner, struct vm *vm)
{
	struct guest *guest = owner;

	guest->destination_ready = TRUE;
	if (guest->order.kind == ORDER_SNAPSHOT)
		guest->vmm->restore(vm, on_restored, guest);
	else
		begin_order_when_ready(guest);
}

static void tell_end_when_all_ended(struct guest *guest)
{
	if (!guest->ended || guest->retired->len || guest->failed)
		return;
	console_end(guest->console);
	guest->listener->ended(guest->data, &guest->exit);
}

static void on_retired_exit(struct guest *guest, struct vm *vm, const struct vm_exit *exit)
{
	g_autofree char *death = NULL;

	if (!exit->ordered && (WIFSIGNALED(exit->wait_status) || WEXITSTATUS(exit->wait_status))) {
		death = vm_exit_describe(exit);
		fail(guest, "after the guest had left it, the source died instead of quitting (%s)",
		     death);
	}
	guest->vmm->free(vm);
	if (guest->order.kind == ORDER_SNAPSHOT && guest->order.was_saved && !guest->failed &&
	    !guest->retired->len)
		start_from_snapshot(guest);
	else
		tell_end_when_all_ended(guest);
}

static void on_exited(void *owner, struct vm *vm, const struct vm_exit *exit)
{
	struct guest *guest = owner;

	if (g_ptr_array_remove(guest->retired, vm)) {
		on_retired_exit(guest, vm, exit);
	} else if (vm == guest->destination) {
		g_autofree char *death = vm_exit_describe(exit);

		/* A destination whose guest has ended has nothing to wait for. */
		if (!guest->ended && !exit->ordered)
			fail(guest,
			     guest->order.kind == ORDER_SNAPSHOT
				     ? "the guest could not be restored (%s)"
				     : "the destination died before the move (%s)",
			     death);
	} else {
		guest->exit = *exit;
		guest->exit.stderr_end = g_strdup(exit->stderr_end);
		guest->vmm->free(vm);
		guest->vm = NULL;
		guest->ended = TRUE;
		tell_end_when_all_ended(guest);
	}
}

static void on_broken(void *owner, struct vm *vm, const char *problem)
{
	struct guest *guest = owner;
	const char *role = vm == guest->vm	      ? ""
			   : vm == guest->destination ? "destination: "
						      : "source: ";

	fail(guest, "%s%s", role, problem);
}

static void on_unable(void *owner, struct vm *vm, const char *reason)
{
	struct guest *guest = owner;

	if (guest->failed)
		return;
	guest->failed = TRUE;
	guest->listener->unable(guest->data, reason);
}

static const struct vm_listener vm_listener = {
	.unable = on_unable,
	.version = on_version,
	.output = on_output,
	.ready = on_ready,
	.stands_still = on_stands_still,
	.exited = on_exited,
	.broken = on_broken,
};

/* ---- the guest's life ---- */

struct guest *guest_start(const struct guest_config *config, const struct guest_listener *listener,
			  void *data, GError **error)
{
	struct guest *guest = g_new0(struct guest, 1);
	const char *logdir = config->logdir;
	g_autofree char *transcript_path = g_build_filename(logdir, "qmp", NULL);

	guest->vmm = config->vmm;
	guest->config = *config;
	guest->listener = listener;
	guest->data = data;
	guest->socket_dir = g_strdup(config->socket_dir);
	guest->console_path = g_build_filename(logdir, "console", NULL);
	guest->stderr_path = g_build_filename(logdir, "stderr", NULL);
	guest->command_path = g_build_filename(logdir, "command", NULL);
	guest->retired = g_ptr_array_new();
	guest->questions = g_queue_new();
	guest->console = console_new(&console_listener, guest);

	unlink(guest->stderr_path); /* of an earlier run: VMs append to it */
	guest->console_log = log_file_create(guest->console_path, error);
	if (guest->console_log)
		guest->transcript = log_file_create(transcript_path, error);
	if (guest->transcript)
		guest->vm = start_vm(guest, NULL, 0, error);
	if (!guest->vm)
		g_clear_pointer(&guest, guest_free);
	return guest;
}

const struct console *guest_console(const struct guest *guest)
{
	return guest->console;
}

const char *guest_log_problem(const struct guest *guest)
{
	const char *problem = log_file_problem(guest->console_log);

	return problem || !guest->transcript ? problem : log_file_problem(guest->transcript);
}

const char *guest_waits_for(const struct guest *guest)
{
	if (guest->unread_answers)
		return "the guest has not read the runner's answer";
	if (guest->order.kind == ORDER_RESET && guest->order.was_reset)
		return "waits for the new boot's first line";
	if (guest->order.kind == ORDER_RESET)
		return "in the middle of a reset";
	if ((guest->order.kind == ORDER_MIGRATION || guest->order.kind == ORDER_BREAK) &&
	    !guest->order.begun)
		return "waiting for the destination to start";
	if (guest->order.kind == ORDER_MIGRATION || guest->order.kind == ORDER_BREAK)
		return "in the middle of a move";
	if (guest->order.kind == ORDER_SNAPSHOT)
		return guest->snapshot_source && !guest->order.begun
			       ? "waiting for the original of the last snapshot"
		       : guest->order.was_saved ? "being restored from a snapshot"
						: "being saved to a snapshot";
	if (guest->order.kind == ORDER_PAUSE)
		return "in the middle of a pause";
	return NULL;
}

void guest_free(struct guest *guest)
{
	if (guest->snapshot_source)
		guest_free(guest->snapshot_source);
	if (guest->vm)
		guest->vmm->free(guest->vm);
	if (guest->destination)
		guest->vmm->free(guest->destination);
	for (guint i = 0; i < guest->retired->len; i++)
		guest->vmm->free(guest->retired->pdata[i]);
	drop_socket(guest);
	close_snapshot(guest);
	g_ptr_array_unref(guest->retired);
	g_queue_free_full(guest->questions, (GDestroyNotify)question_free);
	console_free(guest->console);
	if (guest->console_log)
		log_file_close(guest->console_log);
	if (guest->transcript)
		log_file_close(guest->transcript);
	g_free(guest->exit.stderr_end);
	g_free(guest->console_path);
	g_free(guest->stderr_path);
	g_free(guest->command_path);
	g_free(guest->socket_dir);
	g_free(guest);
}
