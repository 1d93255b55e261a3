# SPDX-License-Identifier: GPL-2.0-or-later
vmx_activity_links := x86/nested/wake.c x86/nested/held-init.c
