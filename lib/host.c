// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions to the runner. See host.h. */
#include "libcflat.h"
#include "console.h"
#include "spinlock.h"

#define ANSWER_SIZE 512

/* Each read of the UART is an exit that keeps the VMM from delivering the byte, so read seldom. */
#define TURNS_PER_LOOK 32

static struct spinlock conversation;

void host_lock(void)
{
	/* spin_lock() gives up too early: another CPU may wait for a whole migration. */
	wait_for(spin_trylock(&conversation), 2 * ANSWER_DEADLINE_MS,
		 "CPU %d's conversation with the host", (int)READ_ONCE(conversation.holder) - 1);
}

void host_unlock(void)
{
	spin_unlock(&conversation);
}

bool host_is_asked(void)
{
	return READ_ONCE(conversation.holder);
}

bool host_answers(void)
{
	const char *runner = argument("runner");

	return runner && !strcmp(runner, "ferry");
}

u8 host_byte(void (*meanwhile)(void), const char *what)
{
	struct deadline deadline;
	int byte;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while ((byte = console_read()) < 0) {
		for (int i = 0; i < TURNS_PER_LOOK; i++) {
			if (deadline_passed(&deadline))
				deadline_missed(ANSWER_DEADLINE_MS, "%s", what);
			if (meanwhile)
				meanwhile();
		}
	}
	return byte;
}

int getchar(void)
{
	return host_byte(NULL, "a byte of input");
}

/* Reads a line, without its newline. Drops what does not fit. */
static void read_line(char *line, size_t size, const char *what)
{
	size_t length = 0;
	char c;

	while ((c = host_byte(NULL, what)) != '\n')
		if (length < size - 1)
			line[length++] = c;
	line[length] = '\0';
}

u64 host_ask(const char *what, char *answer, size_t size)
{
	char line[ANSWER_SIZE];
	u64 question;
	char *end;

	if (!host_answers())
		return 0;
	host_lock();
	question = machine_line("ask", "what=%s", what);
	read_line(line, sizeof(line), "the host's answer");
	if (line[0] != '=' || strtoull(line + 1, &end, 10) != question ||
	    (*end != ' ' && *end != '\0'))
		report_abort("question %lu got the answer '%s'", question, line);
	machine_line("got", "answer=%lu", question);
	host_unlock();
	snprintf(answer, size, "%s", *end ? end + 1 : end);
	return question;
}

/* The text after `key=`, or NULL. */
static const char *find_value(const char *answer, const char *key)
{
	size_t length = strlen(key);
	const char *word = answer;

	while (strncmp(word, key, length) || word[length] != '=') {
		word = strchrnul(word, ' ');
		if (!*word)
			return NULL;
		word++;
	}
	return word + length + 1;
}

u64 answer_number(const char *answer, const char *key)
{
	const char *text = find_value(answer, key);
	char *end;
	u64 number;

	if (text) {
		number = strtoull(text, &end, 0);
		if (end != text && (*end == ' ' || !*end))
			return number;
	}
	report_abort("no number '%s' in the host's answer '%s'", key, answer);
}

void answer_word(const char *answer, const char *key, char *word, size_t size)
{
	const char *text = find_value(answer, key);

	word[0] = '\0';
	if (text)
		snprintf(word, size, "%.*s", (int)(strchrnul(text, ' ') - text), text);
}

/* break=host: the host's clock stands still. */
static void stand_still(struct host_time *time)
{
	static struct host_time first;

	if (!first.monotonic)
		first = *time;
	time->monotonic = first.monotonic;
	time->realtime = first.realtime;
}

u64 host_time(struct host_time *time)
{
	char answer[ANSWER_SIZE];
	u64 question = host_ask("time", answer, sizeof(answer));

	*time = (struct host_time){ 0 };
	if (!question)
		return 0;
	*time = (struct host_time){
		.realtime = answer_number(answer, "realtime"),
		.monotonic = answer_number(answer, "monotonic"),
		.moves = answer_number(answer, "moves"),
		.restores = answer_number(answer, "restores"),
		.pause_min = answer_number(answer, "pause_min"),
		.pause_max = answer_number(answer, "pause_max"),
		.cycles = answer_number(answer, "cycles"),
	};
	if (broken("host"))
		stand_still(time);
	return question;
}

u64 host_restores(void)
{
	struct host_time time;

	host_time(&time);
	return time.restores;
}

void host_boot(struct host_boot *boot)
{
	char answer[ANSWER_SIZE];

	*boot = (struct host_boot){ .number = 1 };
	if (!host_ask("boot", answer, sizeof(answer)) || !find_value(answer, "boot"))
		return;
	boot->number = answer_number(answer, "boot");
	answer_word(answer, "test", boot->test, sizeof(boot->test));
	if (boot->test[0])
		boot->cpu = answer_number(answer, "cpu");
	answer_word(answer, "impatient", boot->impatient, sizeof(boot->impatient));
	boot->state = find_value(answer, "state") && answer_number(answer, "state");
}

bool host_wants_more(void)
{
	char answer[ANSWER_SIZE];

	return host_ask("more", answer, sizeof(answer)) && answer_number(answer, "more");
}
