// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs, in two pieces: those that describe features, and all others. KVM API documentation:
 * KVM_GET_MSR_INDEX_LIST, KVM_GET_MSRS. The list has MSRs that a guest with this CPUID does not
 * have, and lacks others that KVM keeps (msr-table.c). So each is read once from the first vCPU,
 * and left out if it cannot be read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "forget.h"
#include "message.h"
#include "msrs.h"
#include "pieces.h"
#include "vcpu.h"

#define HYPERV_INTERFACE	  0x31237648 /* "Hv#1" */
#define HV_MSR_SYNIC_AVAILABLE	  (1u << 2)
#define HV_MSR_SYNTIMER_AVAILABLE (1u << 3)
#define HV_INTERFACE_THERE	  (1u << 31) /* a reserved bit of EAX, which we use */

struct list {
	uint32_t count, room;
	uint32_t *indices;
};

static struct list features, others;

/* ---- which there are ---- */

static bool has(const struct list *list, uint32_t index)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->indices[i] == index)
			return true;
	return false;
}

/* Leaves out the TSC, which the piece "tsc" has. */
static void add_if_there(int fd, uint32_t index)
{
	struct list *list = msr_is_feature(index) ? &features : &others;
	uint64_t value;

	if (index == MSR_IA32_TSC || has(list, index) || !kvm_try_msr(fd, index, &value))
		return;
	if (list->count == list->room) {
		list->room = list->room * 2 + 64;
		list->indices = reallocate(list->indices, list->room * sizeof(list->indices[0]));
	}
	list->indices[list->count++] = index;
}

static int by_rank(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
	unsigned first_rank = msr_rank(first), second_rank = msr_rank(second);

	if (first_rank != second_rank)
		return first_rank < second_rank ? -1 : 1;
	return first < second ? -1 : first > second;
}

static const struct kvm_cpuid_entry2 *find_leaf(const struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf)
			return &cpuid->entries[i];
	return NULL;
}

/* TLFS, "Hypervisor CPUID Leaves": the partition's privileges, 0 without Hyper-V. */
static uint32_t hyperv_features(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *interface = find_leaf(cpuid, 0x40000001);
	const struct kvm_cpuid_entry2 *privileges = find_leaf(cpuid, 0x40000003);

	if (!interface || interface->eax != HYPERV_INTERFACE || !privileges)
		return 0;
	return privileges->eax | HV_INTERFACE_THERE;
}

/*
 * KVM lets user space read Hyper-V's MSRs even if the guest has no Hyper-V, but refuses to set some
 * of them to the values that it gave.
 */
static bool guest_has(uint32_t index, uint32_t hyperv_features)
{
	if (index < HV_X64_MSR_FIRST || index > HV_X64_MSR_LAST)
		return true;
	if (index >= HV_X64_MSR_STIMER0_CONFIG && index <= HV_X64_MSR_STIMER3_COUNT)
		return hyperv_features & HV_MSR_SYNTIMER_AVAILABLE;
	if (index >= HV_X64_MSR_SCONTROL && index <= HV_X64_MSR_SINT15)
		return hyperv_features & HV_MSR_SYNIC_AVAILABLE;
	return hyperv_features;
}

/* CPUID is saved before the MSRs. */
static void find_all(const struct machine *machine, const struct state *state)
{
	const struct kvm_cpuid2 *cpuid = (const void *)state_find(state, "cpuid", 0)->bytes;
	const struct kvm_msr_list *listed = machine->kvm.msrs;
	uint32_t hyperv = hyperv_features(cpuid);
	int fd = machine->vm->cpu[0].fd;

	for (uint32_t i = 0; i < listed->nmsrs; i++)
		if (guest_has(listed->indices[i], hyperv))
			add_if_there(fd, listed->indices[i]);
	for (const struct msr_range *range = msr_ranges; range->reason; range++)
		for (uint32_t index = range->first; index <= range->last; index++)
			if (guest_has(index, hyperv))
				add_if_there(fd, index);
	qsort(others.indices, others.count, sizeof(others.indices[0]), by_rank);
}

/* ---- saving and restoring ---- */

struct msrs_request {
	int fd;
	unsigned long number;
	struct kvm_msrs *msrs;
	int result;
};

static void carry_out(void *data)
{
	struct msrs_request *request = data;

	request->result = kvm_try(request->fd, request->number, request->msrs);
}

static bool is_in(const struct kvm_msrs *msrs, uint32_t index)
{
	for (uint32_t i = 0; i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == index)
			return true;
	return false;
}

/*
 * KVM_GET_MSRS or KVM_SET_MSRS. HV_X64_MSR_VP_RUNTIME is the run time of the thread that asks, plus
 * an offset. So the vCPU's own thread has to ask.
 */
static uint32_t do_msrs(struct machine *machine, int cpu, unsigned long number,
			struct kvm_msrs *msrs)
{
	struct msrs_request request = {
		.fd = piece_fd(machine->vm, cpu),
		.number = number,
		.msrs = msrs,
	};

	if (is_in(msrs, HV_X64_MSR_VP_RUNTIME))
		vcpu_call(machine, cpu, carry_out, &request);
	else
		carry_out(&request);
	if (request.result < 0)
		die(STATUS_KVM, "vCPU %d: KVM refuses %s: %s", cpu,
		    number == KVM_GET_MSRS ? "KVM_GET_MSRS" : "KVM_SET_MSRS", strerror(errno));
	return request.result;
}

static void save(struct machine *machine, const struct piece *piece, int cpu, struct state *state,
		 const struct list *list)
{
	uint32_t size = sizeof(struct kvm_msrs) + list->count * sizeof(struct kvm_msr_entry);
	struct kvm_msrs *msrs = (void *)state_add(state, piece->name, cpu, size)->bytes;
	char name[64];
	uint32_t got;

	msrs->nmsrs = list->count;
	for (uint32_t i = 0; i < list->count; i++)
		msrs->entries[i].index = list->indices[i];
	got = do_msrs(machine, cpu, KVM_GET_MSRS, msrs);
	if (got == list->count)
		return;
	msr_name(name, sizeof(name), list->indices[got]);
	die(STATUS_KVM, "vCPU %d: KVM gave MSR 0x%x (%s) before, and no longer does", cpu,
	    list->indices[got], name);
}

SAVES(features)
{
	static bool found;

	if (!found)
		find_all(machine, state);
	found = true;
	save(machine, piece, cpu, state, &features);
}

/* Saved after "features", which has found these MSRs, too. */
SAVES(msrs)
{
	save(machine, piece, cpu, state, &others);
}

static void refuse(int cpu, const struct kvm_msr_entry *msr)
{
	char name[64];

	msr_name(name, sizeof(name), msr->index);
	die(STATUS_KVM,
	    "vCPU %d: KVM refuses to set MSR 0x%x (%s) to 0x%llx, the value that it gave", cpu,
	    msr->index, name, (unsigned long long)msr->data);
}

/*
 * Sets MSRS, in their order. KVM stops at the first one that it refuses. That is no error if the
 * new vCPU already has the value. This happens with MSRs that need a local APIC, if there is none.
 */
static void set_all(struct machine *machine, int cpu, struct kvm_msrs *msrs)
{
	uint32_t set;

	while ((set = do_msrs(machine, cpu, KVM_SET_MSRS, msrs)) != msrs->nmsrs) {
		const struct kvm_msr_entry *msr = &msrs->entries[set];

		if (kvm_get_msr(piece_fd(machine->vm, cpu), msr->index) != msr->data)
			refuse(cpu, msr);
		msrs->nmsrs -= set + 1;
		memmove(msrs->entries, msr + 1, msrs->nmsrs * sizeof(*msr));
	}
}

RESTORES(msrs)
{
	const struct kvm_msrs *saved = (const void *)value->bytes;
	struct kvm_msrs *msrs = allocate(value->size);

	for (uint32_t i = 0; i < saved->nmsrs; i++)
		if (!msr_is_derived(saved->entries[i].index) &&
		    !forget_msr(saved->entries[i].index))
			msrs->entries[msrs->nmsrs++] = saved->entries[i];
	set_all(machine, cpu, msrs);
	free(msrs);
}

COMPARES(msrs)
{
	const struct kvm_msrs *old = (const void *)comparison->old->bytes;
	const struct kvm_msrs *new = (const void *)comparison->new->bytes;
	char name[64];

	if (old->nmsrs != new->nmsrs) {
		differs(comparison, "count", old->nmsrs, new->nmsrs);
		return;
	}
	for (uint32_t i = 0; i < old->nmsrs; i++) {
		const struct kvm_msr_entry *a = &old->entries[i], *b = &new->entries[i];

		if (a->index == b->index && a->data == b->data)
			continue;
		msr_name(name, sizeof(name), a->index);
		if (a->index != b->index)
			differs(comparison, "index", a->index, b->index);
		else
			differs(comparison, name, a->data, b->data);
	}
}

static bool find_msr(const struct state_value *saved, uint32_t index, uint64_t *value)
{
	const struct kvm_msrs *msrs = saved ? (const void *)saved->bytes : NULL;

	for (uint32_t i = 0; msrs && i < msrs->nmsrs; i++) {
		if (msrs->entries[i].index != index)
			continue;
		*value = msrs->entries[i].data;
		return true;
	}
	return false;
}

bool state_msr(const struct state *state, int cpu, uint32_t index, uint64_t *value)
{
	return find_msr(state_find(state, "msrs", cpu), index, value) ||
	       find_msr(state_find(state, "features", cpu), index, value);
}
