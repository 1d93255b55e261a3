// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the stream of a migration goes through: the kinds of `uri` of QEMU's `migrate` and
 * `migrate-incoming` (QEMU's qapi/migration.json).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/text.h"
#include "vmm/qemu/action.h"
#include "vmm/qemu/channel.h"

/*
 * While a FIFO has no writer, its reader gets an end of file. While it has no reader, its writer
 * gets SIGPIPE. The two QEMUs do not open it at the same time, so the runner keeps it open, too,
 * until bytes flow.
 */
gboolean qemu_channel_make(struct qemu *qemu, GError **error)
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

void qemu_channel_drop(struct qemu *qemu)
{
	if (qemu->fifo > 0)
		close(qemu->fifo);
	qemu->fifo = 0;
}

/*
 * QEMU hands this to a shell. If the shell opened only one end of the FIFO, it would wait until
 * somebody opens the other end, and for ever if the runner has died. So it first opens both ends at
 * once, as descriptor 3, which never waits. While that is open, opening one end does not wait
 * either.
 */
static char *command_uri(const char *redirection, const char *path)
{
	g_autofree char *quoted = g_shell_quote(path);

	return g_strdup_printf("exec:exec 3<>%s && exec cat %s%s 3<&-", quoted, redirection,
			       quoted);
}

static JsonObject *uri_arguments(char *uri)
{
	JsonObject *arguments = json_object_new();

	json_object_set_string_member(arguments, "uri", uri);
	g_free(uri);
	return arguments;
}

static char *path_uri(const struct qemu *qemu)
{
	return g_strconcat(qemu->options & OPTION_FILE ? "file:" : "unix:", qemu->incoming, NULL);
}

JsonObject *qemu_channel_target(const struct qemu *to)
{
	if (to->options & OPTION_TCP)
		return uri_arguments(g_strdup_printf("tcp:127.0.0.1:%s", to->port));
	if (to->options & OPTION_EXEC)
		return uri_arguments(command_uri(">", to->incoming));
	return uri_arguments(path_uri(to));
}

static void tell_incoming(struct qemu *qemu, qmp_reply_function reply)
{
	char *uri;

	if (qemu->options & OPTION_TCP)
		uri = g_strdup("tcp:127.0.0.1:0");
	else if (qemu->options & OPTION_EXEC)
		uri = command_uri("<", qemu->incoming);
	else
		uri = path_uri(qemu);
	qmp_execute(qemu->qmp, "migrate-incoming", uri_arguments(uri), reply, qemu);
}

/* The reply of a destination to query-migrate. It holds the addresses where QEMU listens. */
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
			qemu->port = g_strdup(member_string(json_node_get_object(address), "port"));
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

void qemu_channel_await_guest(struct qemu *qemu)
{
	if (qemu->options & OPTION_FILE)
		/*
		 * There is no file yet, so qemu_channel_sent() will tell QEMU about it. QEMU
		 * replies in order: with this reply, all earlier commands have ended, too.
		 */
		qmp_execute(qemu->qmp, "query-status", NULL, on_incoming_reply, qemu);
	else
		tell_incoming(qemu, on_incoming_reply);
}

void qemu_channel_on_reply(void *data, JsonNode *value, const char *problem)
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

void qemu_channel_sent(struct qemu *to)
{
	if (!(to->options & OPTION_FILE) || to->told_incoming)
		return;
	to->told_incoming = TRUE;
	tell_incoming(to, qemu_channel_on_reply);
}
