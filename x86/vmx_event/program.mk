# SPDX-License-Identifier: GPL-2.0-or-later
vmx_event_links := x86/nested/interrupts.c x86/nested/step-over.c
