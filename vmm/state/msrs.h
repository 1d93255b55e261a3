/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which MSRs are saved, and what they are called. */
#ifndef VMM_STATE_MSRS_H
#define VMM_STATE_MSRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSR_IA32_TSC		  0x10
#define MSR_IA32_FEATURE_CONTROL  0x3a
#define MSR_IA32_TSC_DEADLINE	  0x6e0
#define HV_X64_MSR_FIRST	  0x40000000
#define HV_X64_MSR_LAST		  0x400001ff
#define HV_X64_MSR_VP_RUNTIME	  0x40000010
#define HV_X64_MSR_SCONTROL	  0x40000080
#define HV_X64_MSR_SIEFP	  0x40000082
#define HV_X64_MSR_SIMP		  0x40000083
#define HV_X64_MSR_EOM		  0x40000084
#define HV_X64_MSR_SINT15	  0x4000009f
#define HV_X64_MSR_STIMER0_CONFIG 0x400000b0
#define HV_X64_MSR_STIMER3_COUNT  0x400000b7

/*
 * MSRs that KVM keeps, whether KVM_GET_MSR_INDEX_LIST has them or not, in ranges. Ended by one
 * without a reason.
 */
struct msr_range {
	uint32_t first, last;
	const char *reason;
};

extern const struct msr_range msr_ranges[];

/*
 * Whether the MSR describes what the vCPU can do, so that it is set before all that depends on it.
 */
bool msr_is_feature(uint32_t index);
/* Whether KVM makes it from other state, and refuses to set it. */
bool msr_is_derived(uint32_t index);
/* MSRs of a lower rank are restored first. */
unsigned msr_rank(uint32_t index);
/* Writes "IA32_PAT" or "0x277" to NAME. */
void msr_name(char *name, size_t room, uint32_t index);

#endif
