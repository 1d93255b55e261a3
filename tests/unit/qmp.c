// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/vmm/qemu/qmp.c: in each test the peer, at the other end of a socket pair, sends something:
 * answers in order, out of order, nonsense, or nothing at all.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/qemu/qmp.h"

#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "         \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"

/* The shortest deadline for answers. */
#define REPLY_SECONDS 1

struct peer {
	struct qmp *qmp;
	int fd;	       /* the peer's end */
	GString *told; /* the client's calls to its owner, one line for each */
	struct log_file *transcript;
	char *transcript_path;
	gboolean free_when_told; /* inside the next call to the owner */
};

static void told(struct peer *peer, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void told(struct peer *peer, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_string_append_vprintf(peer->told, format, arguments);
	va_end(arguments);
	g_string_append_c(peer->told, '\n');
	if (peer->free_when_told)
		g_clear_pointer(&peer->qmp, qmp_free);
}

static void on_greeted(void *data, const char *version, int major, int minor)
{
	told(data, "greeted %s %d %d", version, major, minor);
}

static void on_event(void *data, const char *name, JsonObject *details, gint64 microseconds)
{
	told(data, "event %s %s at %" G_GINT64_FORMAT, name,
	     details ? member_string(details, "status") : "-", microseconds);
}

static void on_broken(void *data, const char *problem)
{
	g_assert_null(strchr(problem, '\n'));
	told(data, "broken: %s", problem);
}

static const struct qmp_listener listener = {
	.greeted = on_greeted,
	.event = on_event,
	.broken = on_broken,
};

static void on_reply(void *data, JsonNode *value, const char *problem)
{
	g_assert_true(!value == (problem != NULL));
	if (problem)
		g_assert_null(strchr(problem, '\n'));
	told(data, "reply %s", problem ? problem : "well");
}

static struct peer *meet(void)
{
	struct peer *peer = g_new0(struct peer, 1);
	int fds[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	close(g_file_open_tmp("unit-qmp-XXXXXX", &peer->transcript_path, NULL));
	peer->transcript = log_file_create(peer->transcript_path, NULL);
	peer->told = g_string_new(NULL);
	peer->fd = fds[1];
	peer->qmp = qmp_new(fds[0], peer->transcript, "1", REPLY_SECONDS, &listener, peer);
	return peer;
}

static void say(struct peer *peer, const char *text)
{
	g_assert_cmpint(write(peer->fd, text, strlen(text)), ==, strlen(text));
}

static void hear(struct peer *peer)
{
	if (peer->qmp)
		qmp_drain(peer->qmp);
}

/* Runs the main loop until the owner is told something, or until a guard ends the test. */
static gboolean too_long(gpointer data)
{
	g_error("nothing was told within a minute");
	return G_SOURCE_REMOVE;
}

static void wait_until_told(struct peer *peer)
{
	guint guard = g_timeout_add_seconds(60, too_long, NULL);

	while (!peer->told->len)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(guard);
}

static void assert_told(struct peer *peer, const char *text)
{
	g_assert_cmpstr(peer->told->str, ==, text);
	g_string_truncate(peer->told, 0);
}

static void part(struct peer *peer)
{
	if (peer->qmp)
		qmp_free(peer->qmp);
	log_file_close(peer->transcript);
	g_unlink(peer->transcript_path);
	g_free(peer->transcript_path);
	g_string_free(peer->told, TRUE);
	close(peer->fd);
	g_free(peer);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static struct peer *meet_and_greet(void)
{
	struct peer *peer = meet();

	say(peer, GREETING);
	hear(peer);
	assert_told(peer, "greeted 7.2.22 7 2\n");
	return peer;
}

static void test_conversation(void)
{
	struct peer *peer = meet_and_greet();
	char sent[256] = "";
	JsonObject *arguments = json_object_new();
	g_autofree char *transcript = NULL;

	json_object_set_string_member(arguments, "uri", "unix:/x \"y\"");
	qmp_execute(peer->qmp, "first", NULL, on_reply, peer);
	qmp_execute(peer->qmp, "second", arguments, on_reply, peer);
	qmp_execute(peer->qmp, "third", NULL, NULL, NULL);
	g_assert_cmpint(recv(peer->fd, sent, sizeof(sent) - 1, MSG_DONTWAIT), >, 0);
	g_assert_cmpstr(sent, ==,
			"{\"execute\":\"first\"}\n"
			"{\"execute\":\"second\",\"arguments\":{\"uri\":\"unix:/x \\\"y\\\"\"}}\n"
			"{\"execute\":\"third\"}\n");
	say(peer,
	    "{\"return\": {}}\n"
	    "{\"timestamp\": {\"seconds\": 5, \"microseconds\": 7}, \"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\n"
	    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such\\nthing\"}}\n"
	    "{\"return\": {}}\n"
	    "{\"timestamp\": {\"seconds\": 6, \"microseconds\": 0}, \"event\": \"STOP\"}\n");
	hear(peer);
	assert_told(peer, "reply well\n"
			  "event MIGRATION active at 5000007\n"
			  "reply QMP command 'second' failed: no such\\x0athing\n"
			  "event STOP - at 6000000\n");
	g_assert_true(g_file_get_contents(peer->transcript_path, &transcript, NULL, NULL));
	g_assert_nonnull(strstr(transcript, " 1> {\"execute\":\"first\"}\n"));
	g_assert_nonnull(strstr(transcript, " 1< {\"return\": {}}\n"));
	part(peer);
}

static void test_byte_by_byte(void)
{
	struct peer *peer = meet();

	for (const char *byte = GREETING; *byte; byte++) {
		char text[] = { *byte, '\0' };

		say(peer, text);
		hear(peer);
	}
	assert_told(peer, "greeted 7.2.22 7 2\n");
	part(peer);
}

/* Each text comes instead of the greeting, or after it. Each ends the client, once. */
static void test_nonsense(void)
{
	static const struct {
		gboolean greeted;
		const char *text, *told;
	} rows[] = {
		{ FALSE, "hello\n", "broken: QMP answered with nonsense: hello\n" },
		{ FALSE, "\xff\xfe\n", "broken: QMP answered with nonsense: \\xff\\xfe\n" },
		{ FALSE, "[1, 2]\n", "broken: QMP answered with nonsense: [1, 2]\n" },
		{ FALSE, "42\n", "broken: QMP answered with nonsense: 42\n" },
		{ FALSE, "{\"return\": {}}\n",
		  "broken: the QMP stream does not begin with a greeting\n" },
		{ FALSE, "{\"QMP\": {}}\n", "broken: the QMP greeting names no QEMU version\n" },
		{ FALSE, "{\"QMP\": 5}\n",
		  "broken: the QMP stream does not begin with a greeting\n" },
		{ FALSE, "{\"QMP\": {\"version\": {\"qemu\": []}}}\n",
		  "broken: the QMP greeting names no QEMU version\n" },
		{ TRUE, "{\"return\": {}}\n", "broken: a QMP answer that no command waits for\n" },
		{ TRUE, "{\"error\": {}}\n", "broken: a QMP answer that no command waits for\n" },
		{ TRUE, GREETING,
		  "broken: a QMP message that is neither an event nor an answer\n" },
		{ TRUE, "{}\n", "broken: a QMP message that is neither an event nor an answer\n" },
		{ TRUE, "{\"event\": \"STOP\"}\n",
		  "broken: the QMP event 'STOP' has no timestamp\n" },
		{ TRUE,
		  "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": -1, \"microseconds\": -1}}\n",
		  "broken: the QMP event 'STOP' has no timestamp\n" },
		{ TRUE, "{\"event\": 7}\n",
		  "broken: a QMP message that is neither an event nor an answer\n" },
		{ TRUE, "{\"cut\": \n", "broken: QMP answered with nonsense: {\"cut\": \n" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct peer *peer = rows[i].greeted ? meet_and_greet() : meet();

		g_test_message("%s", rows[i].text);
		say(peer, rows[i].text);
		say(peer, "more nonsense\n");
		hear(peer);
		hear(peer);
		assert_told(peer, rows[i].told);
		part(peer);
	}
}

/* An out-of-band command may be answered before earlier ones; its answer has its `id`. */
static void test_answers_out_of_order(void)
{
	struct peer *peer = meet_and_greet();

	qmp_execute(peer->qmp, "one", NULL, on_reply, peer);
	qmp_execute_at_once(peer->qmp, "two", NULL, on_reply, peer);
	qmp_execute_at_once(peer->qmp, "three", NULL, on_reply, peer);
	say(peer, "{\"error\": {\"desc\": \"b\"}, \"id\": 2}\n");
	hear(peer);
	assert_told(peer, "reply QMP command 'three' failed: b\n");
	say(peer, "{\"error\": {\"desc\": \"a\"}}\n{\"return\": {}, \"id\": 1}\n");
	hear(peer);
	assert_told(peer, "reply QMP command 'one' failed: a\nreply well\n");
	qmp_execute_at_once(peer->qmp, "four", NULL, on_reply, peer);
	say(peer, "{\"return\": {}, \"id\": 7}\n");
	hear(peer);
	assert_told(peer, "broken: a QMP answer that no command waits for\n");
	part(peer);
}

static void test_odd_replies(void)
{
	static const char *const replies[] = { "{\"error\": {}}\n", "{\"error\": \"x\"}\n",
					       "{\"error\": {\"desc\": 5}}\n" };

	for (gsize i = 0; i < G_N_ELEMENTS(replies); i++) {
		struct peer *peer = meet_and_greet();

		qmp_execute(peer->qmp, "stop", NULL, on_reply, peer);
		say(peer, replies[i]);
		hear(peer);
		assert_told(peer, "reply QMP command 'stop' failed: no reason given\n");
		part(peer);
	}
}

static void test_endless_line(void)
{
	struct peer *peer = meet();
	g_autofree char *piece = g_strnfill(65536, 'x');

	for (unsigned i = 0; i < 80 && !peer->told->len; i++) {
		say(peer, piece);
		hear(peer);
	}
	g_assert_true(g_str_has_prefix(peer->told->str, "broken: QMP answered with nonsense: "));
	g_assert_true(g_str_has_suffix(peer->told->str, " bytes without a line end\n"));
	part(peer);
}

static void test_no_greeting(void)
{
	struct peer *peer = meet();

	wait_until_told(peer);
	assert_told(peer, "broken: no QMP greeting within 1 s\n");
	part(peer);
}

static void test_no_answer(void)
{
	struct peer *peer = meet_and_greet();

	qmp_execute(peer->qmp, "first", NULL, NULL, NULL);
	qmp_execute(peer->qmp, "second", NULL, on_reply, peer);
	say(peer, "{\"return\": {}}\n");
	wait_until_told(peer);
	assert_told(peer, "broken: no answer to QMP command 'second' within 1 s\n");
	part(peer);
}

/* If a peer closes its end, but stays alive, its answer is missing. */
static void test_no_answer_after_the_end(void)
{
	struct peer *peer = meet_and_greet();

	qmp_execute(peer->qmp, "stop", NULL, on_reply, peer);
	shutdown(peer->fd, SHUT_RDWR);
	wait_until_told(peer);
	assert_told(peer, "broken: no answer to QMP command 'stop' within 1 s\n");
	part(peer);
}

/* A closed connection is no problem by itself: the exit of the process says why it ended. */
static void test_plain_end(void)
{
	struct peer *peer = meet_and_greet();

	shutdown(peer->fd, SHUT_RDWR);
	hear(peer);
	while (g_main_context_iteration(NULL, FALSE))
		;
	assert_told(peer, "");
	part(peer);
}

static void test_silence_when_nothing_is_owed(void)
{
	struct peer *peer = meet_and_greet();
	gint64 end = g_get_monotonic_time() + (REPLY_SECONDS + 1) * G_USEC_PER_SEC;

	qmp_execute(peer->qmp, "stop", NULL, NULL, NULL);
	say(peer, "{\"return\": {}}\n");
	while (g_get_monotonic_time() < end) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(10000);
	}
	assert_told(peer, "");
	part(peer);
}

/* If the peer does not read, its socket fills up, and the client reports that. */
static void test_peer_that_does_not_read(void)
{
	struct peer *peer = meet_and_greet();
	g_autofree char *long_name = g_strnfill(10000, 'x');

	for (unsigned i = 0; i < 1000 && !peer->told->len; i++)
		qmp_execute(peer->qmp, long_name, NULL, NULL, NULL);
	assert_told(peer, "broken: QEMU does not read its QMP commands\n");
	part(peer);
}

static void test_commands_after_the_end(void)
{
	struct peer *peer = meet_and_greet();

	shutdown(peer->fd, SHUT_RDWR);
	hear(peer);
	qmp_execute(peer->qmp, "quit", NULL, on_reply, peer);
	assert_told(peer, "");
	part(peer);
}

/* The owner may free the client from inside each of its calls. */
static void test_freed_when_told(void)
{
	static const char *const last_words[] = {
		"{\"return\": {}}\n{\"return\": {}}\n",
		"{\"error\": {\"desc\": \"x\"}}\n",
		"{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 1}}\nx\n",
		"nonsense\n{\"return\": {}}\n",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(last_words); i++) {
		struct peer *peer = meet_and_greet();

		qmp_execute(peer->qmp, "stop", NULL, on_reply, peer);
		peer->free_when_told = TRUE;
		say(peer, last_words[i]);
		hear(peer);
		g_assert_null(peer->qmp);
		g_assert_nonnull(strchr(peer->told->str, '\n'));
		/* An owner that has freed its client is told nothing. */
		g_assert_true(g_str_has_suffix(peer->told->str, "\n"));
		g_assert_true(strchr(peer->told->str, '\n') ==
			      peer->told->str + peer->told->len - 1);
		part(peer);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/qmp/conversation", test_conversation);
	g_test_add_func("/qmp/byte-by-byte", test_byte_by_byte);
	g_test_add_func("/qmp/nonsense", test_nonsense);
	g_test_add_func("/qmp/out-of-order", test_answers_out_of_order);
	g_test_add_func("/qmp/odd-replies", test_odd_replies);
	g_test_add_func("/qmp/endless-line", test_endless_line);
	g_test_add_func("/qmp/no-greeting", test_no_greeting);
	g_test_add_func("/qmp/no-answer", test_no_answer);
	g_test_add_func("/qmp/no-answer-after-the-end", test_no_answer_after_the_end);
	g_test_add_func("/qmp/plain-end", test_plain_end);
	g_test_add_func("/qmp/silence-when-nothing-is-owed", test_silence_when_nothing_is_owed);
	g_test_add_func("/qmp/peer-does-not-read", test_peer_that_does_not_read);
	g_test_add_func("/qmp/commands-after-the-end", test_commands_after_the_end);
	g_test_add_func("/qmp/freed-when-told", test_freed_when_told);
	return g_test_run();
}
