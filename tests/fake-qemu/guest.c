// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest: a few steps that speak the console protocol (docs/protocol.md). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake-qemu.h"

/* The time between two clock marks, long enough that a stopped clock is no rounding error. */
#define WORK_MS 20

struct guest guest;
bool guest_runs;
unsigned resets;
int clock_percent = 100;
int clock_leap_ms;
bool test_fails;
struct output next_output;

static int64_t guest_clock(void)
{
	return now_ns() / 100 * clock_percent + (guest.actions ? clock_leap_ms * NS_PER_MS : 0);
}

void print(const char *text)
{
	size_t length = strlen(text);

	guest.sent += length;
	write_all(STDOUT_FILENO, text, next_output.doubled_bytes);
	write_all(STDOUT_FILENO, text + next_output.lost_bytes, length - next_output.lost_bytes);
	if (next_output.doubled)
		write_all(STDOUT_FILENO, text, length);
	next_output = (struct output){ 0 };
}

void machine_line(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int head = snprintf(line, sizeof(line), "@%llu+%llu ", (unsigned long long)++guest.sequence,
			    (unsigned long long)guest.sent);

	va_start(arguments, format);
	vsnprintf(line + head, sizeof(line) - head - 1, format, arguments);
	va_end(arguments);
	strcat(line, "\n");
	print(line);
}

void ask(const char *what)
{
	machine_line("ask what=%s", what);
	guest.question = guest.sequence;
}

void leave(void)
{
	print("SUMMARY: 1 tests\n");
	if (usual("bye"))
		machine_line("bye status=%d", guest.failed);
	exit(GUEST_EXIT(guest.failed));
}

static void work(void)
{
	struct timespec span = { .tv_nsec = WORK_MS * NS_PER_MS };

	nanosleep(&span, NULL);
}

static void clock_mark(void)
{
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	machine_line("mark name=clock clock=fake cpu=0 before=%lld after=%lld answer=%llu",
		     (long long)guest.before, (long long)guest_clock(),
		     (unsigned long long)guest.question);
	work();
}

static void step_hello(const char *input)
{
	if (usual("hello"))
		machine_line("hello protocol=1 program=fake cpus=1 tests=1");
	ask("boot");
}

static void step_booted(const char *input)
{
	/* Otherwise it is the answer to a question from before the reset. */
	if (input[0] != '=' || strtoull(input + 1, NULL, 10) != guest.question)
		print("FAIL: the answer is to another question\n");
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	if (strstr(input, "state=1") && usual("machine"))
		machine_line("machine cpu=0 one=0x1 two=0x2");
	usual("booted");
}

static void step_begin(const char *input)
{
	machine_line("begin test=fake cpu=0 round=%u", ++guest.round);
	guest.failed |= test_fails;
	print(test_fails ? "FAIL: fake: it fails as known\n" : "PASS: the fake guest runs\n");
	usual("begun");
	guest.before = guest_clock();
	ask("time");
}

static void step_migrate(const char *input)
{
	clock_mark();
	print("Now migrate the VM (quiet)\n");
	if (guest.sleep == SLEEPS || guest.sleep == SLEEPS_FOR_EVER)
		event("SUSPEND", "");
}

void wake_guest(void)
{
	if (guest.sleep == SLEEPS)
		machine_line("mark name=awake");
	guest.sleep = AWAKE;
}

static void step_answered(const char *input)
{
	usual("answered");
	machine_line("got answer=0");
	guest.before = guest_clock();
	ask("time");
}

static void step_end(const char *input)
{
	clock_mark();
	machine_line("end test=fake cpu=0 round=%u verdict=%s checks=1%s", guest.round,
		     test_fails ? "fail" : "pass",
		     test_fails ? " reason=\"it fails as known\"" : "");
	usual("ended");
	ask("more");
}

static void step_more(const char *input)
{
	machine_line("got answer=%llu", (unsigned long long)guest.question);
	if (!strstr(input, "more=1"))
		leave();
}

/* The steps in their order. A step that waits gets the line of input. */
static const struct step {
	void (*run)(const char *input);
	bool waits; /* for input, before it runs */
} steps[] = {
	{ step_hello },		 { step_booted, true }, { step_begin },	     { step_migrate, true },
	{ step_answered, true }, { step_end, true },	{ step_more, true },
};

#define FIRST_STEP_OF_ROUND 2

void run_guest(const char *input)
{
	while (guest_runs && (!steps[guest.step].waits || input)) {
		const struct step *step = &steps[guest.step];

		guest.step = guest.step + 1 < sizeof(steps) / sizeof(*steps) ? guest.step + 1
									     : FIRST_STEP_OF_ROUND;
		step->run(input);
		input = NULL;
	}
}

void reset_guest(bool by_guest)
{
	event("RESET", by_guest ? "{\"guest\": true, \"reason\": \"guest-reset\"}"
				: "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}");
	guest = (struct guest){ 0 };
	resets++;
}

void restart_guest(void)
{
	guest = (struct guest){ 0 };
	step_hello(NULL);
}
