// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See vcpu.h. KVM API documentation 4.10 (KVM_RUN) and 5 (the kvm_run structure): an access that
 * KVM leaves to user space is complete only after KVM_RUN has been called again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "exit.h"
#include "host-time.h"
#include "machine.h"
#include "message.h"
#include "vcpu.h"

#define SIGNAL_STOP SIGUSR1

struct vcpu {
	struct machine *machine;
	unsigned index;
	pthread_t thread;
	/* The function that vcpu_call() asks for, or NULL. */
	void (*function)(void *data);
	void *data;
};

/* Guards the variables below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_go = PTHREAD_COND_INITIALIZER, one_stood = PTHREAD_COND_INITIALIZER;
static pthread_cond_t returned = PTHREAD_COND_INITIALIZER;
static bool stop_wanted = true, leave_wanted;
static unsigned running;
static unsigned events;
static int end_status;

static int event_fd = -1;

/* The signal's handler makes KVM_RUN return at once, even if it has not been called yet. */
static __thread struct kvm_run *volatile this_run;

static void on_stop_signal(int signal)
{
	if (this_run)
		this_run->immediate_exit = 1;
}

/* ---- events for the director ---- */

static void raise_event_locked(unsigned event)
{
	uint64_t one = 1;

	events |= event;
	stop_wanted = true;
	if (write(event_fd, &one, sizeof(one)) < 0)
		die(STATUS_KVM, "cannot write to an eventfd: %s", strerror(errno));
}

static void raise_event(unsigned event)
{
	pthread_mutex_lock(&lock);
	raise_event_locked(event);
	pthread_mutex_unlock(&lock);
}

void machine_end(struct machine *machine, int status)
{
	pthread_mutex_lock(&lock);
	if (!(events & VCPU_ENDED)) {
		end_status = status;
		raise_event_locked(VCPU_ENDED);
	}
	pthread_mutex_unlock(&lock);
}

void vcpus_reset_wanted(void)
{
	raise_event(VCPU_RESET);
}

int vcpus_event_fd(void)
{
	return event_fd;
}

unsigned vcpus_take_events(void)
{
	uint64_t count;
	unsigned taken;

	pthread_mutex_lock(&lock);
	/* The read does not block. It fails with EAGAIN if there is no event. */
	if (read(event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		die(STATUS_KVM, "cannot read an eventfd: %s", strerror(errno));
	taken = events;
	events = 0;
	pthread_mutex_unlock(&lock);
	return taken;
}

int vcpus_end_status(void)
{
	return end_status;
}

/* ---- a vCPU's thread ---- */

static unsigned handle_exit(struct vcpu *vcpu, struct kvm_run *run)
{
	if (vcpu->machine->astray && exit_is_of_guest(run))
		return VCPU_ASTRAY;
	return exit_handle(vcpu->machine, vcpu->index, run);
}

/*
 * Completes the access that was just carried out. The instruction may go on with another one, as a
 * string instruction does.
 */
static void complete_access(struct vcpu *vcpu, int fd, struct kvm_run *run)
{
	for (;;) {
		unsigned event;

		run->immediate_exit = 1;
		if (ioctl(fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				return;
			die(STATUS_KVM, "KVM refuses to complete an access of vCPU %u: %s",
			    vcpu->index, strerror(errno));
		}
		if (run->exit_reason == KVM_EXIT_INTR)
			return;
		/* All vCPUs are stopping already, so a cycle need not be asked for. */
		event = handle_exit(vcpu, run) & ~VCPU_CYCLE_DUE;
		if (event)
			raise_event(event);
	}
}

static bool should_stop(void)
{
	bool stop;

	pthread_mutex_lock(&lock);
	stop = stop_wanted;
	pthread_mutex_unlock(&lock);
	return stop;
}

static void do_call_locked(struct vcpu *vcpu)
{
	vcpu->function(vcpu->data);
	vcpu->function = NULL;
	pthread_cond_signal(&returned);
}

/* FALSE if the thread is to end. */
static bool wait_to_go(struct vcpu *vcpu)
{
	bool go;

	pthread_mutex_lock(&lock);
	running--;
	pthread_cond_signal(&one_stood);
	while (stop_wanted && !leave_wanted) {
		if (vcpu->function)
			do_call_locked(vcpu);
		else
			pthread_cond_wait(&all_go, &lock);
	}
	go = !leave_wanted;
	running += go;
	pthread_mutex_unlock(&lock);
	return go;
}

/* Runs the vCPU until all vCPUs are to stop. */
static void run_until_stop(struct vcpu *vcpu, int fd, struct kvm_run *run)
{
	bool access = false;

	this_run = run;
	for (;;) {
		/* A signal that comes from here on makes KVM_RUN return. */
		run->immediate_exit = 0;
		if (should_stop())
			break;
		if (!vcpu->machine->astray)
			devices_before_run(vcpu->machine, vcpu->index);
		if (ioctl(fd, KVM_RUN, 0) < 0) {
			/* EAGAIN: a vCPU that waited for SIPI was woken by something else. */
			if (errno != EINTR && errno != EAGAIN)
				die(STATUS_KVM, "KVM_RUN of vCPU %u: %s", vcpu->index,
				    strerror(errno));
			access = false;
		} else {
			unsigned event = handle_exit(vcpu, run);

			access = true;
			if (event)
				raise_event(event);
		}
	}
	if (access)
		complete_access(vcpu, fd, run);
	this_run = NULL;
}

static void *vcpu_main(void *data)
{
	struct vcpu *vcpu = data;

	while (wait_to_go(vcpu)) {
		struct vm_cpu *cpu = &vcpu->machine->vm->cpu[vcpu->index];

		run_until_stop(vcpu, cpu->fd, cpu->run);
	}
	return NULL;
}

/* ---- the director's side ---- */

static void make_threads(struct machine *machine)
{
	unsigned cpus = machine->vm->shape.cpus;

	running = cpus;
	for (unsigned i = 0; i < cpus; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];
		int error = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);

		if (error)
			die(STATUS_SETUP, "cannot make a thread for vCPU %u: %s", i,
			    strerror(error));
	}
}

void vcpus_start(struct machine *machine)
{
	unsigned cpus = machine->vm->shape.cpus;
	struct sigaction action = { .sa_handler = on_stop_signal };

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		die(STATUS_SETUP, "cannot make an eventfd: %s", strerror(errno));
	sigaction(SIGNAL_STOP, &action, NULL);
	machine->vcpus = allocate(cpus * sizeof(machine->vcpus[0]));
	for (unsigned i = 0; i < cpus; i++)
		machine->vcpus[i] = (struct vcpu){ .machine = machine, .index = i };
	make_threads(machine);
}

void vcpus_renew_threads(struct machine *machine)
{
	if (!machine->vcpus)
		return;
	pthread_mutex_lock(&lock);
	leave_wanted = true;
	pthread_cond_broadcast(&all_go);
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < machine->vm->shape.cpus; i++)
		pthread_join(machine->vcpus[i].thread, NULL);
	leave_wanted = false;
	make_threads(machine);
}

void vcpu_kick(struct machine *machine, unsigned index)
{
	if (machine->vcpus)
		pthread_kill(machine->vcpus[index].thread, SIGNAL_STOP);
}

void vcpus_stop(struct machine *machine)
{
	pthread_mutex_lock(&lock);
	stop_wanted = true;
	if (running)
		for (unsigned i = 0; i < machine->vm->shape.cpus; i++)
			pthread_kill(machine->vcpus[i].thread, SIGNAL_STOP);
	while (running)
		pthread_cond_wait(&one_stood, &lock);
	pthread_mutex_unlock(&lock);
}

void vcpus_run_astray(struct machine *machine, uint64_t ns)
{
	struct pollfd file = { .fd = event_fd, .events = POLLIN };
	const struct timespec time = { .tv_sec = ns / NS_PER_SECOND,
				       .tv_nsec = ns % NS_PER_SECOND };

	machine->astray = true;
	vcpus_go(machine);
	ppoll(&file, 1, &time, NULL);
	vcpus_stop(machine);
	vcpus_take_events();
	machine->astray = false;
}

void vcpu_call(struct machine *machine, unsigned index, void (*function)(void *data), void *data)
{
	struct vcpu *vcpu = machine->vcpus ? &machine->vcpus[index] : NULL;

	/* A guest that is restored from a file has no threads yet. */
	if (!vcpu) {
		function(data);
		return;
	}
	pthread_mutex_lock(&lock);
	vcpu->function = function;
	vcpu->data = data;
	pthread_cond_broadcast(&all_go);
	while (vcpu->function)
		pthread_cond_wait(&returned, &lock);
	pthread_mutex_unlock(&lock);
}

void vcpus_go(struct machine *machine)
{
	pthread_mutex_lock(&lock);
	stop_wanted = false;
	pthread_cond_broadcast(&all_go);
	pthread_mutex_unlock(&lock);
}
