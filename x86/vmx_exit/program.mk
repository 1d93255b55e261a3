# SPDX-License-Identifier: GPL-2.0-or-later
vmx_exit_links := x86/nested/instructions.c
