// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The options of a plan, as QEMU has them: migration capabilities and parameters, and the
 * kinds of its URIs (QMP reference, "Migration").
 *
 * XBZRLE and auto-converge do something only when memory is gone over several times, and
 * a small guest is copied before they do. Such a move is held in flight: QEMU ends a
 * migration when what is left takes no longer than `downtime-limit` at the speed that it has
 * measured, so that with 1 ms, and less than a page in that time, it goes on as long as
 * the guest writes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/qemu/option.h"
#include "util/text.h"

/* More than one, and not what QEMU does by default. */
#define MULTIFD_CHANNELS 3

/* The default of QEMU, which is what a move that is not held has. */
#define DOWNTIME_LIMIT_MS 300
#define HELD_DOWNTIME_MS  1
/* Times HELD_DOWNTIME_MS, less than a page. */
#define HELD_BANDWIDTH (3 << 20)
/* After the first pass: hardly a page in each of the periods of 100 ms that QEMU counts in. */
#define HELD_AGAIN_BANDWIDTH (64 << 10)
#define HELD_PASS_MS	     500
#define HELD_QUESTION_MS     100
/* So that one that proves nothing ends all the same. */
#define LONGEST_HOLD_MS 8000

/* Auto-converge looks at periods of a second; whatever the guest writes is too much. */
#define THROTTLE_TRIGGER_PERCENT 1
#define THROTTLE_INITIAL_PERCENT 40
#define THROTTLE_MOST_PERCENT	 80

#define HELD_OPTIONS (OPTION_XBZRLE | OPTION_AUTO_CONVERGE)

/* ---- the channel ---- */

/*
 * Both ends of a FIFO wait for each other in open(2), forever if the other one never
 * comes. So the runner has it open, too, until bytes flow.
 */
gboolean qemu_option_make_channel(struct qemu *qemu, GError **error)
{
	if (!qemu->incoming || !(qemu->options & OPTION_EXEC))
		return TRUE;
	if (mkfifo(qemu->incoming, 0600) == 0)
		qemu->fifo = open(qemu->incoming, O_RDWR | O_CLOEXEC);
	if (qemu->fifo > 0)
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "cannot make the FIFO %s: %s", qemu->incoming,
		    g_strerror(errno));
	return FALSE;
}

void qemu_option_drop_channel(struct qemu *qemu)
{
	if (qemu->fifo > 0)
		close(qemu->fifo);
	qemu->fifo = 0;
}

/* QEMU hands this to a shell. */
static char *command_uri(const char *redirection, const char *path)
{
	g_autofree char *quoted = g_shell_quote(path);

	return g_strdup_printf("exec:exec cat %s%s", redirection, quoted);
}

char *qemu_option_target(const struct qemu *to)
{
	if (to->options & OPTION_TCP)
		return g_strdup_printf("tcp:127.0.0.1:%s", to->port);
	if (to->options & OPTION_EXEC)
		return command_uri(">", to->incoming);
	return g_strconcat(to->options & OPTION_FILE ? "file:" : "unix:", to->incoming, NULL);
}

static char *source_of(const struct qemu *qemu)
{
	if (qemu->options & OPTION_TCP)
		return g_strdup("tcp:127.0.0.1:0");
	if (qemu->options & OPTION_EXEC)
		return command_uri("<", qemu->incoming);
	return qemu_option_target(qemu);
}

static void tell_incoming(struct qemu *qemu, qmp_reply_function reply)
{
	g_autofree char *uri = source_of(qemu);
	JsonObject *arguments = json_object_new();

	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(qemu->qmp, "migrate-incoming", arguments, reply, qemu);
}

/* "destination": QEMU lists the addresses where it listens. */
static void on_address(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	JsonNode *node =
		value && JSON_NODE_HOLDS_OBJECT(value)
			? json_object_get_member(json_node_get_object(value), "socket-address")
			: NULL;
	JsonArray *list = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

	for (guint i = 0; list && i < json_array_get_length(list) && !qemu->port; i++) {
		JsonNode *address = json_array_get_element(list, i);

		if (JSON_NODE_HOLDS_OBJECT(address))
			qemu->port = g_strdup(qmp_string(json_node_get_object(address), "port"));
	}
	if (qemu->port)
		qemu_become_ready(qemu);
	else
		qemu_break(qemu, problem ? problem : "query-migrate does not tell the TCP port");
}

static void on_incoming_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem)
		qemu_break(qemu, problem);
	else if (qemu->options & OPTION_TCP)
		qmp_execute(qemu->qmp, "query-migrate", NULL, on_address, qemu);
	else
		qemu_become_ready(qemu);
}

void qemu_option_await_guest(struct qemu *qemu)
{
	if (qemu->options & OPTION_FILE)
		/* The file is still to be written; this only waits for what was asked before. */
		qmp_execute(qemu->qmp, "query-status", NULL, on_incoming_reply, qemu);
	else
		tell_incoming(qemu, on_incoming_reply);
}

void qemu_option_on_channel_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->options & OPTION_FILE && strstr(problem, "migration protocol")) {
		g_autofree char *reason =
			g_strdup_printf("%s; it has file: since 8.2 (--qemu BINARY)", problem);

		qemu->listener->unable(qemu->owner, &qemu->vm, reason);
		return;
	}
	qemu_action_on_reply(data, value, problem);
}

void qemu_option_sent(struct qemu *to)
{
	if (!(to->options & OPTION_FILE) || to->told_incoming)
		return;
	to->told_incoming = TRUE;
	tell_incoming(to, qemu_option_on_channel_reply);
}

/* ---- capabilities ---- */

void qemu_option_ask(struct qemu *qemu, qmp_reply_function reply)
{
	static const struct {
		unsigned option;
		const char *name;
	} capabilities[] = {
		{ OPTION_MULTIFD, "multifd" },
		{ OPTION_XBZRLE, "xbzrle" },
		{ OPTION_COMPRESS, "compress" },
		{ OPTION_AUTO_CONVERGE, "auto-converge" },
	};
	JsonObject *parameters;

	for (gsize i = 0; i < G_N_ELEMENTS(capabilities); i++)
		if (qemu->options & capabilities[i].option)
			qemu_set_capability(qemu, capabilities[i].name, reply);
	if (!(qemu->options & (OPTION_MULTIFD | OPTION_AUTO_CONVERGE)))
		return;
	parameters = json_object_new();
	if (qemu->options & OPTION_MULTIFD)
		json_object_set_int_member(parameters, "multifd-channels", MULTIFD_CHANNELS);
	if (qemu->options & OPTION_AUTO_CONVERGE) {
		json_object_set_int_member(parameters, "throttle-trigger-threshold",
					   THROTTLE_TRIGGER_PERCENT);
		json_object_set_int_member(parameters, "cpu-throttle-initial",
					   THROTTLE_INITIAL_PERCENT);
		json_object_set_int_member(parameters, "max-cpu-throttle", THROTTLE_MOST_PERCENT);
	}
	qmp_execute(qemu->qmp, "migrate-set-parameters", parameters, reply, qemu);
}

/* ---- a move that is held in flight ---- */

static void set_speed(struct qemu *qemu, guint64 bandwidth, unsigned downtime_ms)
{
	JsonObject *arguments = json_object_new();

	json_object_set_int_member(arguments, "max-bandwidth",
				   bandwidth ? bandwidth : UNLIMITED_BANDWIDTH);
	if (qemu->options & HELD_OPTIONS)
		json_object_set_int_member(arguments, "downtime-limit", downtime_ms);
	qmp_execute(qemu->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply, qemu);
}

static void let_go(struct qemu_action *action)
{
	g_source_remove(action->hold);
	action->hold = 0;
	set_speed(action->from, 0, DOWNTIME_LIMIT_MS);
}

static gboolean is_positive(JsonObject *object, const char *name)
{
	return object && qmp_number(object, name) > 0;
}

/* So that a pass over the BYTES that are left takes a while, and not forever. */
static void slow_down(struct qemu_action *action, guint64 bytes)
{
	guint64 bandwidth =
		CLAMP(bytes * 1000 / HELD_PASS_MS, HELD_AGAIN_BANDWIDTH, HELD_BANDWIDTH);

	if (bandwidth == action->held_bandwidth)
		return;
	action->held_bandwidth = bandwidth;
	set_speed(action->from, bandwidth, HELD_DOWNTIME_MS);
}

/* Auto-converge tells of itself only while it works. */
static unsigned seen_at_work(JsonObject *figures)
{
	unsigned seen = 0;

	if (is_positive(qmp_object(figures, "ram"), "multifd-bytes"))
		seen |= OPTION_MULTIFD;
	if (is_positive(qmp_object(figures, "xbzrle-cache"), "pages"))
		seen |= OPTION_XBZRLE;
	if (is_positive(qmp_object(figures, "compression"), "pages"))
		seen |= OPTION_COMPRESS;
	if (is_positive(figures, "cpu-throttle-percentage"))
		seen |= OPTION_AUTO_CONVERGE;
	return seen;
}

static void on_held_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	JsonObject *figures;

	if (!action || !action->hold || problem || !JSON_NODE_HOLDS_OBJECT(value))
		return;
	figures = json_node_get_object(value);
	action->seen |= seen_at_work(figures);
	if (!(qemu->options & HELD_OPTIONS & ~action->seen) ||
	    g_get_real_time() - action->started > LONGEST_HOLD_MS * 1000)
		let_go(action);
	else if (action->slowed)
		slow_down(action, MAX(0, qmp_number(qmp_object(figures, "ram"), "remaining")));
}

static gboolean on_hold(gpointer data)
{
	struct qemu_action *action = data;

	if (has_status(action->from, "active"))
		qmp_execute(action->from->qmp, "query-migrate", NULL, on_held_figures,
			    action->from);
	return G_SOURCE_CONTINUE;
}

void qemu_option_begin(struct qemu_action *action, guint64 bandwidth)
{
	struct qemu *from = action->from;
	gboolean held = from->options & HELD_OPTIONS;

	if (held) {
		action->hold = g_timeout_add(HELD_QUESTION_MS, on_hold, action);
		bandwidth = bandwidth ? MIN(bandwidth, HELD_BANDWIDTH) : HELD_BANDWIDTH;
	}
	set_speed(from, bandwidth, held ? HELD_DOWNTIME_MS : DOWNTIME_LIMIT_MS);
}

void qemu_option_pass(struct qemu_action *action, gint64 pass)
{
	if (!action->hold || action->slowed || pass < 2)
		return;
	action->slowed = TRUE;
	slow_down(action, 0);
}

unsigned qemu_option_unused(const struct qemu_action *action, JsonObject *figures)
{
	const unsigned told =
		OPTION_MULTIFD | OPTION_XBZRLE | OPTION_COMPRESS | OPTION_AUTO_CONVERGE;

	return action->from->options & told & ~(action->seen | seen_at_work(figures));
}
