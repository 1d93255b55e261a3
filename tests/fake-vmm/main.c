// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A fake ferry-vmm (docs/native-vmm.md, "The control protocol"). The words fake=WORD in the guest's
 * command line say what goes wrong. Its guest passes one test, in which it asks once to be
 * migrated.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_FD	  3
#define STATUS_SETUP	  2
#define STATUS_DIFFERENCE 4
#define STATUS_KVM	  6
#define STATUS_UNABLE	  8
#define GUEST_PASSED	  1

static const char *words = "";
static bool restored, was_restored; /* this process goes on with a guest that another one saved */
static unsigned long sent, sequence;

static bool acts_out(const char *word)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "fake=%s", word);
	return strstr(words, whole);
}

/* ---- the guest ---- */

static void print(const char *text)
{
	size_t length = strlen(text);

	sent += length;
	if (restored && !was_restored)
		return; /* the other process has written it */
	if (write(STDOUT_FILENO, text, length) != (ssize_t)length)
		exit(STATUS_KVM);
}

static void __attribute__((format(printf, 1, 2))) machine_line(const char *format, ...)
{
	char text[256], line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "@%lu+%lu %s\n", ++sequence, sent, text);
	print(line);
}

static void guest_begins(void)
{
	machine_line("hello protocol=1 program=fake cpus=1 tests=1");
	machine_line("begin test=fake cpu=0 round=1");
	print("Now migrate the VM (quiet)\n");
}

static void guest_ends(void)
{
	print("PASS: a check\n");
	machine_line("end test=fake cpu=0 round=1 verdict=pass checks=1");
	print("SUMMARY: 1 tests\n");
	machine_line("bye status=0");
}

/* ---- the VMM ---- */

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vdprintf(CONTROL_FD, format, arguments);
	va_end(arguments);
}

static void __attribute__((noreturn)) die(int status, const char *text)
{
	fprintf(stderr, "ferry-vmm: %s\n", text);
	say("failed text=\"%s\"\n", text);
	exit(status);
}

static bool saved, carried;

/* Carries out a request that is only one step of an action. FALSE: it is another request. */
static bool serve_part(const char *request, unsigned long number)
{
	if (strstr(request, " save")) {
		saved = true;
		if (acts_out("no-room"))
			say("error %lu text=\"cannot save the guest: No space left on device\"\n",
			    number);
		else
			say("ok %lu bytes=1\n", number);
		return true;
	}
	if (saved && strstr(request, " cycle")) {
		say("ok %lu\n", number);
		return true;
	}
	if (strstr(request, " quit")) {
		say("ok %lu\n", number);
		exit(0);
	}
	return false;
}

static void serve(const char *request, unsigned long number)
{

	if (acts_out("silent"))
		pause();
	if (acts_out("dies"))
		raise(SIGSEGV);
	if (acts_out("gives-up"))
		die(STATUS_KVM, "KVM gives up vCPU 0 at rip 0x1234: internal error 1");
	if (acts_out("differs"))
		die(STATUS_DIFFERENCE,
		    "vCPU 0: regs.rax was 0x1 when the guest was saved, and is 0x2 after the restore");
	if (acts_out("refuses"))
		say("error %lu text=\"not today\"\n", number);
	else if (acts_out("wrong-number"))
		say("ok %lu\n", number + 1);
	else if (acts_out("nonsense"))
		say("how nice of you to ask\n");
	else if (acts_out("fails-and-stays")) {
		say("failed text=\"I am lost\"\n");
		pause();
	} else if ((carried = strstr(request, " carry")))
		say("ok %lu passes=4 pages=120 again=%d rings_full=1 stopped_ns=1000\n", number,
		    acts_out("not-live") ? 0 : 20);
	else
		say("ok %lu stopped_ns=1000\n", number);
}

/* Returns when the guest was answered. */
static void wait_for_answer(void)
{
	struct pollfd files[] = {
		{ .fd = CONTROL_FD, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	/* The runner sends a request only after the last reply, so no request is left in this
	 * buffer. */
	FILE *control = fdopen(dup(CONTROL_FD), "r");
	char line[256];

	while (poll(files, 2, -1) > 0) {
		unsigned long number;

		if (files[1].revents && read(STDIN_FILENO, line, 1) == 1)
			return;
		if (!files[0].revents)
			continue;
		if (!fgets(line, sizeof(line), control))
			break;
		number = strtoul(line, NULL, 10);
		if (!serve_part(line, number))
			serve(line, number);
	}
	exit(STATUS_KVM);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "--append"))
			words = argv[i + 1];
		if (!strcmp(argv[i], "--restore-fd"))
			restored = true;
	}
	if (acts_out("no-start")) {
		fprintf(stderr, "ferry-vmm: cannot open /dev/kvm: no such thing\n");
		return STATUS_SETUP;
	}
	if (acts_out("unable")) {
		fprintf(stderr, "ferry-vmm: this KVM has no hv-stimer\n");
		return STATUS_UNABLE;
	}
	if (acts_out("no-hello"))
		pause();
	say("hello protocol=%d version=1 clocks=run\n", acts_out("protocol") ? 2 : 1);
	guest_begins();
	if (restored) {
		was_restored = true;
		if (acts_out("damaged"))
			die(STATUS_SETUP, "the saved guest is damaged: its checksum is wrong");
		if (acts_out("restores-wrongly"))
			die(STATUS_DIFFERENCE,
			    "vCPU 0: regs.rax was 0x1 when the guest was saved, and is 0x2 after the restore");
		say("event ready\n");
	}
	if (acts_out("resets")) {
		say("event reset\n");
		return 0;
	}
	wait_for_answer();
	/* The protocol demands `got` after the answer. */
	machine_line("got answer=0");
	guest_ends();
	if (!acts_out("no-figures"))
		say("figures cycles=%d stopped_ns=1000 in_l2=%d\n",
		    acts_out("no-cycle") || restored || carried ? 0 : 7, acts_out("no-l2") ? 0 : 3);
	return GUEST_PASSED;
}
