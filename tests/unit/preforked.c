// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/vmm/qemu/preforked.c and lab/preforked.c: programs that are loaded and linked once, and
 * then forked for each start.
 */
#define _GNU_SOURCE /* pipe2() */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/qemu/preforked.h"

/* Prints the program's parent, session, environment and files. */
static const char inspect[] =
	"echo parent $PPID; set -- $(cut -d ' ' -f 6 /proc/$$/stat); [ $1 = $$ ] && echo leads; echo preload ${LD_PRELOAD-none} ${" PREFORKED_SOCKET
	"-none}; echo files; ls /proc/$$/fd; read word; echo got $word; exit 7";

static char *library(void)
{
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(program);

	return g_build_filename(folder, "..", "lab", "preforked.so", NULL);
}

static char *read_all(int file)
{
	GString *text = g_string_new(NULL);
	char bytes[256];
	ssize_t length;

	while ((length = read(file, bytes, sizeof(bytes))) > 0)
		g_string_append_len(text, bytes, length);
	return g_string_free(text, FALSE);
}

static int wait_for(pid_t pid)
{
	int status;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status;
}

static void test_start(void)
{
	char *arguments[] = { (char *)"sh", (char *)"-c", (char *)inspect, NULL };
	g_autofree char *preloaded = library();
	pid_t last = 0;

	for (int i = 0; i < 3; i++) {
		g_autofree char *text = NULL, *parent = NULL;
		int in[2], out[2], status;
		pid_t pid;

		g_assert_cmpint(pipe2(in, O_CLOEXEC), ==, 0);
		g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
		pid = preforked_start(preloaded, arguments, (int[]){ in[0], out[1], out[1], in[0] },
				      (int[]){ 0, 1, 2, 7 }, 4, FALSE);
		g_assert_cmpint(pid, >, 0);
		g_assert_cmpint(pid, !=, last);
		last = pid;
		close(in[0]);
		close(out[1]);
		g_assert_cmpint(write(in[1], "it\n", 3), ==, 3);
		text = read_all(out[0]);
		status = wait_for(pid);
		g_assert_true(WIFEXITED(status));
		g_assert_cmpint(WEXITSTATUS(status), ==, 7);
		parent = g_strdup_printf(
			"parent %d\nleads\npreload none none\nfiles\n0\n1\n2\n7\ngot it\n",
			getpid());
		g_assert_cmpstr(text, ==, parent);
		close(in[1]);
		close(out[0]);
	}
}

/* The interpreter of a script must not take the arguments for its own. */
static void test_script(void)
{
	g_autofree char *path = g_strdup_printf("%s/ferry-script-XXXXXX", g_get_tmp_dir());
	g_autofree char *preloaded = library(), *text = NULL;
	char *arguments[] = { path, (char *)"-c", (char *)"echo no", NULL };
	static const char script[] = "#!/bin/sh\necho \"$@\"\n";
	int file = g_mkstemp(path), out[2];
	pid_t pid;

	g_assert_cmpint(write(file, script, sizeof(script) - 1), ==, sizeof(script) - 1);
	fchmod(file, 0700);
	close(file);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	pid = preforked_start(preloaded, arguments, &out[1], (int[]){ 1 }, 1, FALSE);
	g_assert_cmpint(pid, >, 0);
	close(out[1]);
	text = read_all(out[0]);
	g_assert_cmpint(wait_for(pid), ==, 0);
	g_assert_cmpstr(text, ==, "-c echo no\n");
	close(out[0]);
	unlink(path);
}

static void test_cannot(void)
{
	static const struct {
		const char *program, *library;
	} rows[] = {
		{ "/no/such/program", NULL },
		{ "true", "/no/such/library.so" },
		{ "sh", NULL }, /* its arguments are too long */
	};
	g_autofree char *preloaded = library();
	g_autofree char *word = g_strnfill(PREFORKED_BYTES, 'x');

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *arguments[] = { (char *)rows[i].program, word, NULL };

		if (!g_str_equal(rows[i].program, "sh"))
			arguments[1] = (char *)"--help";
		for (int again = 0; again < 2; again++)
			g_assert_cmpint(
				preforked_start(rows[i].library ? rows[i].library : preloaded,
						arguments, (int[]){ 1 }, (int[]){ 1 }, 1, FALSE),
				==, 0);
	}
}

static void test_high_priority(void)
{
	char *arguments[] = { (char *)"sh", (char *)"-c", (char *)"cut -d ' ' -f 19 /proc/$$/stat",
			      NULL };
	g_autofree char *preloaded = library();

	if (geteuid()) {
		g_test_skip("priorities are root's");
		return;
	}
	for (int high_priority = 0; high_priority < 2; high_priority++) {
		g_autofree char *text = NULL;
		int out[2];
		pid_t pid;

		g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
		pid = preforked_start(preloaded, arguments, &out[1], (int[]){ 1 }, 1,
				      high_priority);
		g_assert_cmpint(pid, >, 0);
		close(out[1]);
		text = read_all(out[0]);
		wait_for(pid);
		g_assert_cmpstr(text, ==, high_priority ? "-20\n" : "0\n");
		close(out[0]);
	}
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/preforked/start", test_start);
	g_test_add_func("/preforked/script", test_script);
	g_test_add_func("/preforked/cannot", test_cannot);
	g_test_add_func("/preforked/high-priority", test_high_priority);
	status = g_test_run();
	preforked_end();
	return status;
}
