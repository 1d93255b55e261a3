// SPDX-License-Identifier: GPL-2.0-or-later
/* See ahead.h. */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "ahead.h"
#include "machine.h"
#include "message.h"

/* How many threads make VMs, and how many VMs wait to be taken. */
#define MAKERS 2

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_made = PTHREAD_COND_INITIALIZER, one_taken = PTHREAD_COND_INITIALIZER;
static struct vm *made[MAKERS];
static unsigned count;

static void *make(void *data)
{
	const struct machine *machine = data;

	for (;;) {
		struct vm *vm =
			vm_create(&machine->kvm, &machine->options->shape, &machine->memory);

		pthread_mutex_lock(&lock);
		while (count == MAKERS)
			pthread_cond_wait(&one_taken, &lock);
		made[count++] = vm;
		pthread_cond_signal(&one_made);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void start_makers(const struct machine *machine)
{
	for (int i = 0; i < MAKERS; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, make, (void *)machine);

		if (error)
			die(STATUS_SETUP, "cannot make a thread that makes VMs: %s",
			    strerror(error));
	}
}

struct vm *ahead_take(const struct machine *machine)
{
	static bool started;
	struct vm *vm;

	if (!started)
		start_makers(machine);
	started = true;
	pthread_mutex_lock(&lock);
	while (!count)
		pthread_cond_wait(&one_made, &lock);
	vm = made[--count];
	pthread_cond_signal(&one_taken);
	pthread_mutex_unlock(&lock);
	return vm;
}
