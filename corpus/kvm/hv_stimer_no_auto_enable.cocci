// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: writing a Hyper-V timer's count does not enable it though AutoEnable is set
// Noticed by: one-shot timers armed by one MSR write, as Windows does, never fire
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: auto_enable

@@
expression stimer;
@@
- if (stimer->config.auto_enable)
+ if (0)
	stimer->config.enable = 1;
