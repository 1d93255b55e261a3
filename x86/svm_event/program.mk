# SPDX-License-Identifier: GPL-2.0-or-later
svm_event_links := x86/nested/interrupts.c x86/nested/steps.c x86/nested/wake.c x86/nested/step-over.c x86/nested/held-init.c
