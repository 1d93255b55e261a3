// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pieces that are clocks. They go on between save and restore, as KVM's API documentation describes
 * it for migrations. The TSC keeps its offset to the host's TSC (4.79 KVM_VCPU_TSC_CTRL in
 * devices/vcpu.rst). The VM's clock is advanced by the real time that has passed since it was read
 * (4.29, 4.30). If KVM does not support the offset (Linux before 5.16), the TSC's value is
 * restored, and the TSC has stood still meanwhile: control.c tells the runner.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "host-time.h"
#include "message.h"
#include "msrs.h"
#include "pieces.h"

#define MOST_ERROR_NS 2000
#define MOST_TRIES    10

SAVES(time)
{
	struct state_time *time = (void *)state_add(state, piece->name, cpu, sizeof(*time))->bytes;

	time->monotonic_ns = host_ns(CLOCK_MONOTONIC);
	time->realtime_ns = host_ns(CLOCK_REALTIME);
}

/* ---- the TSC ---- */

SAVES(tsc_khz)
{
	struct state_tsc_khz *tsc = (void *)state_add(state, piece->name, cpu, sizeof(*tsc))->bytes;
	int khz = kvm_try(piece_fd(machine->vm, cpu), KVM_GET_TSC_KHZ, NULL);

	/* EIO: the host's TSC is not stable. */
	tsc->khz = khz > 0 ? khz : 0;
}

/*
 * A new vCPU has the host's frequency, or what vm.c has set. KVM may have rounded that, so it is
 * set again only if it differs.
 */
RESTORES(tsc_khz)
{
	const struct state_tsc_khz *tsc = (const void *)value->bytes;
	int fd = piece_fd(machine->vm, cpu);
	int khz = kvm_try(fd, KVM_GET_TSC_KHZ, NULL);

	if (tsc->khz && khz > 0 && (unsigned)khz != tsc->khz &&
	    kvm_try(fd, KVM_SET_TSC_KHZ, (void *)(uintptr_t)tsc->khz) < 0)
		die(STATUS_SETUP,
		    "this host has a TSC of %d kHz and cannot give a guest one of %llu kHz: %s",
		    khz, (unsigned long long)tsc->khz, strerror(errno));
}

static struct kvm_device_attr tsc_offset(uint64_t *offset)
{
	return (struct kvm_device_attr){
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};
}

SAVES(tsc)
{
	struct state_tsc *tsc = (void *)state_add(state, piece->name, cpu, sizeof(*tsc))->bytes;
	struct kvm_device_attr attribute = tsc_offset(&tsc->offset);
	int fd = piece_fd(machine->vm, cpu);

	tsc->has_offset = kvm_try(fd, KVM_GET_DEVICE_ATTR, &attribute) == 0;
	tsc->value = kvm_get_msr(fd, MSR_IA32_TSC);
}

RESTORES(tsc)
{
	struct state_tsc tsc = *(const struct state_tsc *)value->bytes;
	struct kvm_device_attr attribute = tsc_offset(&tsc.offset);
	int fd = piece_fd(machine->vm, cpu);

	if (tsc.has_offset)
		KVM_DO(fd, KVM_SET_DEVICE_ATTR, &attribute);
	else
		kvm_set_msr(fd, MSR_IA32_TSC, tsc.value);
}

/* ---- the VM's clock ---- */

/*
 * KVM gives no real time if the host's clock is not the TSC, or if the guest uses the old kvmclock
 * MSR. Then it is read here, just after the clock, so that the guest's clock never runs ahead.
 */
SAVES(clock)
{
	struct kvm_clock_data *clock =
		(void *)state_add(state, piece->name, cpu, sizeof(*clock))->bytes;

	KVM_DO(machine->vm->fd, KVM_GET_CLOCK, clock);
	if (!(clock->flags & KVM_CLOCK_REALTIME))
		clock->realtime = host_ns(CLOCK_REALTIME);
}

/* By how much the VM's clock is ahead of what it should be; 0 if KVM gives no real time with it. */
static int64_t ahead_by(int fd, const struct kvm_clock_data *saved)
{
	struct kvm_clock_data now = { 0 };

	KVM_DO(fd, KVM_GET_CLOCK, &now);
	if (!(saved->flags & now.flags & KVM_CLOCK_REALTIME))
		return 0;
	return (int64_t)(now.clock - now.realtime) - (int64_t)(saved->clock - saved->realtime);
}

/*
 * KVM reads the TSC that the clock counts from, and the real time a moment later. If it is
 * interrupted in between, which takes 20 ms on an emulated host at times, the clock runs ahead by
 * that. So the clock is read back, and set again without the error.
 */
RESTORES(clock)
{
	const struct kvm_clock_data *saved = (const void *)value->bytes;
	struct kvm_clock_data clock = *saved;
	uint64_t realtime = host_ns(CLOCK_REALTIME);

	/* The other flags only say how the clock was read. */
	clock.flags &= KVM_CLOCK_REALTIME;
	if (!clock.flags && realtime > clock.realtime)
		clock.clock += realtime - clock.realtime;
	for (int i = 0; i < MOST_TRIES; i++) {
		int64_t error;

		KVM_DO(machine->vm->fd, KVM_SET_CLOCK, &clock);
		error = ahead_by(machine->vm->fd, saved);
		if (llabs(error) <= MOST_ERROR_NS)
			return;
		clock.clock -= error;
	}
}
