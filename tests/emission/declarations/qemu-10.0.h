/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to QEMU 10.0. */
#define PCI_MEMBER pdev
#define MIRROR_CONFIG_OFFSET uint32_t config_offset;
#define SEPARATE_FILE
#include "common.h"
